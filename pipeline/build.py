"""A build: list, plan, run what is missing, and make the release whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import apache_beam as beam

from pipeline.dag import Work, build_dag, caption_job
from pipeline.finish import finish_release, gather_rejections
from pipeline.planning import BuildError, Plan, plan_build
from pipeline.progress import Progress
from pipeline.recipe import Recipe
from pipeline.release import (
    ANSWERS,
    METADATA,
    RECIPE,
    RELEASE_JSON,
    ROOMS,
    ReleaseError,
    Totals,
    metadata_paths,
    read_release_json,
    total,
)
from pipeline.runners import beam_options
from pipeline.worker_log import logged_to
from transforms import storage, workspace
from transforms.answer_budget import Ledger, Price, Spending
from transforms.answer_journal import Journals, KnownAnswers, read_answers
from transforms.caption_writers import writer_unavailable_reason
from transforms.plan_shards import (
    plan_to_parquet,
)
from transforms.records import Rejection
from transforms.rewrite_captions import CaptionJob

#: Rooms measured in one piece of work.
ROOMS_PER_CHUNK = 32


@dataclass(frozen=True)
class Outcome:
    """What a build leaves behind; `failures` are shards that the next build tries again."""

    totals: Totals
    rejections: tuple[Rejection, ...]
    failures: tuple[str, ...]
    built_shards: int
    notes: tuple[str, ...] = ()
    """What the recipe allowed and a user wants to know: captions that budget or endpoint left to the template."""

    @property
    def whole(self) -> bool:
        return not self.rejections and not self.failures


def build(
    recipe: Recipe,
    input_dir: str,
    output: str,
    *,
    beam_flags: Sequence[str] = (),
    answers: str | None = None,
    failures_stand: bool = False,
    verbose: bool = False,
) -> Outcome:
    """Builds a release, or what is missing of it.

    With `failures_stand` the requests that failed in the file of answers are not asked again.

    Raises:
        BuildError, SourceUnusable, ReleaseError, OptionError: when it cannot start.
    """
    _refuse_unusable(recipe, answers)
    beam_options(beam_flags, units=1)
    plan = plan_build(recipe, input_dir)
    _begin(recipe, plan, output)
    work = _missing(recipe, plan, output)
    if work.shards:
        work = replace(work, captions=_captions(recipe, output, work, answers, failures_stand))
    if work.shards or work.rooms:
        _run(recipe, plan, output, work, beam_flags, verbose=verbose)
    failures = _failures(output)
    if failures:
        return Outcome(total(output, None), gather_rejections(output, plan.rejections), failures, len(work.shards))
    totals, rejections, notes = finish_release(recipe, plan.rejections, plan.input_sha256, output)
    return Outcome(totals, rejections, (), len(work.shards), notes)


def _refuse_unusable(recipe: Recipe, answers: str | None) -> None:
    reason = writer_unavailable_reason(recipe.caption.writer, recipe.caption.base_url)
    # With answers at hand nothing may be left to ask; what is left then fails by name.
    if reason is not None and answers is None:
        raise BuildError(reason)
    captions = recipe.caption
    if captions.writer == "openai" and captions.max_cost_usd is not None:
        job = caption_job(recipe)
        if job.price is None:
            raise BuildError(
                f"recipe key caption.max_cost_usd: there is no price of {job.model_name} in caption.prices"
            )
    if answers is not None:
        try:
            read_answers([answers])
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(f"--answers {answers} cannot be read: {str(error).splitlines()[0]}") from error


def _begin(recipe: Recipe, plan: Plan, output: str) -> None:
    """Claims the output folder, or goes on in one that was begun with the same recipe and the same input."""
    begun = begun_with(output)
    mine = {"recipe_sha256": recipe.sha256(), "input_sha256": plan.input_sha256}
    if begun is not None:
        for key, what in (("recipe_sha256", "another recipe"), ("input_sha256", "another input")):
            if begun.get(key) != mine[key]:
                raise BuildError(f"{output} holds a release of {what}: build into another folder, or remove it first")
    elif not storage.is_remote(output) and Path(output).exists():
        if not Path(output).is_dir():
            raise BuildError(f"{output} is a file: --output takes a folder")
        if any(Path(output).iterdir()):
            raise BuildError(f"{output} is not empty and holds no release: build into another folder")
    try:
        storage.write_bytes(workspace.state_path(output), json.dumps(mine).encode())
        storage.write_bytes(workspace.plan_path(output), plan_to_parquet(plan.shards))
        storage.write_bytes(storage.join(output, RECIPE), recipe.to_yaml().encode())
    except OSError as error:
        raise BuildError(f"{output} cannot be written: {error.strerror or error}") from error


def begun_with(output: str) -> dict[str, str] | None:
    """The hashes of recipe and input that a release was begun with; None where there is none."""
    state = workspace.state_path(output)
    if storage.exists(state):
        values: dict[str, str] = json.loads(storage.read_bytes(state))
        return values
    if storage.exists(storage.join(output, RELEASE_JSON)):
        return read_release_json(output)
    return None


def _missing(recipe: Recipe, plan: Plan, output: str) -> Work:
    # One listing of what is there, not one question a shard: a remote store is slow to answer each.
    done = set(metadata_paths(output))
    shards = tuple(number for number, shard in enumerate(plan.shards) if f"{shard.path}/{METADATA}" not in done)
    for number in shards:
        storage.remove_folder(storage.join(output, plan.shards[number].path))
    storage.remove_folder(storage.join(output, workspace.FOLDER, "failures"))
    storage.remove_partials(output)
    rooms: list[tuple[int, tuple[tuple[str, int], ...]]] = []
    if not storage.exists(storage.join(output, ROOMS)):
        for number, start in enumerate(range(0, len(plan.rooms), ROOMS_PER_CHUNK)):
            if not storage.exists(workspace.rooms_path(output, number)):
                rooms.append((number, plan.rooms[start : start + ROOMS_PER_CHUNK]))
    return Work(shards, tuple(rooms))


def _captions(recipe: Recipe, output: str, work: Work, answers: str | None, failures_stand: bool) -> CaptionJob:
    """How this build asks: what it knows, where it writes answers down, and what is left of its budget."""
    job = replace(
        caption_job(recipe, answer_files(output, answers)),
        failures_stand=failures_stand,
        release=storage.absolute(output),
        run=None if storage.is_remote(output) else workspace.begin_run(output),
    )
    if job.max_requests is None and job.max_cost_usd is None:
        return job
    known = KnownAnswers()
    Journals(workspace.journal_folder(output)).refresh(known)
    replies = [reply for _, reply in known.items()]
    price = job.price or Price(0, 0)
    usd = sum(price.usd(reply.prompt_tokens or 0, reply.completion_tokens or 0) for reply in replies)
    ledger = workspace.ledger_path(storage.absolute(output))
    if ledger is not None:
        Ledger(ledger).begin(Spending(len(replies), usd))
        return replace(job, ledger=ledger)
    # Workers elsewhere share no file: each shard may spend an equal part of what is left.
    shards = len(work.shards)
    return replace(
        job,
        max_requests=None if job.max_requests is None else max(job.max_requests - len(replies), 0) // shards,
        max_cost_usd=None if job.max_cost_usd is None else max(job.max_cost_usd - usd, 0.0) / shards,
    )


def answer_files(output: str, answers: str | None) -> tuple[str, ...]:
    """Every answers.parquet that a build into `output` knows: its own shards', the release's, the one it was given."""
    folder = storage.join(output, workspace.FOLDER, "answers")
    found = [storage.join(folder, name) for name in storage.list_files(folder) if name.endswith(".parquet")]
    if storage.exists(storage.join(output, ANSWERS)):
        found.append(storage.join(output, ANSWERS))
    return (*found, *((storage.absolute(answers),) if answers else ()))


def _run(recipe: Recipe, plan: Plan, output: str, work: Work, beam_flags: Sequence[str], *, verbose: bool) -> None:
    versions = recipe.augmentations.model_dump()
    rows = {number: len(plan.shards[number].clips) * versions[plan.shards[number].split] for number in work.shards}
    folders = {plan.shards[number].path: count for number, count in rows.items()}
    options = beam_options(beam_flags, units=max(len(work.shards), len(work.rooms)))
    log = None if verbose or storage.is_remote(output) else workspace.log_path(output)
    with logged_to(log) as screen, Progress(output, folders, screen):
        pipeline = beam.Pipeline(options=options)
        build_dag(pipeline, recipe, output, work)
        pipeline.run().wait_until_finish()


def _failures(output: str) -> tuple[str, ...]:
    folder = storage.join(output, workspace.FOLDER, "failures")
    notes = [json.loads(storage.read_bytes(storage.join(folder, name))) for name in storage.list_files(folder)]
    return tuple(f"{note['shard']}: {note['failure']}" for note in notes)


__all__ = ["BuildError", "Outcome", "Plan", "ReleaseError", "build", "plan_build"]
