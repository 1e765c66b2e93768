"""Runs the pipeline in processes of this machine and outlives them: the death of a worker never ends the build."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.build.local_worker import Job, send_job
from pipeline.build.remaining_work import remaining_work
from pipeline.dag import Work
from pipeline.recipe import Recipe
from transforms import storage
from transforms.captions.rewrite_captions import RewriteCaptions
from transforms.shards import workspace
from transforms.shards.current_work import CurrentWork, forget_current_work, read_current_work
from transforms.storage import folder_files
from transforms.storage.temporary import temporary_folder

#: A shard at which so many workers have died is tried alone; it is given up if the next worker dies too.
ALONE_AFTER_DEATHS = 2
#: Deaths in a row with nothing finished between them; more of them are the fault of the machine or of the build.
MOST_DEATHS_IN_A_ROW = 12
#: The same for workers that die before they begin a shard: they cannot even start.
MOST_DEATHS_IDLE = 3
#: A shard in this stage only waits for a remote endpoint, so it is not the cause of a death.
WAITING_STAGE = RewriteCaptions.name


class WorkersDie(RuntimeError):
    """Workers die however often they are started."""


class PipeFailed(RuntimeError):
    """The pipeline ended with an error that does not belong to a shard."""


@dataclass(frozen=True)
class End:
    """How a run of the pipeline ended: it is finished if `died` is None."""

    died: int | None = None
    """The exit code of the worker that died; a negative one is a signal."""
    current_work: tuple[CurrentWork, ...] = ()
    """The shards that the dead workers worked on."""


#: Runs a part of the work until it is finished or a worker dies.
RunWork = Callable[[Work], End]


def run_locally(recipe: Recipe, release: str, shards: Sequence[str], work: Work, beam_flags: Sequence[str]) -> None:
    """Does the work in processes of this machine.

    When a worker dies, the missing work is begun again. A shard that kills its workers leaves a note, like a shard that
    failed; all others are finished.

    Args:
        recipe: the recipe of the build.
        release: the folder or address of the release.
        shards: the paths of all shards, by number.
        work: the missing shards and rooms.
        beam_flags: options for Beam.

    Raises:
        PipeFailed: if the pipeline itself fails.
        WorkersDie: if workers die, and no shard is the cause.
    """
    waits = work.captions is not None and work.captions.writer == "openai"
    # A lock, notes and temporary files need a file system: for a remote release they are in a folder of this build.
    with temporary_folder("build") if storage.is_remote(release) else contextlib.nullcontext() as elsewhere:
        release_here = elsewhere if elsewhere is not None else storage.absolute(release)
        # Killed processes leave temporary files behind; here they are removed with the workspace.
        folder_files.remove_folder(release_here, workspace.TEMPORARY)
        for name in (workspace.TEMPORARY, workspace.CURRENT_WORK):
            folder_files.make_folder(release_here, name)
        os.close(folder_files.open_for_writing(release_here, workspace.WORKERS_LOCK, os.O_RDWR))
        job = Job(recipe, storage.absolute(release), work, tuple(beam_flags), release_here)

        def run(part: Work) -> End:
            end = run_once(replace(job, work=part), storage.join(release_here, workspace.TEMPORARY))
            return replace(
                end, current_work=tuple(n for n in end.current_work if not (waits and n.stage == WAITING_STAGE))
            )

        supervise(release, shards, work, run)


def supervise(release: str, shards: Sequence[str], work: Work, run: RunWork) -> None:
    """Calls `run` with the missing work until none is left, or nothing more can be done; see `run_locally`."""
    deaths: Counter[str] = Counter()
    in_a_row = idle = 0
    while work.shards or work.rooms:
        together = tuple(number for number in work.shards if deaths[shards[number]] < ALONE_AFTER_DEATHS)
        # A shard is tried alone when all others are done.
        part = replace(work, shards=together if together or work.rooms else work.shards[:1])
        end = run(part)
        if end.died is None:
            # A shard that is still missing has left a note.
            work = replace(work, shards=tuple(n for n in work.shards if n not in part.shards), rooms=())
            continue
        left = remaining_work(release, shards, work)
        finished = len(left.shards) < len(work.shards) or len(left.rooms) < len(work.rooms)
        work = left
        blamed = {note.shard for note in end.current_work}
        deaths.update(blamed)
        in_a_row = 1 if finished else in_a_row + 1
        idle = 0 if finished or blamed else idle + 1
        given_up = [path for path in sorted(blamed) if deaths[path] > ALONE_AFTER_DEATHS]
        for path in given_up:
            workspace.write_failure(release, path, f"its worker ended {deaths[path]} times, {describe_exit(end.died)}")
        work = replace(work, shards=tuple(n for n in work.shards if shards[n] not in given_up))
        if in_a_row >= MOST_DEATHS_IN_A_ROW or idle >= MOST_DEATHS_IDLE:
            raise WorkersDie(
                f"workers ended {max(in_a_row, idle)} times in a row with nothing finished, the last "
                f"{describe_exit(end.died)}"
                " (short of memory? --direct_num_workers=1 takes the least)"
            )
        if not storage.is_remote(release):
            # A half-written file may lie in a shard's folder; an object store has none.
            for number in work.shards:
                folder_files.remove_folder(release, shards[number])


def describe_exit(code: int) -> str:
    """An exit code in words, such as `killed by SIGKILL`."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    # The system's out-of-memory killer sends SIGKILL, and says so only in the system's log.
    return f"killed by {name}" + (" (by hand, or by the system for want of memory)" if name == "SIGKILL" else "")


def run_once(job: Job, temporary: str) -> End:
    """Runs a job in a process group of its own; when this returns or raises, none of its processes is left.

    Args:
        job: the job.
        temporary: the folder for the temporary files of its processes.

    Raises:
        PipeFailed: if the pipeline ended with an error.
    """
    forget_current_work(job.beside)
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
        # A process that ended before it read its job says why in its output or exit code.
        with contextlib.suppress(BrokenPipeError):
            send_job(job, process.stdin)
        output = process.stdout.read()
        code = process.wait()
    finally:
        # The group belongs to us until its leader has been waited for and none of its processes lives.
        # macOS answers with PermissionError where only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        # A part of the job may still be in the buffer, for a process that has ended.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    return read_end(output, code, process.pid, read_current_work(job.beside))


def read_end(output: bytes, code: int, pid: int, current_work: Sequence[CurrentWork]) -> End:
    """How the process that ran the pipeline ended.

    Args:
        output: its report, see local_worker.
        code: its exit code.
        pid: its process id.
        current_work: the notes of the shards that all processes worked on.

    Raises:
        PipeFailed: if it reports that the pipeline ended with an error.
    """
    try:
        report = json.loads(output)
    except ValueError:
        # It died without a report.
        return End(code, tuple(note for note in current_work if note.pid == pid))
    if "failed" in report:
        raise PipeFailed(report["failed"])
    if "died" in report:
        return End(report["died"], tuple(note for note in current_work if note.pid in report["pids"]))
    return End()
