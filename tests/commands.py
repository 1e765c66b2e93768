"""The command `elsa` as a user types it, in this process or in one of its own that may be killed."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from unittest import mock

from tests.pipeline.conftest import SMALL

#: Processes that are forks of one that has imported what a build needs, because the import takes seconds. It is a
#: server of its own: that of multiprocessing, which the product uses too, has imported what its first user needed.
FORKS = multiprocessing.get_context("forkserver")
_SERVER = forkserver.ForkServer()
_SERVER.set_forkserver_preload(["pipeline.commands.build", "pipeline.build", "pipeline.report.of_release"])


def start_fork(process: BaseProcess) -> None:
    """Starts a process of FORKS as a fork of that server."""
    with mock.patch.object(forkserver, "connect_to_new_process", _SERVER.connect_to_new_process):
        process.start()


@contextlib.contextmanager
def forks_for_spawned(module: str) -> Iterator[None]:
    """The processes that a module of ours starts by multiprocessing are such forks."""
    with (
        mock.patch.object(
            importlib.import_module(module), "multiprocessing", SimpleNamespace(get_context=lambda _: FORKS)
        ),
        mock.patch.object(forkserver, "connect_to_new_process", _SERVER.connect_to_new_process),
    ):
        yield


def build_words(recordings: object, output: object, *flags: str) -> list[str]:
    """The words after `elsa` of a small build with template captions."""
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return ["build", "folder", "--input", str(recordings), "--output", str(output), *settings, *flags]


class StartedCommand:
    """A command in a process group of its own, with a pipe for its stderr. It has what tests use of Popen.

    Args:
        words: after `elsa`.
        environment: variables that are added to those of this process.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._stderr, sender = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=_run_command, args=(list(words), {**os.environ, **environment}, sender))
        start_fork(self._process)
        sender.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        # Its own group is what tests kill.
        wait_until(lambda: os.getpgid(self.pid) == self.pid)

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same as `returncode`."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Sends a signal to the command alone, and not to the processes below it."""
        os.kill(self.pid, number)

    def communicate(self, timeout: float = 250) -> tuple[None, str]:
        """Waits for its end, and for that of all who write to its stderr; the second is the text of stderr."""
        said: list[bytes] = []

        def read() -> None:
            while part := os.read(self._stderr.fileno(), 65536):
                said.append(part)

        reader = Thread(target=read, daemon=True)
        reader.start()
        reader.join(timeout)
        assert not reader.is_alive(), b"".join(said).decode()
        self._process.join(timeout)
        self._stderr.close()
        return None, b"".join(said).decode()


def start_command(words: Sequence[str], **environment: str) -> StartedCommand:
    """Starts `elsa` with these words; `environment` is added to this one's."""
    return StartedCommand(words, environment)


def start_build(recordings: object, output: object, *flags: str, **environment: str) -> StartedCommand:
    """Starts a small build with template captions; `environment` is added to this one's."""
    return start_command(build_words(recordings, output, *flags), **environment)


def _run_command(words: list[str], environment: dict[str, str], stderr: Connection) -> None:
    os.setsid()
    # A shell that starts tests in the background has them ignore it, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    stderr.close()
    os.environ.clear()
    os.environ.update(environment)
    # It was read from the environment of the process that this one is a fork of.
    tempfile.tempdir = None
    from pipeline.command import main

    raise SystemExit(main(words))


def without_progress(said: str) -> list[str]:
    """The lines of stderr less those that a slow machine gets every 30 s."""
    return [line for line in said.splitlines() if not line.startswith("build:")]


def wait_until(holds: Callable[[], bool], process: StartedCommand | None = None) -> None:
    """Waits, and fails where `process` ends before that."""
    deadline = time.monotonic() + 200
    while not holds():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def finished_shards(output: Path) -> list[Path]:
    """The tables of the shards that are there."""
    return sorted(output.glob("*/*/metadata.parquet"))


def listening(pid: int) -> dict[str, int]:
    """The number of sockets on which a process and those below it listen, by the address as the kernel writes it."""
    found: dict[str, int] = {}
    inodes = {inode for process in _tree(pid) for inode in _sockets(process)}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            # 0A is LISTEN; a socket of UDP that is bound and not connected is 07.
            if words[9] in inodes and words[3] in ("0A", "07"):
                address = words[1].partition(":")[0]
                found[address] = found.get(address, 0) + 1
    return found


#: 127.0.0.1, the same as an IPv6 address, and ::1.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def _tree(pid: int) -> list[int]:
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        # A process that has ended has no children any more.
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                left += [int(child) for child in (task / "children").read_text().split()]
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found
