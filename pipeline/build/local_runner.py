"""Runs the pipe in processes of this machine and outlives them: a worker that dies costs time, never the build."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.build.local_worker import Job, send_job
from pipeline.build.remaining_work import left_of
from pipeline.dag import Work
from pipeline.recipe import Recipe
from transforms import storage
from transforms.captions.rewrite_captions import RewriteCaptions
from transforms.shards import workspace
from transforms.shards.current_work import InHand, all_in_hand

#: A shard that was in hand so many times when a worker died is tried alone, and given up when it dies once more.
ALONE_AFTER_DEATHS = 2
#: Deaths in a row with nothing finished between them: after so many the machine is at fault, or the build is.
MOST_DEATHS_IN_A_ROW = 12
#: The same with no shard in hand: workers that cannot even start.
MOST_DEATHS_IDLE = 3
#: A shard in this stage waits for an endpoint in a thread that does nothing; with a model in the worker it does not.
WAITING_STAGE = RewriteCaptions.name


class WorkersDie(RuntimeError):
    """Workers die however often they are started; one line for the user."""


class PipeFailed(RuntimeError):
    """The pipe ended with an error that is not one shard's; one line for the user."""


@dataclass(frozen=True)
class End:
    """How a run of the pipe ended: to its end where `died` is None."""

    died: int | None = None
    """What the worker ended with; negative is the signal that killed it."""
    in_hand: tuple[InHand, ...] = ()
    """What the workers that died had in hand."""


#: Runs a part of the work to its end, however that comes.
RunWork = Callable[[Work], End]


def run_locally(recipe: Recipe, release: str, shards: Sequence[str], work: Work, beam_flags: Sequence[str]) -> None:
    """Does the work in processes of this machine; `shards` are the paths of all shards, by number.

    What is missing when a worker has died is begun again. A shard that workers die of leaves a note, like one that
    failed; all others are there in the end.

    Raises:
        PipeFailed: when the pipe itself fails.
        WorkersDie: when it is no shard that workers die of.
    """
    waits = work.captions is not None and work.captions.writer == "openai"
    # A lock, notes and temporary files want a file system: of a remote release they are in a folder of this build.
    with (
        tempfile.TemporaryDirectory(prefix="elsa-")
        if storage.is_remote(release)
        else contextlib.nullcontext() as elsewhere
    ):
        release_here = elsewhere if elsewhere is not None else storage.absolute(release)
        lock, notes = workspace.workers_lock_path(release_here), workspace.in_hand_folder(release_here)
        # Processes that are killed leave their temporary files, which go with the workspace.
        temporary = workspace.temporary_folder(release_here)
        storage.remove_folder(temporary)
        for folder in (notes, temporary):
            Path(folder).mkdir(parents=True, exist_ok=True)
        Path(lock).touch()
        job = Job(recipe, storage.absolute(release), work, tuple(beam_flags), lock, notes)

        def run(part: Work) -> End:
            end = run_once(replace(job, work=part), temporary)
            return replace(end, in_hand=tuple(n for n in end.in_hand if not (waits and n.stage == WAITING_STAGE)))

        supervise(release, shards, work, run)


def supervise(release: str, shards: Sequence[str], work: Work, run: RunWork) -> None:
    """Calls `run` with what is missing of the work until nothing is, or nothing more can be done."""
    deaths: Counter[str] = Counter()
    in_a_row = idle = 0
    while work.shards or work.rooms:
        together = tuple(number for number in work.shards if deaths[shards[number]] < ALONE_AFTER_DEATHS)
        # One alone only when all others are done.
        part = replace(work, shards=together if together or work.rooms else work.shards[:1])
        end = run(part)
        if end.died is None:
            # What is not there has left a note that says why.
            work = replace(work, shards=tuple(n for n in work.shards if n not in part.shards), rooms=())
            continue
        left = left_of(release, shards, work)
        finished = len(left.shards) < len(work.shards) or len(left.rooms) < len(work.rooms)
        work = left
        blamed = {note.shard for note in end.in_hand}
        deaths.update(blamed)
        in_a_row = 1 if finished else in_a_row + 1
        idle = 0 if finished or blamed else idle + 1
        given_up = [path for path in sorted(blamed) if deaths[path] > ALONE_AFTER_DEATHS]
        for path in given_up:
            workspace.write_failure(release, path, f"its worker ended {deaths[path]} times, {how(end.died)}")
        work = replace(work, shards=tuple(n for n in work.shards if shards[n] not in given_up))
        if in_a_row >= MOST_DEATHS_IN_A_ROW or idle >= MOST_DEATHS_IDLE:
            raise WorkersDie(
                f"workers ended {max(in_a_row, idle)} times in a row with nothing finished, the last {how(end.died)}"
                " (short of memory? --direct_num_workers=1 takes the least)"
            )
        if not storage.is_remote(release):
            # A file that was being written lies beside its place; an object store has no such thing.
            for number in work.shards:
                storage.remove_folder(storage.join(release, shards[number]))


def how(code: int) -> str:
    """What an exit code says, in words."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    # The system's out-of-memory killer sends nothing else, and says so in its own log alone.
    return f"killed by {name}" + (" (by hand, or by the system for want of memory)" if name == "SIGKILL" else "")


def run_once(job: Job, temporary: str) -> End:
    """Runs a job in a group of processes of its own; when this returns, or raises, none of them is left.

    Their temporary files go into the folder `temporary`.

    Raises:
        PipeFailed: when the pipe ended with an error.
    """
    for note in Path(job.in_hand).glob("*.json"):
        note.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "pipeline.build.local_worker", "pipe"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": temporary},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            send_job(job, process.stdin)
        said = process.stdout.read()
        code = process.wait()
    finally:
        # The group is ours as long as its leader has not been waited for, or one of it lives.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    return read_end(said, code, process.pid, all_in_hand(job.in_hand))


def read_end(said: bytes, code: int, pid: int, in_hand: Sequence[InHand]) -> End:
    """How the process `pid` that ran the pipe ended, from its last words and its exit code.

    Raises:
        PipeFailed: when it says that the pipe ended with an error.
    """
    try:
        report = json.loads(said)
    except ValueError:
        # It died itself, without a word.
        return End(code, tuple(note for note in in_hand if note.pid == pid))
    if "failed" in report:
        raise PipeFailed(report["failed"])
    if "died" in report:
        return End(report["died"], tuple(note for note in in_hand if note.pid in report["pids"]))
    return End()
