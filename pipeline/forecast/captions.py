"""Forecasts the captions of a build: questions without a known answer, tries, tokens and their price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.build.planning import Plan
from pipeline.forecast.estimate import Interval
from pipeline.forecast.judge import JudgePlan, plan_judge
from pipeline.forecast.measure_sample import ModelAnswers, in_keyed_order
from pipeline.forecast.tokens import BYTES_A_TOKEN, TOKENS_VARY, chat_tokens, text_tokens
from pipeline.recipe import Recipe
from prompts import Prompt
from transforms.bounds import parquet_tables
from transforms.captions.answer_journal import AnswersFile, KnownAnswers, open_answers
from transforms.captions.describe_places import describe_place
from transforms.captions.questions import Questions
from transforms.captions.rewriting import open_question
from transforms.captions.scenes import scene_caption
from transforms.captions.scenes.scene_text import chat_of
from transforms.captions.template import template_caption
from transforms.records import ERROR_PREFIX, Acoustics, Row
from transforms.rooms.place_source import SceneDoesNotFit, place_row
from transforms.rooms.responses.take_responses import place_in_measured_room
from transforms.scenes.clip_pool import ListedPool
from transforms.scenes.gather_sounds import expected_sounds
from transforms.scenes.place_scenes import place_row_or_scene
from transforms.shards.plan_shards import make_row
from transforms.shards.release_rows import as_answers

__all__ = ["CaptionPlan", "QuestionCount", "count_questions", "earlier_answers", "plan_captions"]

#: The most rows whose questions are composed one by one; of more rows a keyed sample is taken. With known answers the
#: sample is larger, because each row may have its own answer.
MOST_ROWS, MOST_ROWS_WITH_ANSWERS = 2_000, 20_000

#: The share of captions that are still refused after each try: SmolLM2 on 200 captions of AudioCaps, where it begins
#: the answer itself, as a model behind an endpoint does. docs/captions.md
#: has the first, the last and the mean number of tries; the shares between them are interpolated.
STILL_REFUSED = {"place": (0.315, 0.26, 0.225, 0.175), "paper": (0.83, 0.82, 0.82, 0.82)}

#: The least number of answered captions from which the number of tries is taken.
_ENOUGH_CAPTIONS = 30


@dataclass(frozen=True)
class PromptQuestions:
    """The open questions that are asked with one prompt: their number, and the mean of their prompt tokens."""

    open: int
    prompt_tokens: float


@dataclass(frozen=True)
class QuestionCount:
    """The questions of a build at their first try."""

    captions: int
    """The number of captions of the build."""
    open: int
    """The number of distinct questions without a known answer."""
    known: int
    """The number of captions that known answers settle."""
    prompt_tokens: float
    """The mean number of prompt tokens of a question."""
    completion_tokens: float
    rows: int
    """The number of rows that were counted."""
    by_prompt: Mapping[str, PromptQuestions] = field(default_factory=dict)
    """The open questions of each prompt, by the prompt's id."""
    doubted: int = 0
    """The number of distinct open questions to the judge, about answers that are known."""


@dataclass(frozen=True)
class CaptionPlan:
    """The forecast of the questions to a model, and of their cost."""

    writer: str
    model: str
    prompts: Mapping[str, PromptQuestions]
    """The open questions of each prompt, by the prompt's id."""
    questions: int
    known: int
    tries: Interval
    tries_from: str
    answers: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    tokens_from: str
    cost_usd: Interval | None
    """Of the judge too; None if the recipe has no price of one of the models."""
    judge: JudgePlan | None = None
    writer_priced: bool = True
    """Whether the recipe has a price of the writer's model."""

    def values(self) -> dict[str, object]:
        """The forecast as plain values."""
        return {
            "writer": self.writer,
            "model": self.model,
            "prompt": ", ".join(self.prompts) or None,
            "prompts": {
                prompt: {"questions": of_prompt.open, "prompt_tokens_each": round(of_prompt.prompt_tokens, 1)}
                for prompt, of_prompt in self.prompts.items()
            },
            "questions": self.questions,
            "known": self.known,
            "tries": {**self.tries.values(), "from": self.tries_from},
            "answers": self.answers.values(),
            "prompt_tokens": {**self.prompt_tokens.values(), "from": self.tokens_from},
            "completion_tokens": self.completion_tokens.values(),
            "cost_usd": None if self.cost_usd is None else self.cost_usd.values(),
            "judge": None if self.judge is None else self.judge.values(),
        }


