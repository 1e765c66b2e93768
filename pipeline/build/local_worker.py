"""The processes of a build on this machine: one that runs the pipeline, and Beam's workers below it.

All of them are one process group. Their standard input is a pipe from the command, which writes the job and then
nothing more. The pipe ends when the command ends, in whatever way, and then the processes end too.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import shlex
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from pipeline.build.local_channels import connect_privately, serve_privately

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

    from pipeline.dag import Work
    from pipeline.recipe import Recipe

#: The thread of Beam's local runner that waits for a worker process, and the message that it raises on a bad end.
_WORKER_THREAD, _WORKER_ENDED = "run_worker", re.compile(r"exited with return code (-?\d+)")


@dataclass(frozen=True)
class Job:
    """The input of the process that runs the pipeline; the command writes it to that process's standard input."""

    recipe: Recipe
    release: str
    work: Work
    beam_flags: tuple[str, ...]
    beside: str
    """The local folder whose workspace holds the workers' lock and notes: the release, or one that stands for it."""


def main(arguments: Sequence[str]) -> None:
    """Runs `pipe`, or `worker BESIDE` as `worker_command` writes it."""
    if arguments[0] == "pipe":
        _run_pipe()
    _, beside = arguments
    _follow_command(lambda: os.kill(os.getpid(), signal.SIGKILL))
    _join_build(beside)
    connect_privately()
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


def worker_command(job: Job) -> str:
    """The command line that Beam starts a worker with; because of `exec` Beam waits for the worker itself."""
    # -P: nothing is imported from the folder that the command is called in.
    words = [sys.executable, "-P", "-m", "pipeline.build.local_worker", "worker", job.beside]
    return f"exec {shlex.join(words)}"


def send_job(job: Job, target: IO[bytes]) -> None:
    """Writes a job to the standard input of the process that runs it, and leaves that open."""
    data = pickle.dumps(job)
    target.write(struct.pack("<Q", len(data)) + data)
    target.flush()


def _receive_job() -> Job:
    # Not through sys.stdin, whose buffer would read past the job.
    (size,) = struct.unpack("<Q", _read_exactly(8))
    job: Job = pickle.loads(_read_exactly(size))
    return job


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            raise SystemExit("the command that started this process has ended")
        data += piece
    return data


def _follow_command(end: Callable[[], None]) -> None:
    """Calls `end` when standard input ends, from a thread of its own."""

    def follow() -> None:
        while os.read(0, 1):
            pass
        end()

    threading.Thread(target=follow, name="follow-command", daemon=True).start()


def _join_build(beside: str) -> None:
    from pipeline.build.lock import lock_as_worker
    from transforms.shards.current_work import write_notes_to

    lock_as_worker(beside)
    write_notes_to(beside)


def _end_group() -> None:
    os.killpg(0, signal.SIGKILL)


def _run_pipe() -> None:
    """Runs a job, reports how it ended as JSON on standard output, and ends this process.

    `{}`: the job is finished. `{"failed": line}`: an exception ended it. `{"died": code, "pids": [...]}`: a worker
    ended with this exit code, which is negative for a signal; Beam's local runner would wait for it for ever.
    """
    report_to = os.dup(1)
    # Whatever a library prints goes to standard error.
    os.dup2(2, 1)
    job = _receive_job()
    _follow_command(_end_group)
    _join_build(job.beside)
    from transforms.shards.current_work import read_current_work

    reported = threading.Lock()

    def end_with(report: dict[str, Any], log: Callable[[], object] = lambda: None) -> None:
        # Only the first report counts: the end of one worker may break others. The lock is never freed.
        reported.acquire()
        os.write(report_to, json.dumps(report).encode())
        os.close(report_to)
        # The log comes last: on a full disk it cannot be written. The report has been sent, and the group must end.
        with contextlib.suppress(Exception):
            log()
            sys.stderr.flush()
        _end_group()

    def worker_ended(thrown: threading.ExceptHookArgs) -> None:
        ended = _WORKER_ENDED.search(str(thrown.exc_value))
        if thrown.thread is not None and thrown.thread.name == _WORKER_THREAD and ended:
            dead = sorted({note.pid for note in read_current_work(job.beside) if not _is_alive(note.pid)})
            end_with({"died": int(ended[1]), "pids": dead}, lambda: threading.__excepthook__(thrown))
        # On a full disk the log cannot be written.
        with contextlib.suppress(OSError):
            threading.__excepthook__(thrown)

    threading.excepthook = worker_ended
    try:
        run_pipe(job)
    # Also an exit that a library asks for; the command reads each end in the report.
    except BaseException as error:
        from pipeline.errors import last_words

        end_with({"failed": last_words(error)}, traceback.print_exc)
    end_with({})


def run_pipe(job: Job) -> None:
    """Runs the DAG of a job in this process, with Beam's workers below it where there is more than one."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import DirectOptions

    from pipeline.beam_options import beam_options
    from pipeline.dag import build_dag

    options = beam_options(job.beam_flags, units=max(len(job.work.shards), len(job.work.rooms)))
    processes = options.view_as(DirectOptions).direct_running_mode == "multi_processing"
    if processes:
        serve_privately()
    pipeline = beam.Pipeline(runner=_process_runner(job, options) if processes else None, options=options)
    build_dag(pipeline, job.recipe, job.release, job.work)
    pipeline.run().wait_until_finish()


def _process_runner(job: Job, options: PipelineOptions):  # type: ignore[no-untyped-def]
    """The runner that DirectRunner uses for multi_processing, with workers that end when the command does."""
    from apache_beam.options.pipeline_options import DirectOptions
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner import fn_runner
    from apache_beam.runners.portability.portable_runner import JobServiceHandle
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    # Otherwise the runner would start its own command.
    options.view_as(DirectOptions).direct_running_mode = "in_memory"
    described = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    return fn_runner.FnApiRunner(
        default_environment=SubprocessSDKEnvironment.from_command_string(worker_command(job)),
        provision_info=fn_runner.ExtendedProvisionInfo(
            beam_provision_api_pb2.ProvisionInfo(pipeline_options=described)
        ),
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It lives, and belongs to another user.
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
