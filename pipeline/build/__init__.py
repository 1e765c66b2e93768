"""A build: list, plan, run what is missing, and make the release whole."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.beam_options import beam_options, runs_dry, runs_in_processes, set_file_systems
from pipeline.build.begin import as_begun, begin, refuse_foreign, withdraw
from pipeline.build.caption_setup import job_of_build, refuse_unusable
from pipeline.build.finish import finish_release, gather_rejections
from pipeline.build.local_runner import run_locally
from pipeline.build.lock import held, refuse_if_held
from pipeline.build.planning import BuildError, Plan, plan_build
from pipeline.build.probe_endpoint import first_question, keep_first_answer, probe_endpoint
from pipeline.build.progress import Progress
from pipeline.build.redo_captions import ask_again, first_noted_request, merge_redone
from pipeline.build.remaining_work import clear_failures, clear_unfinished, left_of, whole_work
from pipeline.build.worker_log import logged_to
from pipeline.dag import Work, build_dag
from pipeline.errors import last_words
from pipeline.recipe import Recipe
from pipeline.release.layout import ReleaseError, metadata_paths
from pipeline.release.totals import Totals, total
from transforms import storage
from transforms.captions.job import CaptionJob
from transforms.captions.unanswered import Unanswered, read_notes, remove_note
from transforms.captions.writers import writer_unavailable_reason
from transforms.errors import one_line, reason_of
from transforms.records import Rejection
from transforms.shards import workspace
from transforms.shards.workspace import failures_folder


@dataclass(frozen=True)
class Outcome:
    """What a build leaves behind; `failures` are shards and chunks of rooms that the next build tries again."""

    totals: Totals
    rejections: tuple[Rejection, ...]
    failures: tuple[str, ...]
    built_shards: int
    notes: tuple[str, ...] = ()
    """What a user wants to know though nothing is wrong: how clips without a split were dealt, files that no list
    names, captions that budget or endpoint left to the template."""
    no_answer_came: bool = False
    """True where a language model was asked and none of its answers came."""

    @property
    def whole(self) -> bool:
        return not self.rejections and not self.failures and not self.no_answer_came


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
        OSError, RuntimeError: when it cannot go on; what was done stays.
    """
    # Answers, lists and releases on gs:// and s3:// are read before there is a pipeline, which would set these.
    set_file_systems(beam_flags)
    refuse_unusable(recipe, answers)
    try:
        # A list may take minutes to read: who comes second is told before.
        refuse_if_held(output)
        recipe = as_begun(recipe, output)
        plan = plan_build(recipe, input_dir)
        was_begun = refuse_foreign(recipe, plan, output)
    except OSError as error:
        raise BuildError(f"{error.filename or output} cannot be read: {reason_of(error)}") from error
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(output))
            begin(recipe, plan, output)
        except OSError as error:
            raise BuildError(f"{output} cannot be written: {reason_of(error)}") from error
        work = _begin_work(plan, output)
        dry, notes, problem = runs_dry(beam_flags), read_notes(output), None
        if work.shards or notes:
            job = job_of_build(recipe, output, len(work.shards) + len(notes), answers, failures_stand)
            work = replace(work, captions=job)
            if not dry:
                try:
                    problem = _try_endpoint(recipe, plan, output, work.shards, job, notes)
                except BuildError:
                    if not was_begun:
                        # Another model or prompt makes another recipe, which may build here then.
                        withdraw(output)
                    raise
                ask_again(output, job, notes)
        if work.shards or work.rooms:
            _run(recipe, plan, output, work, beam_flags, verbose=verbose)
        failures = _failures(plan, output, work, dry=dry)
        if recipe.caption.on_failure == "stop" and not failures_stand:
            failures = (*failures, *(note.line() for note in read_notes(output)))
        outcome = _finish(recipe, plan, output, failures, len(work.shards))
        return outcome if problem is None else replace(outcome, notes=(problem, *outcome.notes))


def _begin_work(plan: Plan, output: str) -> Work:
    """What is missing, with all that is left of earlier tries at it out of the way."""
    shards = plan.shard_paths
    clear_failures(output)
    work = left_of(output, shards, whole_work(plan))
    clear_unfinished(output, shards, work)
    missing = {shards[number] for number in work.shards}
    for note in read_notes(output):
        if note.shard in missing:
            remove_note(output, note.shard)
    return work


