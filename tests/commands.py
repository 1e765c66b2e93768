"""The command `elsa build` as a user types it, in this process or in one of its own that may be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.pipeline.conftest import SMALL


def build_words(recordings: object, output: object, *flags: str) -> list[str]:
    """The words after `elsa` of a small build with template captions."""
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return ["build", "folder", "--input", str(recordings), "--output", str(output), *settings, *flags]


def start_build(recordings: object, output: object, *flags: str, **environment: str) -> subprocess.Popen[str]:
    """The build in a process group of its own, its stderr a pipe; `environment` is added to this one's."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.command", *build_words(recordings, output, *flags)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
        # A shell that starts tests in the background has them ignore it, and what they start inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def without_progress(said: str) -> list[str]:
    """The lines of stderr less those that a slow machine gets every 30 s."""
    return [line for line in said.splitlines() if not line.startswith("build:")]


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
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
