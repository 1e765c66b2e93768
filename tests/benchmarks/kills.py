"""A build that is killed again and again, beside one that never was: ``python -m tests.benchmarks.kills``."""

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
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.sounds import small_folder

#: Of `small_folder`'s clips half are for training, and have two versions.
ROWS_PER_CLIP = 1.5
#: Seconds: a kill at work comes at most so long after its row, one at the start at most so long after the command.
LONGEST_MOMENT_S, START_S = 0.3, 5.0
#: So many kills come while the command, its pipe or its workers still start; the rest at work.
SHARE_AT_START = 0.2


@dataclass(frozen=True)
class Kill:
    """What a kill found."""

    after_s: float
    at_work: bool
    finished: int
    """Shards that were there."""
    in_hand: int
    """Shards that were begun, which the next start does again."""
    redone: int
    """Shards that had been there before this start, and were written again; 0 is the promise."""


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit 1 where anything is not as it would be without a kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="elsa-kills-") as folder:
        return killed_beside_whole(Path(folder), options.kills, options.rows, options.workers, options.seed)


def killed_beside_whole(folder: Path, count: int, rows: int, workers: int, seed: int) -> int:
    """Builds once in peace and once under `count` kills, and compares."""
    recordings = small_folder(folder / "in", clips=round(rows / ROWS_PER_CLIP))
    started = time.monotonic()
    build(recordings, folder / "whole", workers).wait()
    whole_s = time.monotonic() - started
    draw, kills = random.Random(seed), []
    started = time.monotonic()
    while len(kills) < count and not (folder / "killed" / "release.json").exists():
        left = rows - files_there(folder / "killed")
        # So spread over the rows that the work lasts for all kills.
        most = 2.0 * left / (count - len(kills)) / (1.0 - SHARE_AT_START)
        kill = kill_once(recordings, folder / "killed", workers, draw, most)
        kills.append(kill)
        print(f"kill {len(kills)}: {kill}", file=sys.stderr, flush=True)
    before = shards_there(folder / "killed")
    ended = build(recordings, folder / "killed", workers).wait()
    killed_s = time.monotonic() - started
    print_table(folder, kills, whole_s, killed_s)
    redone = sum(kill.redone for kill in kills) + redone_since(folder / "killed", before)
    return int(ended != 0 or bool(redone) or not same(folder / "whole", folder / "killed"))


def build(recordings: Path, output: Path, workers: int) -> subprocess.Popen[bytes]:
    """`elsa build`, as the leader of a group of its own."""
    settings = ("caption.writer=template", "rows_per_shard=2", "rooms.train=20", "rooms.validation=4", "rooms.test=4")
    command = [sys.executable, "-m", "pipeline.command", "build", "folder", "--input", str(recordings)]
    command += ["--output", str(output), *(part for setting in settings for part in ("--set", setting))]
    command.append(f"--direct_num_workers={workers}")
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def kill_once(recordings: Path, output: Path, workers: int, draw: random.Random, most: float) -> Kill:
    """Starts the build and kills it: the command, and in half of all cases its pipe and workers in the same moment.

    At work it is killed a moment after so many more files are there as are drawn, `most` at most; a file is a row.
    """
    before = shards_there(output)
    process, began = build(recordings, output, workers), time.monotonic()
    at_work, everyone = draw.random() >= SHARE_AT_START, draw.random() < 0.5
    share, moment_s = draw.random(), draw.random()
    if at_work:
        # What a killed build had in hand is removed at the start: only then is the count that of this one.
        until = sum(rows_of(path) for path in before) + 1 + int(share * most)
        while process.poll() is None and files_there(output) < until:
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
    found = shards_there(output)
    # The pipe's own group ends when it sees that the command is gone.
    in_hand = {path.parent for path in output.glob("*/*/*.flac")} - {path.parent for path in found}
    return Kill(round(after_s, 2), at_work, len(found), len(in_hand), redone_since(output, before))


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def shards_there(output: Path) -> dict[Path, int]:
    """The metadata of every finished shard, and when it was written (ns)."""
    return {path: path.stat().st_mtime_ns for path in output.glob("*/*/metadata.parquet")}


def redone_since(output: Path, before: dict[Path, int]) -> int:
    """Shards that were there before, and are gone or were written again."""
    now = shards_there(output)
    return sum(now.get(path) != written for path, written in before.items())


def rows_of(metadata: Path) -> int:
    """Rows of a finished shard."""
    return int(pq.read_metadata(metadata).num_rows)


def files_there(output: Path) -> int:
    """Sound files that are there, of finished shards and of those in hand; what vanishes meanwhile is not."""
    # Not glob: it raises where the build removes a folder under it.
    return sum(name.endswith(".flac") for _, _, names in os.walk(output) for name in names)


def files_of(release: Path) -> set[Path]:
    """Every file of a release, relative to it; the report apart, which a build writes last and anew."""
    found = {path.relative_to(release) for path in release.rglob("*") if path.is_file()}
    return {path for path in found if path.parts[0] != "report"}


def ids_of(release: Path) -> set[str]:
    """The ids of all rows."""
    return {
        name for path in shards_there(release) for name in pq.read_table(path, columns=["id"]).column("id").to_pylist()
    }


def digest_of(release: Path) -> str:
    """What release.json states; nothing where there is none."""
    path = release / "release.json"
    return str(json.loads(path.read_text())["digest"]) if path.exists() else ""


def same(whole: Path, killed: Path) -> bool:
    """Whether digest, rows and files are those of the build that was never killed."""
    equal = digest_of(whole) == digest_of(killed) != ""
    return equal and ids_of(whole) == ids_of(killed) and files_of(whole) == files_of(killed)


def print_table(folder: Path, kills: list[Kill], whole_s: float, killed_s: float) -> None:
    """The table of docs/resume.md."""
    whole, killed = folder / "whole", folder / "killed"
    equal = digest_of(whole) == digest_of(killed) != ""
    in_hand = [kill.in_hand for kill in kills]
    print("| | |\n|---|---|")
    print(f"| rows, shards | {len(ids_of(whole))}, {len(shards_there(whole))} |")
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