def count_questions(recipe: Recipe, plan: Plan, known: KnownAnswers) -> QuestionCount:
    """Counts the questions of a build, composed as in the build; words come from the T30 that a room is designed for.

    The build takes the T30 that it measures, which is within 2 % of it: a row in a thousand has another word.
    """
    questions, supply, ranges = recipe.caption_job().questions(), recipe.room_supply(), recipe.scene_ranges()
    scenes, pool = recipe.scene_settings(), ListedPool(plan.pool)
    clips = [clip for shard in plan.shards for clip in shard.clips]
    most = MOST_ROWS_WITH_ANSWERS if len(known) else MOST_ROWS
    every = questions.versions * sum(len(clip.captions) * recipe.augmentations.of(clip.split) for clip in clips)
    first_asked: dict[str, tuple[str, float, float]] = {}
    doubted: set[str] = set()
    rows = captions = settled = 0
    for at in in_keyed_order(clips, recipe.seed):
        clip = clips[at]
        if rows >= most:
            break
        for version in range(recipe.augmentations.of(clip.split)):
            rows += 1
            try:
                row = place_in_measured_room(make_row(clip, version, recipe.seed), plan.responses)
                if row.measured is not None:
                    pass
                elif scenes.are_on:
                    room = supply.room_for(row.seed, clip.split)
                    row = expected_sounds(replace(row, room=room), scenes, pool, recipe.audio.min_duration_s)
                    row = place_row_or_scene(row, ranges, scenes)
                else:
                    row = place_row(row, supply, ranges)
            except SceneDoesNotFit:
                continue
            for request in questions.of_rows([_with_planned_words(row)]):
                captions += 1
                found = open_question(request, known.get, questions)
                if found is None:
                    settled += 1
                elif found.to_judge is not None:
                    doubted.add(found.sha256)
                elif found.sha256 not in first_asked:
                    messages = chat_of(questions.all_prompts[request.prompt], request)
                    answer = (
                        template_caption(request.caption, request.words, request.seed)
                        if request.scene is None
                        else scene_caption(request.scene, request.seed)
                    )
                    first_asked[found.sha256] = (request.prompt, chat_tokens(messages), text_tokens(answer))
    share = every / captions if captions else 0.0
    asked = list(first_asked.values())
    tokens: dict[str, list[float]] = {
        prompt: [] for prompt in (questions.all_prompts if scenes.are_on else questions.prompts)
    }
    for prompt, prompt_tokens, _ in asked:
        tokens[prompt].append(prompt_tokens)
    return QuestionCount(
        captions=every,
        open=round(len(asked) * share),
        known=round(settled * share),
        prompt_tokens=_mean([of_prompt for _, of_prompt, _ in asked]),
        completion_tokens=_mean([of_answer for _, _, of_answer in asked]),
        rows=rows,
        by_prompt={
            prompt: PromptQuestions(round(len(of_prompt) * share), _mean(of_prompt))
            for prompt, of_prompt in tokens.items()
        },
        doubted=round(len(doubted) * share),
    )


def _with_planned_words(row: Row) -> Row:
    """The placed row with its words, from the T30 that its room is designed for, or that was measured."""
    if row.measured is not None:
        return describe_place(row)
    assert row.room is not None
    return describe_place(replace(row, acoustics=Acoustics(row.room.t30_ms, (), 0.0, 0.0, 0.0)))


