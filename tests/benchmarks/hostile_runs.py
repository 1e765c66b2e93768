"""Drives the commands of the model over releases, runs and evaluations of strangers, and counts what goes wrong.

    python -m tests.benchmarks.hostile_runs --count 2000 [--first 0]

Each case is an honest set of folders with one part changed, drawn by its number. The commands run in a process of their
own with limits on CPU time, memory and the size of files. It counts commands that hang, take too much memory, end in a
traceback, write or read a file outside, ask a host, start a program, or print control characters.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from model.commands.command_line import Command
from model.commands.embed import embed
from model.commands.evaluate import evaluate
from model.commands.train import train
from model.training import loop
from tests.model.hostile_files import SECRET, SETTINGS, Strangers, make_honest, make_strangers

#: Limits of a command beyond the process that it is forked from.
CPU_S, MEMORY_BYTES, FILE_BYTES, WALL_S = 10, 1 << 30, 256 << 20, 120
_FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")


def command_lines(case: Strangers) -> Iterator[tuple[Command, list[str]]]:
    """The commands that read what a case has changed, with their arguments; all of them where nothing has changed."""
    release, run, folder = str(case.release), str(case.run), case.release.parent
    sounds = [str(path) for path in sorted(case.release.glob("test/*/*.flac"))]
    settings = [word for setting in [*SETTINGS, "training.epochs=2"] for word in ("--set", setting)]
    tasks = ["--tasks", "zero_shot,errors", "--set", "readout_steps=5", "--beside", str(case.evaluation)]
    configuration = str(folder / "unfinished" / "configuration.yaml")
    of_part: dict[str, list[tuple[Command, list[str]]]] = {
        "release": [
            (embed, [run, "--text", "a dog", *(["--audio", *sounds] if sounds else [])]),
            (train, ["elsa-tiny", "--data", release, "--output", str(folder / "new"), *settings]),
            (evaluate, [run, "--data", release, "--output", str(folder / "scores"), *tasks]),
        ],
        "run": [
            (embed, [run, "--text", "a dog on the left"]),
            (train, ["elsa-tiny", "--data", release, "--output", run, *settings]),
            (train, ["elsa-tiny", "--data", release, "--output", str(folder / "new"), "--init-from", run, *settings]),
        ],
        "unfinished": [
            (train, ["elsa-tiny", "--data", release, "--output", str(folder / "unfinished"), *settings]),
            (train, [configuration, "--data", release, "--output", str(folder / "other"), "--dry-run"]),
        ],
        "evaluation": [(evaluate, [run, "--data", release, "--output", str(case.evaluation), *tasks])],
    }
    for part, lines in of_part.items():
        if case.part in ("", part):
            yield from lines


def run_command(command: Command, words: list[str]) -> tuple[int, str]:
    """Runs a command in this process. Returns its exit code and what it printed."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command.run(parser.parse_args(words))
    return code, printed.getvalue()


def faults_of(command: Command, words: list[str], case: Strangers) -> list[str]:
    """Runs a command, and returns what it did that it may not do."""
    faults: list[str] = []

    watching: list[bool] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        # A hook cannot be removed.
        if not watching:
            return
        if event in _FORBIDDEN:
            faults.append(f"{event} {arguments!r:.200}")
            raise PermissionError(event)
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(str(case.outside)):
            faults.append(f"opened {arguments[0]}")

    before = _content(case.outside)
    sys.addaudithook(watch)
    watching.append(True)
    try:
        code, printed = run_command(command, words)
        if code not in (0, 1, 2) or (code and not printed.strip()):
            faults.append(f"exit code {code} with {len(printed)} characters")
        if any(not line.isprintable() for line in printed.replace("\t", " ").splitlines()):
            faults.append("printed control characters")
        if SECRET in printed:
            faults.append("printed the content of a file outside")
    except BaseException:
        faults.append(f"traceback: {traceback.format_exc()}")
    watching.clear()
    if _content(case.outside) != before:
        faults.append("changed a file outside")
    for path in case.release.parent.rglob("*"):
        inside = path.is_file() and not path.is_symlink() and case.outside not in path.parents
        if inside and path.stat().st_size < 1 << 20 and SECRET.encode() in path.read_bytes():
            faults.append(f"copied the content of a file outside into {path.name}")
    return faults


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def in_child(work: Callable[[], list[str]]) -> tuple[list[str], float, int]:
    """Does work in a forked process with limits. Returns its faults, CPU seconds and additional bytes of memory."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + CPU_S + 1, int(used) + CPU_S + 3))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        signal.alarm(WALL_S)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            os.write(writer, "\0".join(work()).encode("utf-8", "replace")[-60_000:])
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(child, 0)
    faults = [fault for fault in text.split("\0") if fault]
    if status:
        faults.append(f"ended by signal {os.waitstatus_to_exitcode(status)} after {usage.ru_utime:.0f} s")
    memory = 1024 * (usage.ru_maxrss - before.ru_maxrss)
    if memory > MEMORY_BYTES:
        faults.append(f"{memory >> 20} MB of memory")
    return faults, usage.ru_utime + usage.ru_stime, memory


def main(words: list[str] | None = None) -> int:
    """Prints faults as they are found, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    # Drawing and TensorBoard take most of the time of a training of two steps, and read nothing of a stranger's.
    sys.modules["torch.utils.tensorboard"] = None  # type: ignore[assignment]
    loop.draw_curve = lambda *_: None
    totals: collections.Counter[str] = collections.Counter()
    most_cpu, most_memory, started = 0.0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        honest = Path(folder) / "honest"
        make_honest(honest)
        make_first(honest, Path(folder) / "first")
        for seed in range(arguments.first, arguments.first + arguments.count):
            case = make_strangers(seed, honest, Path(folder) / "case")
            for command, line in command_lines(case):
                faults, cpu_s, memory = in_child(lambda c=command, w=line, s=case: faults_of(c, w, s))  # type: ignore[misc]
                totals["commands"] += 1
                totals["faults"] += bool(faults)
                most_cpu, most_memory = max(most_cpu, cpu_s), max(most_memory, memory)
                for fault in faults:
                    print(f"{case.change}: elsa {command.name}: {fault}", flush=True)
            remove(case.release.parent)
            if (seed + 1) % 100 == 0:
                print(f"{seed + 1} cases, {time.monotonic() - started:.0f} s, {dict(totals)}", flush=True)
    print(
        f"{arguments.count} cases, {totals['commands']} commands, {totals['faults']} with faults; "
        f"at most {most_cpu:.1f} CPU s and {most_memory >> 20} MB more memory"
    )
    return 1 if totals["faults"] else 0


def make_first(honest: Path, folder: Path) -> None:
    """Runs every command on the honest folders in this process, so that all modules are imported before it forks."""
    shutil.copytree(honest, folder)
    (folder / "outside").mkdir()
    for command, line in command_lines(
        Strangers(folder / "release", folder / "run", folder / "evaluation", folder / "outside", "none", "")
    ):
        started = time.process_time()
        code, printed = run_command(command, line)
        seconds = time.process_time() - started
        print(f"honest: elsa {command.name}: exit code {code}, {seconds:.2f} CPU s: {printed.splitlines()[-1][:80]}")


def remove(folder: Path) -> None:
    """Removes a case; it may hold pipes and links."""
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
