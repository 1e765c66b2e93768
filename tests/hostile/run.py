"""Runs the commands that read a release on hostile ones, each in a process of its own, and says what went wrong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from pipeline.command import main
from tests.hostile.releases import SECRET, SECRET_TEXT, make_hostile, make_hostile_requests

#: What a command may take beyond an honest release.
MOST_CPU_S, MOST_MEMORY_BYTES = 10.0, 1 << 30
#: What ends a command: its address space, its CPU time, and the time that it waits.
_ADDRESS_BYTES, _CPU_S, WALL_S = 4 << 30, 60, 180.0

#: The plots of honest releases.
_PLOTS: dict[Path, Any] = {}


@dataclass
class Outcome:
    """What one command did with one release."""

    command: str
    exit_code: int | None = None
    cpu_s: float = 0.0
    memory_bytes: int = 0
    fault: str = ""
    """Empty, or what it must not do: a traceback, a hang, memory, a file outside, a connection, a raw line."""
    said: str = ""


@dataclass(frozen=True)
class Honest:
    """Honest folders, which are copied."""

    releases: tuple[Path, ...]
    requests: Path
    recordings: Path
    url: str
    """The address of the endpoint that stands in them; no command may connect to it."""
    own_url: str
    """The address of the endpoint that the user names on the command line."""


def commands_on(release: Path, folder: Path, honest: Honest) -> dict[str, list[str]]:
    """The command lines that read the release in this folder."""
    addresses = ("--set", f"caption.base_url={honest.own_url}", "--set", f"caption.judge_base_url={honest.own_url}")
    return {
        "verify": ["verify", str(release)],
        "report": ["report", str(release), "--samples", "3"],
        "export": ["export", "webdataset", str(release), "--output", str(folder / "tars")],
        "dcase": ["export", "dcase", str(release), "--output", str(folder / "dcase"), "--classes", classes_in(folder)],
        "reproduce": [
            *("reproduce", str(release), "--input", str(honest.recordings), "--output", str(folder / "again")),
        ],
        "redo-bare": ["captions", "redo", str(release)],
        "redo": ["captions", "redo", str(release), *addresses],
    }


def commands_on_requests(requests: Path, folder: Path, honest: Honest) -> dict[str, list[str]]:
    """The command lines that read a folder of requests."""
    output = ("--output", str(folder / "answers.parquet"))
    addresses = ("--base-url", honest.own_url, "--judge-base-url", honest.own_url)
    return {
        "submit-bare": ["captions", "submit", str(requests), "--no-wait"],
        "collect-bare": ["captions", "collect", str(requests), *output],
        "submit": ["captions", "submit", str(requests), *addresses, "--every", "0.1"],
        "collect": ["captions", "collect", str(requests), *addresses, *output],
    }


def classes_in(folder: Path) -> str:
    """A file of classes for `elsa export dcase`: each clip of an honest release has its own."""
    path = folder / "classes.csv"
    lines = (f"{number:07d},sound {number}\nburst {number}.wav,sound {number}\n" for number in range(13))
    path.write_text("source_id,class\n" + "".join(lines))
    return str(path)


def prepare(seed: int, folder: Path, honest: Honest) -> tuple[Path, dict[str, list[str]], list[str]]:
    """A hostile release, or every eighth time a folder of requests, and the commands to run on it."""
    (folder / "outside" / "data").mkdir(parents=True)
    (folder / SECRET).write_text(SECRET_TEXT)
    for name in ("data/rows-00007.js", "binaural-0123456789abcdef.mp3", "index.html", "00000-of-00001.parquet"):
        (folder / "outside" / name).write_text("the user's own")
    if seed % 8 == 7:
        target = folder / "requests"
        shutil.copytree(honest.requests, target)
        if seed % 16 == 7:
            # Nothing has been submitted yet.
            (target / "batches.json").unlink()
            shutil.rmtree(target / "results")
        changes = make_hostile_requests(seed, target)
        return target, commands_on_requests(target, folder, honest), changes
    target = folder / "release"
    shutil.copytree(honest.releases[seed % len(honest.releases)], target)
    changes = make_hostile(seed, target)
    return target, commands_on(target, folder, honest), changes


@contextlib.contextmanager
def with_plots_of(honest: Path) -> Iterator[None]:
    """`elsa report` draws the plots of an honest release once, as they take most of its time."""
    from pipeline.report.plots import all_plots
    from pipeline.report.summary import summarise

    plots = _PLOTS.get(honest) or _PLOTS.setdefault(honest, all_plots(summarise(honest)))
    with mock.patch("pipeline.report.all_plots", return_value=plots):
        yield


@contextlib.contextmanager
def without_rendering(honest: Path) -> Iterator[None]:
    """`elsa reproduce` reads what it would build from, and takes an honest release for what it would have built."""

    def build(recipe: Any, input_dir: str, output: str, **options: Any) -> Any:
        from pipeline.build.caption_setup import known_answers
        from pipeline.build.planning import BuildError

        recipe.list_input(input_dir)
        recipe.caption_job()
        recipe.render_settings()
        try:
            known_answers([options["answers"]], failures_stand=True)
        except BuildError:
            raise
        if not Path(output).exists():
            shutil.copytree(honest, output)
        return SimpleNamespace(failures=(), totals=SimpleNamespace(row_count=0, digest=""))

    with mock.patch("pipeline.build.build", build):
        yield


class Watch:
    """Sees files that are opened by their whole name, and connections; hooks cannot be removed, so there is one."""

    _installed: Watch | None = None

    def __init__(self) -> None:
        self.outside: str | None = None
        self.seen: list[str] = []
        self.own: set[int] = set()
        self.strangers: set[int] = set()
        """The ports on loopback of the user's endpoints, and of strangers' endpoints, which count what they hear."""
        sys.addaudithook(self._hear)

    @classmethod
    def installed(cls) -> Watch:
        """The one watch of this process."""
        cls._installed = cls._installed or cls()
        return cls._installed

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.outside is None:
            return
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            if os.path.realpath(os.fsdecode(arguments[0])).startswith(self.outside):
                self.seen.append(f"opened {arguments[0]!r}")
        elif event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
            address = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[:2]
            if not isinstance(address, tuple):
                return
            port = int(address[1] or 0) if address[0] == "127.0.0.1" else 0
            if port in self.own:
                return
            self.seen.append(f"{event} {address}")
            if port not in self.strangers:
                raise ConnectionRefusedError("no connection in this test")


def run_command(name: str, words: list[str], folder: Path, honest: Honest | None = None) -> Outcome:
    """Runs one command in this process and watches it."""
    outside = folder / "outside"
    before = _snapshot(outside)
    os.utime(folder / SECRET, (0, time.time()))
    watch = Watch.installed()
    watch.outside, watch.seen = str(outside.resolve()), []
    if honest is not None:
        watch.own, watch.strangers = {_port(honest.own_url)}, {_port(honest.url)}
    outcome = Outcome(name)
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    memory, cpu_s = _peak_bytes(reset=True), _cpu_s()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        try:
            outcome.exit_code = main(words)
        except SystemExit as stop:
            outcome.exit_code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            outcome.fault = "traceback"
            traceback.print_exc(file=screen)
    outcome.cpu_s, outcome.memory_bytes = _cpu_s() - cpu_s, _peak_bytes() - memory
    watch.outside = None
    screen.flush()
    outcome.said = screen.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]
    if not outcome.fault:
        outcome.fault = _fault_of(
            outcome, watch.seen, before != _snapshot(outside), (folder / SECRET).stat().st_atime > 0
        )
    return outcome


def _port(url: str) -> int:
    return int(url.removesuffix("/v1").rpartition(":")[2])


def _fault_of(outcome: Outcome, seen: list[str], changed: bool, secret_read: bool) -> str:
    if "Traceback (most" in outcome.said:
        return "traceback"
    if outcome.exit_code not in (0, 1, 2):
        return f"exit code {outcome.exit_code}"
    if seen:
        return "; ".join(seen[:3])
    if changed:
        return "changed a file outside"
    if secret_read or SECRET_TEXT in outcome.said:
        return "read a file outside"
    if outcome.cpu_s > MOST_CPU_S:
        return f"{outcome.cpu_s:.0f} s of CPU"
    if outcome.memory_bytes > MOST_MEMORY_BYTES:
        return f"{outcome.memory_bytes >> 20} MB"
    raw = [line for line in outcome.said.splitlines() if not line.isprintable()]
    return f"raw line {raw[0][:80]!a}" if raw else ""


def _snapshot(folder: Path) -> list[tuple[str, int, int]]:
    found = []
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found.append((str(path), stat.st_size, stat.st_mtime_ns if path.name != "secret.txt" else 0))
    return found


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _peak_bytes(*, reset: bool = False) -> int:
    """The most memory that this process has had, on request since now."""
    if reset:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def in_a_child(run: Callable[[Callable[[Outcome], None]], None], wall_s: float = WALL_S) -> tuple[list[Outcome], str]:
    """Runs a function in a fork of this process; returns what it reported, and how the child ended if badly."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            _limit()
            run(lambda outcome: _send(writer, outcome))
        finally:
            os._exit(0)
    os.close(writer)
    data, ended = bytearray(), ""
    deadline = time.monotonic() + wall_s
    while True:
        ready, _, _ = select.select([reader], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            os.kill(child, signal.SIGKILL)
            ended = "hangs"
            break
        block = os.read(reader, 1 << 16)
        if not block:
            break
        data += block
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if not ended and os.WIFSIGNALED(status):
        ended = f"died of {signal.Signals(os.WTERMSIG(status)).name}"
    return [Outcome(**json.loads(line)) for line in data.splitlines() if line.endswith(b"}")], ended


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _ADDRESS_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (6 * _CPU_S, 6 * _CPU_S))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def _send(writer: int, outcome: Outcome) -> None:
    outcome.said = outcome.said[-3_000:]
    data = memoryview(json.dumps(asdict(outcome)).encode() + b"\n")
    while data:
        data = data[os.write(writer, data) :]


