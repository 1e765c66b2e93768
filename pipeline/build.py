"""A build: list, plan, run what is missing, and make the release whole."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from pipeline.dag import Work, build_dag, caption_job
from pipeline.finish import finish_release, gather_rejections
from pipeline.local_runner import run_locally
from pipeline.lock import held, refuse_if_held
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
    metadata_paths,
    read_release_json,
)
from pipeline.runners import beam_options, runs_in_processes
from pipeline.totals import Totals, total
from pipeline.worker_log import logged_to
from transforms import storage, workspace
from transforms.answer_budget import Ledger, Price, Spending
from transforms.answer_journal import Journals, KnownAnswers, read_answers
from transforms.caption_writers import writer_unavailable_reason
from transforms.plan_shards import plan_to_parquet
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
    # Answers, lists and releases on gs:// and s3:// are read before there is a pipeline, which would set these.
    FileSystems.set_options(beam_options(beam_flags, units=1))
    _refuse_unusable(recipe, answers)
    try:
        # A list may take minutes to read: who comes second is told before.
        refuse_if_held(output)
        plan = plan_build(recipe, input_dir)
        _refuse_foreign(recipe, plan, output)
    except OSError as error:
        raise BuildError(f"{error.filename or output} cannot be read: {error.strerror or error}") from error
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(output))
            _begin(recipe, plan, output)
        except OSError as error:
            raise BuildError(f"{output} cannot be written: {error.strerror or error}") from error
        return _build_held(
            recipe, plan, output, beam_flags, answers=answers, failures_stand=failures_stand, verbose=verbose
        )


def _build_held(
    recipe: Recipe,
    plan: Plan,
    output: str,
    beam_flags: Sequence[str],
    *,
    answers: str | None,
    failures_stand: bool,
    verbose: bool,
) -> Outcome:
    work = _missing(recipe, plan, output)
    if work.shards:
        work = replace(work, captions=_captions(recipe, output, work, answers, failures_stand))
    if work.shards or work.rooms:
        _run(recipe, plan, output, work, beam_flags, verbose=verbose)
    failures = _failures(output)
    try:
        if failures:
            return Outcome(total(output, None), gather_rejections(output, plan.rejections), failures, len(work.shards))
        totals, rejections, notes = finish_release(recipe, plan.rejections, plan.input_sha256, output)
    except pa.ArrowException as error:
        raise _damaged(output, error) from error
    return Outcome(totals, rejections, (), len(work.shards), notes)


def _damaged(output: str, error: pa.ArrowException) -> RuntimeError:
    """An error that names the files of what was done that cannot be read: a build makes again what is not there."""
    shards = [storage.join(output, path) for path in metadata_paths(output)]
    work = storage.join(output, workspace.FOLDER)
    others = [storage.join(work, name) for name in storage.list_files(work) if name.endswith(".parquet")]
    unreadable = [path for path in (*shards, *others) if not _is_parquet(path)]
    if not unreadable:
        return RuntimeError(str(error))
    more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
    return RuntimeError(f"{unreadable[0]}{more} is no Parquet file any more: remove it")


def _is_parquet(path: str) -> bool:
    try:
        pq.read_table(io.BytesIO(storage.read_bytes(path)))
    except (OSError, pa.ArrowException):
        return False
    return True


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


def _refuse_foreign(recipe: Recipe, plan: Plan, output: str) -> None:
    """Raises BuildError unless the output folder is empty, or was begun with the same recipe and the same input."""
    begun = begun_with(output)
    if begun is not None:
        mine = _begun_by(recipe, plan)
        for key, what in (("recipe_sha256", "another recipe"), ("input_sha256", "another input")):
            if begun.get(key) != mine[key]:
                raise BuildError(f"{output} holds a release of {what}: build into another folder, or remove it first")
    elif not storage.is_remote(output) and Path(output).exists():
        if not Path(output).is_dir():
            raise BuildError(f"{output} is a file: --output takes a folder")
        # A build that was killed as it began may have left its workspace and nothing in it yet.
        if any(path.name != workspace.FOLDER for path in Path(output).iterdir()):
            raise BuildError(f"{output} is not empty and holds no release: build into another folder")


def _begun_by(recipe: Recipe, plan: Plan) -> dict[str, str]:
    return {"recipe_sha256": recipe.sha256(), "input_sha256": plan.input_sha256}


def _begin(recipe: Recipe, plan: Plan, output: str) -> None:
    """Claims the output folder, which this build holds, or goes on in one that was begun with the same."""
    _refuse_foreign(recipe, plan, output)
    storage.write_bytes(workspace.state_path(output), json.dumps(_begun_by(recipe, plan)).encode())
    storage.write_bytes(workspace.plan_path(output), plan_to_parquet(plan.shards))
    storage.write_bytes(storage.join(output, RECIPE), recipe.to_yaml().encode())


def begun_with(output: str) -> dict[str, str] | None:
    """The hashes of recipe and input that a release was begun with; None where there is none."""
    state = workspace.state_path(output)
    if storage.exists(state):
        try:
            values: dict[str, str] = json.loads(storage.read_bytes(state))
        except (OSError, ValueError) as error:
            raise BuildError(f"{state} cannot be read: {error}") from error
        return values
    if storage.exists(storage.join(output, RELEASE_JSON)):
        return read_release_json(output)
    return None


def _missing(recipe: Recipe, plan: Plan, output: str) -> Work:
    # One listing of what is there, not one question a shard: a remote store is slow to answer each.
    done = set(metadata_paths(output))
    shards = tuple(number for number, shard in enumerate(plan.shards) if f"{shard.path}/{METADATA}" not in done)
    storage.remove_folders(output, [plan.shards[number].path for number in shards])
    storage.remove_folder(storage.join(output, workspace.FOLDER, "failures"))
    storage.remove_partials(output)
    rooms: list[tuple[int, tuple[tuple[str, int], ...]]] = []
    if not storage.exists(storage.join(output, ROOMS)):
        measured = set(storage.list_files(workspace.rooms_folder(output)))
        for number, start in enumerate(range(0, len(plan.rooms), ROOMS_PER_CHUNK)):
            if workspace.rooms_name(number) not in measured:
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
    log = None if verbose or storage.is_remote(output) else workspace.log_path(output)
    with logged_to(log) as screen, Progress(output, folders, screen):
        if runs_in_processes(beam_flags):
            run_locally(recipe, output, [shard.path for shard in plan.shards], work, beam_flags)
            return
        options = beam_options(beam_flags, units=max(len(work.shards), len(work.rooms)))
        pipeline = beam.Pipeline(options=options)
        build_dag(pipeline, recipe, output, work)
        pipeline.run().wait_until_finish()


def _failures(output: str) -> tuple[str, ...]:
    return tuple(f"{note['shard']}: {note['failure']}" for note in workspace.read_failures(output))


__all__ = ["BuildError", "Outcome", "Plan", "ReleaseError", "build", "plan_build"]
