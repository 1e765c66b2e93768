"""Compares a build that is killed many times with one that is not: ``python -m tests.benchmarks.kills``."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.sounds import small_folder

#: Half of the clips of `small_folder` are for training, and those have two versions.
ROWS_PER_CLIP = 1.5
#: A kill at work comes at most so many seconds after its row, and one at the start so many after the command.
LONGEST_MOMENT_S, START_S = 0.3, 5.0
#: Options that make every row a scene.
SCENES = ("--set", "scenes.sources_max=3", "--set", "scenes.moving_share=0.5", "--set", "scenes.duration_s=2")
#: The share of kills that come while the command, its pipeline or its workers still start; the others come at work.
SHARE_AT_START = 0.2


@dataclass(frozen=True)
class Kill:
    """The state of the release at a kill."""

    after_s: float
    at_work: bool
    finished: int
    """Finished shards."""
    in_hand: int
    """Shards that had begun; the next start makes them again."""
    redone: int
    """Shards that were finished before this start and were written again; this must be 0."""


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; returns 1 if anything differs from a build without kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scenes", action="store_true", help="rows are scenes of up to three sounds")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="elsa-kills-") as folder:
        words = [f"--direct_num_workers={options.workers}", *(SCENES if options.scenes else ())]
        words += [word for setting in options.settings for word in ("--set", setting)]
        return killed_beside_whole(Path(folder), options.kills, options.rows, words, options.seed)


def killed_beside_whole(folder: Path, count: int, rows: int, words: Sequence[str], seed: int) -> int:
    """Builds once without and once with `count` kills, and compares the releases."""
    recordings = small_folder(folder / "in", clips=round(rows / ROWS_PER_CLIP))
    started = time.monotonic()
    build(recordings, folder / "whole", words).wait()
    whole_s = time.monotonic() - started
    draw, kills = random.Random(seed), []
    started = time.monotonic()
    while len(kills) < count and not (folder / "killed" / "release.json").exists():
        left = rows - file_count(folder / "killed")
        # The kills are spread over the rows, so that the work lasts for all of them.
        most = 2.0 * left / (count - len(kills)) / (1.0 - SHARE_AT_START)
        kill = kill_once(recordings, folder / "killed", words, draw, most)
        kills.append(kill)
        print(f"kill {len(kills)}: {kill}", file=sys.stderr, flush=True)
    before = finished_shards(folder / "killed")
    ended = build(recordings, folder / "killed", words).wait()
    killed_s = time.monotonic() - started
    print_table(folder, kills, whole_s, killed_s)
    redone = sum(kill.redone for kill in kills) + redone_since(folder / "killed", before)
    return int(ended != 0 or bool(redone) or not same(folder / "whole", folder / "killed"))


def build(recordings: Path, output: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts `elsa build`, with further words, in a process group of its own."""
    settings = ("caption.writer=template", "rows_per_shard=2", "rooms.train=20", "rooms.validation=4", "rooms.test=4")
    command = [sys.executable, "-m", "pipeline.command", "build", "folder", "--input", str(recordings)]
    command += ["--output", str(output), *(part for setting in settings for part in ("--set", setting))]
    command += words
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def kill_once(recordings: Path, output: Path, words: Sequence[str], draw: random.Random, most: float) -> Kill:
    """Starts the build and kills the command, and in half of all cases its pipeline and workers at the same moment.

    A kill at work comes a moment after a random number of further files, at most `most`. A file is a row.
    """
    before = finished_shards(output)
    process, began = build(recordings, output, words), time.monotonic()
    at_work, everyone = draw.random() >= SHARE_AT_START, draw.random() < 0.5
    share, moment_s = draw.random(), draw.random()
    if at_work:
        # A build removes unfinished shards at its start, so only later files are its own.
        until = sum(rows_of(path) for path in before) + 1 + int(share * most)
        while process.poll() is None and file_count(output) < until:
            time.sleep(0.005)
        time.sleep(LONGEST_MOMENT_S * moment_s)
    else:
        time.sleep(START_S * moment_s)
    after_s = time.monotonic() - began
    groups = [process.pid, *(children(process.pid) if everyone else [])]
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    process.wait()
    found = finished_shards(output)
    # The group of the pipeline ends by itself when it notices that the command has ended.
    in_hand = {path.parent for path in output.glob("*/*/*.flac")} - {path.parent for path in found}
    return Kill(round(after_s, 2), at_work, len(found), len(in_hand), redone_since(output, before))


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def finished_shards(output: Path) -> dict[Path, int]:
    """The time in ns at which each finished shard was written, by the path of its metadata."""
    return {path: path.stat().st_mtime_ns for path in output.glob("*/*/metadata.parquet")}


def redone_since(output: Path, before: dict[Path, int]) -> int:
    """The number of shards of `before` that are gone or were written again."""
    now = finished_shards(output)
    return sum(now.get(path) != written for path, written in before.items())


def rows_of(metadata: Path) -> int:
    """The rows of a finished shard."""
    return int(pq.read_metadata(metadata).num_rows)


def file_count(output: Path) -> int:
    """The number of sound files, of finished and unfinished shards; a file that vanishes meanwhile is not counted."""
    # glob would raise where the build removes a folder meanwhile.
    return sum(name.endswith(".flac") for _, _, names in os.walk(output) for name in names)


def files_of(release: Path) -> set[Path]:
    """The relative path of every file of a release except the report, which each build writes anew."""
    found = {path.relative_to(release) for path in release.rglob("*") if path.is_file()}
    return {path for path in found if path.parts[0] != "report"}


def ids_of(release: Path) -> set[str]:
    """The ids of all rows."""
    return {
        name
        for path in finished_shards(release)
        for name in pq.read_table(path, columns=["id"]).column("id").to_pylist()
    }


def digest_of(release: Path) -> str:
    """The digest that release.json states; empty if there is none."""
    path = release / "release.json"
    return str(json.loads(path.read_text())["digest"]) if path.exists() else ""


def same(whole: Path, killed: Path) -> bool:
    """Whether the digest, the rows and the files are those of the build without kills."""
    equal = digest_of(whole) == digest_of(killed) != ""
    return equal and ids_of(whole) == ids_of(killed) and files_of(whole) == files_of(killed)


def print_table(folder: Path, kills: list[Kill], whole_s: float, killed_s: float) -> None:
    """Prints the table of docs/resume.md."""
    whole, killed = folder / "whole", folder / "killed"
    equal = digest_of(whole) == digest_of(killed) != ""
    in_hand = [kill.in_hand for kill in kills]
    print("| | |\n|---|---|")
    print(f"| rows, shards | {len(ids_of(whole))}, {len(finished_shards(whole))} |")
    at_work = sum(kill.at_work for kill in kills)
    print(f"| kills | {len(kills)}: {at_work} at work, {len(kills) - at_work} while starting |")
    print(f"| digest | {'equal' if equal else 'DIFFERS'} |")
    print(
        f"| rows lost, rows too many | {len(ids_of(whole) - ids_of(killed))}, {len(ids_of(killed) - ids_of(whole))} |"
    )
    print(f"| stray files | {len(files_of(killed) - files_of(whole))} |")
    print(f"| finished shards that were done again | {sum(kill.redone for kill in kills)} |")
    mean = sum(in_hand) / max(1, len(in_hand))
    print(f"| shards in hand at a kill, done again | {mean:.1f} on average, {max(in_hand, default=0)} at most |")
    print(f"| wall time, never killed and killed | {whole_s:.0f} s, {killed_s:.0f} s |")


if __name__ == "__main__":
    sys.exit(main())
