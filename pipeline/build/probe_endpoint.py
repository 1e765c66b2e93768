"""One question to the endpoint before anything is rendered, so that a wrong address or key costs no rendering."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.build.planning import BuildError, Plan
from pipeline.recipe import Recipe
from transforms.captions.answer_budget import ADMITTED
from transforms.captions.answer_journal import Journal, Journals, KnownAnswers, read_answers
from transforms.captions.describe_places import describe_place
from transforms.captions.job import CaptionJob
from transforms.captions.openai_writer import OpenAIWriter, most_cost_usd
from transforms.captions.rewriting import open_question
from transforms.records import CaptionRequest, Reply, Row, Shard
from transforms.rooms.place_source import place_sources
from transforms.rooms.sample_rooms import assign_rooms
from transforms.rooms.simulate_response import simulate_responses
from transforms.shards import workspace
from transforms.shards.plan_shards import rows_of

#: One row of each of so many shards is looked at for a question that has no answer yet.
_SHARDS_LOOKED_AT = 8
#: The journal of the answer to this question, beside those of the shards.
_JOURNAL = "first-question"


def probe_endpoint(job: CaptionJob, request: CaptionRequest, attempt: int = 0) -> Reply | None:
    """Asks one question.

    Returns:
        The reply, which may be that of an endpoint whose trouble may pass; None if the budget allows no question.

    Raises:
        BuildError: when no request to the endpoint can succeed; one line that says why.
    """
    writer = job.open_writer()
    if not isinstance(writer, OpenAIWriter):
        return None
    budget, most_usd = job.budget(), 0.0
    if budget is not None:
        most_usd = most_cost_usd(writer.body(request, attempt), budget)
        if budget.ledger.admit(most_usd) != ADMITTED:
            return None
    try:
        reply, problem = writer.probe(request, attempt)
    finally:
        writer.close()
    if budget is not None:
        budget.ledger.settle(most_usd, budget.usd(reply, most_usd))
    if problem is not None:
        raise BuildError(problem)
    return reply


def keep_first_answer(release: str, job: CaptionJob, request: CaptionRequest, reply: Reply, attempt: int = 0) -> None:
    """Writes the answer into a journal of the release, so that nobody asks for it again."""
    if not reply.is_answer:
        return
    with Journal(workspace.journal_folder(release), _JOURNAL) as journal:
        journal.write(job.questions().sha256(request, attempt), reply)


def first_question(
    recipe: Recipe, plan: Plan, shards: tuple[int, ...], job: CaptionJob, output: str
) -> tuple[CaptionRequest, int] | None:
    """A request that no known answer settles, and its attempt; None if none is found in the shards looked at."""
    known = read_answers(job.answers, failures_stand=job.failures_stand) if job.answers else KnownAnswers()
    Journals(workspace.journal_folder(output)).refresh(known)
    questions = job.questions()
    for row in _described_rows(recipe, plan, shards):
        for request in questions.of_rows([row]):
            found = open_question(request, known.get, questions)
            if found is not None:
                return request, found[1]
    return None


def _described_rows(recipe: Recipe, plan: Plan, shards: tuple[int, ...]) -> Iterator[Row]:
    """The first row of some shards, evenly chosen, with its words; nothing is decoded."""
    augmentations = recipe.augmentations.model_dump()
    step = max(len(shards) // _SHARDS_LOOKED_AT, 1)
    for number in shards[::step][:_SHARDS_LOOKED_AT]:
        shard = rows_of(plan.shards[number], seed=recipe.seed, augmentations=augmentations)
        first: Shard = shard.with_rows(shard.rows[:1])
        placed = place_sources(assign_rooms(first, recipe.room_supply()), recipe.scene_ranges())
        yield from (describe_place(row) for row in simulate_responses(placed).rows)


__all__ = ["first_question", "keep_first_answer", "probe_endpoint"]