def warm_up(honest: Honest, folder: Path) -> None:
    """Runs the commands on an honest release in this process, so that no fork of it imports or draws again."""
    release = folder / "release"
    shutil.copytree(honest.releases[0], release)
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        with without_rendering(honest.releases[0]), with_plots_of(honest.releases[0]):
            for words in commands_on(release, folder, honest).values():
                main(words)
        requests = folder / "requests"
        shutil.copytree(honest.requests, requests)
        for words in commands_on_requests(requests, folder, honest).values():
            main(words)
    shutil.rmtree(folder)


def run_case(
    seed: int, folder: Path, honest: Honest, *, rendering: bool = False, drawing: bool = True
) -> tuple[list[str], list[Outcome]]:
    """Makes one hostile release and runs every command on a copy of it; the last outcome may be how the child ended.

    Args:
        seed: decides what is changed.
        folder: the folder of this release, which is removed afterwards.
        honest: what it is made from.
        rendering: whether `elsa reproduce` builds.
        drawing: whether `elsa report` draws the plots of this release.
    """
    folder.mkdir(parents=True)
    try:
        _, commands, changes = prepare(seed, folder, honest)
        begun: list[str] = []

        def run(report: Callable[[Outcome], None]) -> None:
            with contextlib.ExitStack() as stubs:
                if not rendering:
                    stubs.enter_context(without_rendering(honest.releases[0]))
                if not drawing:
                    stubs.enter_context(with_plots_of(honest.releases[0]))
                for name, words in commands.items():
                    report(run_command(name, words, folder, honest))

        outcomes, ended = in_a_child(run)
        begun = list(commands)[len(outcomes) : len(outcomes) + 1]
        if ended or begun:
            outcomes.append(Outcome(begun[0] if begun else "end", fault=ended or "ended early"))
        return changes, outcomes
    finally:
        shutil.rmtree(folder, ignore_errors=True)
