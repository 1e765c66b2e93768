"""One question to the endpoint before anything is rendered, so that a wrong address or key costs no rendering."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline.build.planning import BuildError, Plan
from pipeline.recipe import Recipe
from transforms.captions.answer_journal import Journal, Journals, KnownAnswers, read_answers
from transforms.captions.describe_places import word_place
from transforms.captions.job import CaptionJob
from transforms.captions.openai_writer import OpenAIWriter
from transforms.captions.rewrite_captions import requests_of
from transforms.captions.rewriting import open_question
from transforms.records import CaptionRequest, Row, Shard
from transforms.rooms.place_source import place_sources
from transforms.rooms.sample_rooms import assign_rooms
from transforms.rooms.simulate_response import simulate_responses
from transforms.shards import workspace
from transforms.shards.plan_shards import rows_of

#: One row of each of so many shards is looked at for a question that has no answer yet.
_SHARDS_LOOKED_AT = 8
#: The journal of the answer to this question, beside those of the shards.
_JOURNAL = "first-question"


def probe_endpoint(recipe: Recipe, plan: Plan, shards: tuple[int, ...], job: CaptionJob, output: str) -> str | None:
    """Asks the first open question of a build; the answer goes into the journal, so that it is not asked twice.

    Args:
        recipe: the recipe of the build.
        plan: the plan of the build.
        shards: the numbers of the shards that are to be made.
        job: the caption settings, with the answers that are known.
        output: the release.

    Returns:
        None, or with caption.on_failure=template a line about the endpoint that cannot be used.

    Raises:
        BuildError: when no request to the endpoint can succeed.
    """
    if job.writer != "openai" or job.failures_stand or job.max_requests == 0:
        return None
    question = _first_question(recipe, plan, shards, job, output)
    if question is None:
        return None
    digest, attempt, request = question
    writer = job.open_writer()
    assert isinstance(writer, OpenAIWriter)
    if _costs_too_much(job, writer, request):
        return None
    try:
        reply, problem = writer.probe(request, attempt)
    finally:
        writer.close()
    if reply.is_answer:
        with Journal(workspace.journal_folder(output), _JOURNAL) as journal:
            journal.write(digest, reply)
    if problem is None:
        return None
    if job.on_failure == "template":
        return f"{problem}; the template writes the captions"
    raise BuildError(f"{problem}; nothing was rendered (caption.on_failure=template lets the template write captions)")


def _first_question(
    recipe: Recipe, plan: Plan, shards: tuple[int, ...], job: CaptionJob, output: str
) -> tuple[str, int, CaptionRequest] | None:
    """The hash, attempt and request of a question that no known answer settles; None where none is found."""
    known = read_answers(job.answers) if job.answers else KnownAnswers()
    Journals(workspace.journal_folder(output)).refresh(known)
    for row in _described_rows(recipe, plan, shards):
        for request in requests_of([row]):
            found = open_question(
                request,
                known.get,
                model=job.model_name,
                prompt_id=job.prompt_id or "",
                tries=job.tries,
                parameters=job.parameters(),
            )
            if found is not None:
                return (*found, request)
    return None


def _described_rows(recipe: Recipe, plan: Plan, shards: tuple[int, ...]) -> Iterator[Row]:
    """The first row of some shards, with its words; nothing is decoded."""
    augmentations = recipe.augmentations.model_dump()
    for number in shards[:_SHARDS_LOOKED_AT]:
        shard = rows_of(plan.shards[number], seed=recipe.seed, augmentations=augmentations)
        first: Shard = shard.with_rows(shard.rows[:1])
        placed = place_sources(assign_rooms(first, recipe.room_supply()), recipe.scene_ranges())
        yield from (word_place(row) for row in simulate_responses(placed).rows)


def _costs_too_much(job: CaptionJob, writer: OpenAIWriter, request: CaptionRequest) -> bool:
    """Whether the question alone may cost more than the whole budget."""
    purse = job.purse()
    if purse is None or job.max_cost_usd is None:
        return False
    messages = writer.prompt.messages(request.caption, request.words.present())
    return purse.most_usd(len(json.dumps(messages).encode()), writer.max_tokens) > job.max_cost_usd


__all__ = ["probe_endpoint"]
