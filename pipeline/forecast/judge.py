"""Forecasts the questions to the judge: how many answers the check doubts, their tokens and their price."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.forecast.estimate import Interval
from pipeline.forecast.measure_sample import ModelAnswers
from pipeline.forecast.tokens import BYTES_A_TOKEN, TOKENS_VARY, chat_tokens, text_tokens
from transforms.captions.answer_budget import Price
from transforms.captions.questions import Questions

__all__ = ["JudgePlan", "plan_judge"]

#: The share of a strong writer's answers that the check doubts: measured 2026-11-28 on 120 captions.
DOUBTED = 0.13
#: The least number of answers from which the share is taken.
_ENOUGH_ANSWERS = 30


@dataclass(frozen=True)
class JudgePlan:
    """The forecast of the questions to the judge, and of their cost."""

    model: str
    questions: Interval
    share_from: str
    """Where the share of doubted answers is from."""
    prompt_tokens: Interval
    completion_tokens: Interval
    tokens_from: str
    cost_usd: Interval | None
    """None if the recipe has no price of the model."""

    def values(self) -> dict[str, object]:
        """The forecast as plain values."""
        return {
            "model": self.model,
            "questions": {**self.questions.values(), "from": self.share_from},
            "prompt_tokens": {**self.prompt_tokens.values(), "from": self.tokens_from},
            "completion_tokens": self.completion_tokens.values(),
            "cost_usd": None if self.cost_usd is None else self.cost_usd.values(),
        }


def plan_judge(
    judge: Questions, price: Price | None, answers: Interval, doubted: float, caption_tokens: float, seen: ModelAnswers
) -> JudgePlan:
    """Forecasts the questions to the judge.

    Args:
        answers: the answers of the writer that are still to come.
        doubted: known answers of the writer that the judge has still to be asked about.
        caption_tokens: the mean number of tokens of a caption.
        seen: answers of the writer and of the judge, just now or in earlier builds.
    """
    if seen.answers >= _ENOUGH_ANSWERS:
        share = seen.judged / seen.answers
        error = 1.96 * (max(share * (1 - share), 1 / seen.answers) / seen.answers) ** 0.5
        of_answers, share_from = Interval(share, max(share - error, 0.0), min(share + error, 1.0)), "known answers"
    else:
        of_answers, share_from = Interval(DOUBTED, 0.0, 1.0), "a strong writer's"
    coming = Interval(answers.value * of_answers.value, answers.low * of_answers.low, answers.high * of_answers.high)
    questions = coming + Interval.exact(doubted)
    ((_, prompt),) = judge.prompts.items()
    asked = chat_tokens(prompt.messages("", {})) + caption_tokens
    replied = sum(text_tokens(example.answer) for example in prompt.examples) / len(prompt.examples)
    tokens_from, vary = f"{BYTES_A_TOKEN:g} bytes a token", TOKENS_VARY
    if seen.judged and seen.judge_prompt_tokens:
        asked, replied = seen.judge_prompt_tokens / seen.judged, seen.judge_completion_tokens / seen.judged
        tokens_from, vary = share_from, 0.05
    prompt_tokens, completion_tokens = (questions.times(tokens).widened(vary) for tokens in (asked, replied))
    cost = None
    if price is not None:
        cost = prompt_tokens.times(price.prompt / 1e6) + completion_tokens.times(price.completion / 1e6)
    return JudgePlan(judge.model, questions, share_from, prompt_tokens, completion_tokens, tokens_from, cost)
