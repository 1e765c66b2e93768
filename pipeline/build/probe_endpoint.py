"""One question to each endpoint before anything is rendered, so that a wrong address or key costs no rendering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.build.caption_setup import known_answers
from pipeline.build.planning import BuildError, Plan
from pipeline.recipe import Recipe
from transforms.captions.answer_budget import ADMITTED, Budget
from transforms.captions.answer_journal import Journal, Journals
from transforms.captions.describe_places import describe_place
from transforms.captions.job import CaptionJob
from transforms.captions.judge import judge_request
from transforms.captions.openai_writer import OpenAIWriter, most_cost_usd
from transforms.captions.questions import Questions
from transforms.captions.rewriting import OpenQuestion, open_question
from transforms.receivers.receiver import FIRST_ORDER
from transforms.records import CaptionRequest, Reply, Row, Shard
from transforms.rooms.place_source import place_sources
from transforms.rooms.responses.simulate_responses import simulate_responses
from transforms.rooms.responses.take_responses import place_in_measured_room
from transforms.rooms.sample_rooms import assign_rooms
from transforms.scenes.clip_pool import ListedPool
from transforms.scenes.gather_sounds import expected_sounds
from transforms.scenes.place_scenes import place_scenes
from transforms.shards.plan_shards import rows_of
from transforms.words import SpatialWords

#: One row of each of so many shards is looked at for a question that has no answer yet.
_SHARDS_LOOKED_AT = 8
#: The journal of the answer to this question, beside those of the shards.
_JOURNAL = "first-question"


def probe_endpoints(job: CaptionJob, question: OpenQuestion) -> dict[str, Reply]:
    """Asks one question of each endpoint that the job has: the given one, and the judge about an example.

    Returns:
        The replies by the hashes of their questions, also of an endpoint whose trouble may pass; none of an endpoint
        that the budget allows no question.

    Raises:
        BuildError: when no request to an endpoint can succeed; one line that says why.
    """
    budget, judge = job.budget(), job.questions().judge
    asked = [question] if job.writer == "openai" or question.to_judge is not None else []
    if judge is not None and question.to_judge is None and not job.judge_is_writer:
        asked.append(_example_for_judge(judge))
    replies = {}
    for one in asked:
        reply = _probe(job, one, budget)
        if reply is not None:
            replies[one.sha256] = reply
    return replies


def _probe(job: CaptionJob, question: OpenQuestion, budget: Budget | None) -> Reply | None:
    writer = job.open_writer() if question.to_judge is None else job.open_judge()
    assert isinstance(writer, OpenAIWriter)
    request, attempt = question.request, question.attempt
    if question.to_judge is not None:
        request, attempt, budget = question.to_judge, 0, job.judge_budget(budget)
    most_usd = 0.0
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
        raise BuildError(problem if question.to_judge is None else f"caption.judge: {problem}")
    return reply


def _example_for_judge(judge: Questions) -> OpenQuestion:
    """A question about a caption of the judge's prompt, as no caption of the release is there yet."""
    ((prompt_id, prompt),) = judge.prompts.items()
    caption = prompt.examples[0].caption
    request = judge_request(CaptionRequest("", 0, caption, SpatialWords(), 0), caption, prompt_id)
    return OpenQuestion(judge.sha256(request), 0, request, request)


def keep_first_answers(release: str, replies: Mapping[str, Reply]) -> None:
    """Writes these answers into a journal of the release, so that nobody asks for them again."""
    answers = {digest: reply for digest, reply in replies.items() if reply.is_answer}
    if not answers:
        return
    with Journal(release, _JOURNAL) as journal:
        for digest, reply in answers.items():
            journal.write(digest, reply)


def first_question(
    recipe: Recipe, plan: Plan, shards: tuple[int, ...], job: CaptionJob, output: str
) -> OpenQuestion | None:
    """A question without a known answer; None if none is found in the shards looked at."""
    known = known_answers(job.answers, failures_stand=job.answers_alone)
    Journals(output).refresh(known)
    questions = job.questions()
    for row in _described_rows(recipe, plan, shards):
        for request in questions.of_rows([row]):
            found = open_question(request, known.get, questions)
            if found is not None:
                return found
    return None


def _described_rows(recipe: Recipe, plan: Plan, shards: tuple[int, ...]) -> Iterator[Row]:
    """The first row of some shards, evenly chosen, with its words; nothing is decoded."""
    augmentations, scenes, pool = recipe.augmentations.model_dump(), recipe.scene_settings(), ListedPool(plan.pool)
    step = max(len(shards) // _SHARDS_LOOKED_AT, 1)
    for number in shards[::step][:_SHARDS_LOOKED_AT]:
        shard = rows_of(plan.shards[number], seed=recipe.seed, augmentations=augmentations)
        first: Shard = shard.with_rows(tuple(place_in_measured_room(row, plan.responses) for row in shard.rows[:1]))
        furnished = assign_rooms(first, recipe.room_supply())
        if scenes.are_on:
            sounding = (expected_sounds(row, scenes, pool, recipe.audio.min_duration_s) for row in furnished.rows)
            placed = place_scenes(furnished.with_rows(tuple(sounding)), recipe.scene_ranges(), scenes)
        else:
            placed = place_sources(furnished, recipe.scene_ranges())
        yield from (describe_place(row) for row in simulate_responses(placed, FIRST_ORDER).rows)


__all__ = ["first_question", "keep_first_answers", "probe_endpoints"]