def _try_endpoint(
    recipe: Recipe, plan: Plan, output: str, shards: tuple[int, ...], job: CaptionJob, notes: Sequence[Unanswered]
) -> str | None:
    """Asks the first open question, and keeps the answer; with caption.on_failure=template returns what is wrong.

    Raises:
        BuildError: when no request to the endpoint can succeed.
    """
    if job.writer != "openai":
        return None
    question = first_question(recipe, plan, shards, job, output)
    noted = first_noted_request(output, notes) if question is None else None
    if noted is not None:
        question = noted, 0
    if question is None:
        return None
    request, attempt = question
    reason = writer_unavailable_reason(job.writer, job.base_url)
    if reason is not None:
        raise BuildError(reason)
    try:
        reply = probe_endpoint(job, request, attempt)
    except BuildError as error:
        if job.on_failure == "template":
            return f"{error}; the template writes the captions"
        raise BuildError(
            f"{error}; nothing was rendered (caption.on_failure=template lets the template write the captions)"
        ) from error
    if reply is not None:
        keep_first_answer(output, job, request, reply, attempt)
    return None


def _run(recipe: Recipe, plan: Plan, output: str, work: Work, beam_flags: Sequence[str], *, verbose: bool) -> None:
    versions = recipe.augmentations.model_dump()
    rows = {
        shard.path: len(shard.clips) * versions[shard.split]
        for shard in (plan.shards[number] for number in work.shards)
    }
    rooms = {workspace.rooms_name(number): len(chunk) for number, chunk in work.rooms}
    log = None if verbose or storage.is_remote(output) else workspace.log_path(output)
    with logged_to(log) as screen, Progress(output, rows, rooms, screen):
        if runs_in_processes(beam_flags):
            run_locally(recipe, output, plan.shard_paths, work, beam_flags)
            return
        options = beam_options(beam_flags, units=max(len(work.shards), len(work.rooms)))
        pipeline = beam.Pipeline(options=options)
        build_dag(pipeline, recipe, output, work)
        try:
            pipeline.run().wait_until_finish()
        except (OSError, RuntimeError):
            raise
        except Exception as error:
            # The clients of other runners raise errors of their own: no credentials, an unknown project.
            raise RuntimeError(last_words(error)) from error


def _failures(plan: Plan, output: str, work: Work, *, dry: bool) -> tuple[str, ...]:
    """A line for each piece of the work that left a note, and one for all that is missing without any."""
    noted = tuple(f"{note['shard']}: {note['failure']}" for note in workspace.read_failures(output))
    # A runner that says it is done may not have done it: nothing else knows but the release itself.
    left = left_of(output, plan.shard_paths, work)
    lost = [*(plan.shard_paths[number] for number in left.shards), *(workspace.chunk_path(n) for n, _ in left.rooms)]
    if not lost:
        return noted
    named = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    why = "not there, though the runner ended without an error"
    if dry:
        why = "--dry_run translates the graph and builds nothing"
    return (*noted, f"{named}: {why}")


def _finish(recipe: Recipe, plan: Plan, output: str, failures: tuple[str, ...], built_shards: int) -> Outcome:
    try:
        if failures:
            rejections = gather_rejections(output, plan.rejections)
            return Outcome(total(output, None), rejections, failures, built_shards, plan.notes)
        merge_redone(output)
        finished = finish_release(recipe, plan.rejections, plan.input_sha256, output)
    except pa.ArrowException as error:
        raise _damaged(output, error) from error
    notes = (*plan.notes, *finished.notes)
    return Outcome(finished.totals, finished.rejections, (), built_shards, notes, finished.no_answer_came)


def _damaged(output: str, error: pa.ArrowException) -> RuntimeError:
    """An error that names the files of what was done that cannot be read: a build makes again what is not there."""
    shards = [storage.join(output, path) for path in metadata_paths(output)]
    work = storage.join(output, workspace.FOLDER)
    others = [storage.join(work, name) for name in storage.list_files(work) if name.endswith(".parquet")]
    unreadable = [path for path in (*shards, *others) if not _is_parquet(path)]
    if not unreadable:
        return RuntimeError(one_line(error))
    more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
    return RuntimeError(f"{unreadable[0]}{more} is no Parquet file any more: remove it")


def _is_parquet(path: str) -> bool:
    try:
        pq.read_table(io.BytesIO(storage.read_bytes(path)))
    except (OSError, pa.ArrowException):
        return False
    return True


__all__ = ["BuildError", "Outcome", "ReleaseError", "build", "failures_folder"]