def plan_captions(
    recipe: Recipe, questions: QuestionCount, usable: float, asked: ModelAnswers, before: ModelAnswers
) -> CaptionPlan:
    """Forecasts tries, tokens and price of the open questions.

    Args:
        usable: the share of rows that rendering does not refuse; nobody asks for the others' captions.
        asked: the model's answers to some of them just now.
        before: its answers in earlier builds.
    """
    job = recipe.caption_job()
    count = round(questions.open * usable)
    seen, source = next(
        (
            (counted, text)
            for counted, text in ((asked, "asked just now"), (before, "known answers"))
            if counted.captions >= (1 if text == "asked just now" else _ENOUGH_CAPTIONS)
        ),
        (ModelAnswers(), ""),
    )
    if seen.captions:
        mean = seen.answers / seen.captions
        error = 1.96 * (max(mean - 1, 0.0) * mean / seen.captions) ** 0.5
        tries = Interval(mean, max(1.0, mean - error), min(float(job.tries), mean + error))
    else:
        # A model that was not measured: at worst it needs as many tries as the small model, at best one.
        most = _tries(list(job.questions().prompts.values()), job.tries)
        tries, source = Interval(most, 1.0, most), "the small model's, as an upper bound"
    answers = tries.times(count)
    tokens_from = f"{BYTES_A_TOKEN:g} bytes a token"
    each, vary = (questions.prompt_tokens, questions.completion_tokens), TOKENS_VARY
    if seen.captions and seen.prompt_tokens:
        each = (seen.prompt_tokens / seen.answers, seen.completion_tokens / seen.answers)
        tokens_from, vary = source, 0.05
    prompt_tokens, completion_tokens = (answers.times(tokens).widened(vary) for tokens in each)
    cost = None
    if job.price is not None:
        cost = prompt_tokens.times(job.price.prompt / 1e6) + completion_tokens.times(job.price.completion / 1e6)
    judge_questions, judge = job.questions().judge, None
    if judge_questions is not None:
        judge = plan_judge(
            judge_questions, job.judge_price, answers, questions.doubted * usable, questions.completion_tokens, seen
        )
        cost = None if cost is None or judge.cost_usd is None else cost + judge.cost_usd
    return CaptionPlan(
        writer=job.writer,
        model=job.model_name,
        prompts={
            prompt: replace(of_prompt, open=round(of_prompt.open * usable))
            for prompt, of_prompt in questions.by_prompt.items()
        },
        questions=count,
        known=questions.known,
        tries=tries,
        tries_from=source,
        answers=answers,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        tokens_from=tokens_from,
        cost_usd=cost,
        judge=judge,
        writer_priced=job.price is not None,
    )


def earlier_answers(files: Sequence[AnswersFile], questions: Questions) -> ModelAnswers:
    """The tries and tokens of the writer's model and of the judge's in earlier builds, with the same prompts."""
    captions: set[tuple[str, int]] = set()
    of_writer, of_judge = _TokenCount(), _TokenCount()
    for file in files:
        with open_answers(file) as opened:
            table = as_answers(parquet_tables.read_table(opened))
        for answer in table.to_pylist():
            by_judge = answer["asked"] == "judge"
            asked = questions.judge if by_judge else questions
            if asked is None or answer["model"] != asked.model or answer["prompt"] not in asked.prompts:
                continue
            if (answer["reason"] or "").startswith(ERROR_PREFIX):
                continue
            (of_judge if by_judge else of_writer).add(answer)
            if not by_judge:
                captions.add((answer["row_id"], answer["caption_index"]))
    return ModelAnswers(
        len(captions),
        of_writer.answers,
        0,
        *of_writer.tokens(),
        judged=of_judge.answers,
        judge_prompt_tokens=of_judge.tokens()[0],
        judge_completion_tokens=of_judge.tokens()[1],
    )


class _TokenCount:
    """Counts answers and their tokens. An answer whose tokens nobody counted has as many as the others on average."""

    def __init__(self) -> None:
        self.answers = self._counted = self._prompt = self._completion = 0

    def add(self, answer: Mapping[str, Any]) -> None:
        self.answers += 1
        if answer["prompt_tokens"] is not None and answer["completion_tokens"] is not None:
            self._counted += 1
            self._prompt += answer["prompt_tokens"]
            self._completion += answer["completion_tokens"]

    def tokens(self) -> tuple[int, int]:
        """The tokens of the prompts and of the answers."""
        scale = self.answers / self._counted if self._counted else 0.0
        return round(self._prompt * scale), round(self._completion * scale)


def _tries(prompts: Sequence[Prompt], most: int) -> float:
    """The mean number of tries of the small model for a caption, if at most `most` are allowed."""
    shares = [STILL_REFUSED.get(prompt.name, STILL_REFUSED["place"]) for prompt in prompts]
    tries = [1.0 + sum(refused[min(tried, len(refused)) - 1] for tried in range(1, most)) for refused in shares]
    return sum(tries) / len(tries)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
