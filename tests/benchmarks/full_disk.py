"""Builds on a disk that gets full at random moments: ``python -m tests.benchmarks.full_disk --times 20``.

Each build has to end with one line and an exit code, and the same command, once there is room, with the digest of a
build that never met a full disk. The disk is a small file system in memory. Where none can be mounted, a limit on the
size of a file takes its part, which stops the larger files alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.sounds import small_folder

#: A build that takes so long has hung, in seconds.
LONGEST_S = 400.0
#: The kinds of full disks: too small from the start; filled to the last byte a random time after the start, so that not
#: even the log can be written; filled once the log is there; full before the start.
KINDS = ("small", "filled", "filled at the log", "full from the start")


@dataclass(frozen=True)
class Full:
    """What a build on a full disk did, and what the same command did once there was room."""

    kind: str
    code: int | None
    """The exit code; None where the build hung."""
    lines: tuple[str, ...]
    """What it printed, without progress."""
    after_s: float
    digest: str
    """The digest after the second build; empty where that failed."""

    def is_right(self, digest: str) -> bool:
        """Whether it ended in one line and an exit code, or met no full disk, and then with this digest."""
        stopped = self.code in (1, 2) and len(self.lines) == 1 and "Traceback" not in self.lines[0]
        return (stopped or (self.code == 0 and not self.lines)) and self.digest == digest


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; returns 1 if a build hung, said more or less than one line, or ended with another digest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="elsa-full-disk-") as folder:
        return full_beside_whole(Path(folder), options.times, options.clips, options.seed)


def full_beside_whole(folder: Path, times: int, clips: int, seed: int) -> int:
    """Builds once with room, and `times` on disks that get full; compares the digests."""
    recordings = small_folder(folder / "in", clips=clips)
    began = time.monotonic()
    code, lines = run_build(recordings, folder / "whole", workers=2)
    whole_s, whole = time.monotonic() - began, digest_of(folder / "whole")
    if code or not whole:
        print(f"the build with room failed: {code} {lines}", file=sys.stderr)
        return 1
    size_bytes = sum(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file())
    draw, found = random.Random(seed), []
    mountable = can_mount(folder / "tried")
    for number in range(times):
        kind = KINDS[number % len(KINDS)] if mountable else "limit of a file"
        full = (full_once if mountable else limited_once)(
            recordings, folder / f"disk {number}", kind, draw, whole_s, size_bytes
        )
        found.append(full)
        verdict = "right" if full.is_right(whole) else "WRONG"
        print(f"{number + 1}: {verdict}: {full}", file=sys.stderr, flush=True)
    print_table(found, whole)
    return int(not all(full.is_right(whole) for full in found))


def build_command(recordings: Path, output: Path, workers: int) -> list[str]:
    """The words of the build."""
    settings = ("caption.writer=template", "rows_per_shard=2", "rooms.train=8", "rooms.validation=3", "rooms.test=3")
    command = [sys.executable, "-m", "pipeline.command", "build", "folder", "--input", str(recordings)]
    command += ["--output", str(output), *(part for setting in settings for part in ("--set", setting))]
    return [*command, f"--direct_num_workers={workers}"]


def run_build(
    recordings: Path, output: Path, workers: int, limit_bytes: int | None = None
) -> tuple[int | None, tuple[str, ...]]:
    """Runs the build; returns its exit code, None where it hung, and its lines without progress."""

    def limit() -> None:
        if limit_bytes is not None:
            # Python ignores the signal of this limit, and writing fails instead.
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    process = subprocess.Popen(
        build_command(recordings, output, workers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
    )
    try:
        _, said = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        return None, lines_of(said)
    return process.returncode, lines_of(said)


def lines_of(said: str) -> tuple[str, ...]:
    """The lines without those of the progress."""
    return tuple(line for line in said.splitlines() if not line.startswith("build:"))


def full_once(recordings: Path, disk: Path, kind: str, draw: random.Random, whole_s: float, size_bytes: int) -> Full:
    """One build on a disk that gets full, and the same command once there is room."""
    size = round(size_bytes * draw.uniform(0.05, 1.3)) if kind == "small" else 4 * size_bytes
    with mounted(disk, size) as output:
        stop = threading.Event()
        moment_s = {"filled": draw.uniform(0, 1.1 * whole_s), "full from the start": 0.0}.get(kind, 0.0)
        filler = threading.Thread(target=fill, args=(disk, kind, moment_s, draw.uniform(0, 0.5), stop), daemon=True)
        if kind == "full from the start":
            fill(disk, kind, 0.0, 0.0, stop)
        elif kind != "small":
            filler.start()
        began = time.monotonic()
        code, lines = run_build(recordings, output, workers=draw.choice((1, 2)))
        after_s = time.monotonic() - began
        stop.set()
        if filler.is_alive():
            filler.join()
        (disk / "filler").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", f"remount,size={20 * size_bytes}", str(disk)], check=True)
        again, _ = run_build(recordings, output, workers=2)
        return Full(kind, code, lines, round(after_s, 1), digest_of(output) if again == 0 else "")


def fill(disk: Path, kind: str, moment_s: float, then_s: float, stop: threading.Event) -> None:
    """Takes the last bytes of the disk, and those that are freed later, until `stop` is set."""
    if kind == "filled at the log":
        while not list(disk.glob("*/.elsa/workers.log")) and not stop.wait(0.005):
            pass
        stop.wait(then_s)
    elif stop.wait(moment_s):
        return
    block = bytes(1 << 16)
    with open(disk / "filler", "ab", buffering=0) as file:
        while True:
            with contextlib.suppress(OSError):
                while True:
                    file.write(block)
            if kind == "full from the start" or stop.wait(0.01):
                return


def limited_once(recordings: Path, disk: Path, kind: str, draw: random.Random, whole_s: float, size_bytes: int) -> Full:
    """The same with a limit on the size of each file, where no file system can be mounted."""
    del whole_s
    disk.mkdir()
    began = time.monotonic()
    largest = max(4096, size_bytes // 20)
    limit_bytes = draw.choice((0, 100, 4096, draw.randrange(largest)))
    code, lines = run_build(recordings, disk / "release", workers=draw.choice((1, 2)), limit_bytes=limit_bytes)
    after_s = time.monotonic() - began
    again, _ = run_build(recordings, disk / "release", workers=2)
    digest = "" if again else digest_of(disk / "release")
    return Full(f"{kind}, {limit_bytes} B", code, lines, round(after_s, 1), digest)


@contextlib.contextmanager
def mounted(disk: Path, size_bytes: int) -> Iterator[Path]:
    """Mounts a file system in memory of this size at `disk`; yields the folder of the release on it."""
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(disk)], check=True)
    try:
        yield disk / "release"
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def can_mount(disk: Path) -> bool:
    """Whether this user may mount a file system in memory here."""
    try:
        with mounted(disk, 1 << 16):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def digest_of(release: Path) -> str:
    """The digest that release.json states; empty if there is none."""
    path = release / "release.json"
    return str(json.loads(path.read_text())["digest"]) if path.exists() else ""


def print_table(found: list[Full], whole: str) -> None:
    """Prints the table of docs/resume.md."""
    print("| disk | builds | stopped with one line | met no full disk | hung | then the same digest |")
    print("|---|--:|--:|--:|--:|--:|")
    for kind in dict.fromkeys(full.kind.partition(",")[0] for full in found):
        of_kind = [full for full in found if full.kind.partition(",")[0] == kind]
        counts = (
            len(of_kind),
            sum(full.code in (1, 2) and len(full.lines) == 1 for full in of_kind),
            sum(full.code == 0 for full in of_kind),
            sum(full.code is None for full in of_kind),
            sum(full.digest == whole for full in of_kind),
        )
        print(f"| {kind} | {' | '.join(map(str, counts))} |")


if __name__ == "__main__":
    sys.exit(main())
