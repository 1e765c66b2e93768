"""How time and memory of a build grow with its rows: ``python -m tests.benchmarks.growth --rows 1000 10000``.

It builds from a list of the paper's shape. Three things are stubbed: the room response of a row, reading clips and
writing audio, and the language model (the template writes captions). Everything else is done as in any build: the list
is read and planned, rooms are sampled and measured, and rows are placed, described, written and digested.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.records import Acoustics, Audio, Row, Shard
from transforms.seeds import keyed_generator
from transforms.sound.render_rows import flac_name

#: Rows of the published release, and its rooms.
PAPER_ROWS, PAPER_ROOMS = 890_038, {"train": 8_952, "validation": 64, "test": 4_970}
#: Shares of a list's clips; the others are for training.
VALIDATION, TEST = 0.02, 0.05
_LOOK_EVERY_S = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Grown:
    """The size, time, peak memory and bytes on disk of one build."""

    rows: int
    rooms: int
    shards: int
    wall_s: float
    driver_cpu_s: float
    workers_cpu_s: float
    driver_mb: float
    """Peak memory of the command or of the process that runs Beam's pipeline, whichever is larger."""
    worker_mb: float
    """Peak memory of the largest worker."""
    planning_cpu_s: float
    finishing_cpu_s: float
    """CPU seconds that the end of the build takes, as part of driver_cpu_s; so does planning_cpu_s."""
    metadata_bytes: int
    digest: str


def stubbed_responses(shard: Shard, receivers: object) -> Shard:
    """Stands in for the simulation: each row gets about the T30 of its room, and other acoustics drawn at random."""

    def measured(row: Row) -> Row:
        assert row.room is not None
        draw = keyed_generator(row.seed, "growth")
        c50_db, drr_db = (round(value, 4) for value in draw.uniform(-10.0, 20.0, 2))
        t30_ms = round(row.room.t30_ms * draw.uniform(0.998, 1.002), 3)
        return replace(row, acoustics=Acoustics(t30_ms, row.room.t30_bands_ms, t30_ms, c50_db, drr_db))

    return shard.with_rows(tuple(measured(row) for row in shard.rows))


def stubbed_render(shard: Shard, release: str, settings: object, receivers: object) -> Shard:
    """Stands in for decoding, convolving and writing FLAC: each row gets the values that rendering would give it."""

    def rendered(row: Row) -> Row:
        name = hashlib.sha256(row.id.encode()).hexdigest()
        audio = Audio(flac_name(row.id), 19.2, 48_000, -12.0, False, name, name, name)
        return replace(row, audio=audio, response=None)

    return shard.with_rows(tuple(rendered(row) for row in shard.rows))


def install_stubs() -> None:
    """Installs the stubs in this process. The graph must be built after this call."""
    from transforms.rooms.responses import simulate_responses
    from transforms.sound import render_rows

    simulate_responses.simulate_responses = stubbed_responses
    render_rows.render_shard = stubbed_render


def stubbing_environment(folder: Path) -> dict[str, str]:
    """Environment variables that make a process and all processes below it install the stubs as they start."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if any(word.startswith(('pipeline.', 'apache_beam.')) for word in sys.orig_argv):\n"
        "    from tests.benchmarks.growth import install_stubs\n"
        "    install_stubs()\n"
    )
    paths = (str(folder), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def write_list(folder: Path, rows: int) -> Path:
    """An AudioFolder of empty files whose list gives so many rows, two of each training clip."""
    others = round(rows * TEST), round(rows * VALIDATION)
    train = (rows - sum(others)) // 2
    names, splits, captions = [], [], []
    for number in range(train + rows - 2 * train):
        split = "train" if number < train else "test" if number < train + others[0] else "validation"
        names.append(f"{number // 1000:04d}/{number:07d}.flac")
        splits.append(split)
        captions.append(f"A recording of a field, number {number}, with wind, birds and distant traffic")
    for name in names:
        if name.endswith("000.flac"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY))
    licence = ["http://creativecommons.org/licenses/by/3.0/"] * len(names)
    table = pa.table({"file_name": names, "split": splits, "caption": captions, "license": licence})
    pq.write_table(table, folder / "metadata.parquet")
    return folder


def build_stubbed(source: str, output: str, workers: int, rooms: int) -> dict[str, Any]:
    """Runs the build in this process, with `workers` workers of Beam; returns its counts and the time of its parts."""
    from pipeline import build as module
    from pipeline.recipe import load_recipe

    settings = ["caption.writer=template", *(f"rooms.{split}={count}" for split, count in rooms_of(rooms).items())]
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            started = time.process_time()
            try:
                return function(*arguments, **keywords)
            finally:
                seconds[name] = time.process_time() - started

        return call

    install_stubs()
    with ExitStack() as stack:
        for name in ("plan_listing", "finish_release"):
            stack.enter_context(mock.patch.object(module, name, timed(name, getattr(module, name))))
        flags = (f"--direct_num_workers={workers}",)
        outcome = module.build(load_recipe("folder", settings), source, output, beam_flags=flags)
    assert outcome.whole, outcome.failures[:3] or outcome.rejections[:3]
    return {
        "digest": outcome.totals.digest,
        "shards": outcome.built_shards,
        "rows": outcome.totals.row_count,
        **seconds,
    }


def rooms_of(rooms: int) -> dict[str, int]:
    """So many rooms, divided over the splits as in the paper."""
    whole = sum(PAPER_ROOMS.values())
    return {split: max(1, round(count * rooms / whole)) for split, count in PAPER_ROOMS.items()}


def measure(rows: int, workers: int, rooms: int, folder: Path) -> Grown:
    """Builds `rows` rows in a process of its own, and measures that process and its workers."""
    source = folder / f"list-{rows}"
    if not (source / "metadata.parquet").exists():
        write_list(source, rows)
    output = Path(tempfile.mkdtemp(prefix=f"release-{rows}-", dir=folder))
    command = [sys.executable, "-m", "tests.benchmarks.growth", "--one", str(source), str(output / "r")]
    started = time.perf_counter()
    environment = stubbing_environment(folder / "stubs")
    process = subprocess.Popen(
        [*command, "--workers", str(workers), "--rooms", str(rooms)], stdout=subprocess.PIPE, text=True, env=environment
    )
    peaks: dict[int, tuple[float, float]] = {}
    drivers: set[int] = set()
    while process.poll() is None:
        drivers |= {process.pid, *direct_children(process.pid)}
        for pid in [process.pid, *children(process.pid)]:
            peaks[pid] = peak_and_cpu(pid) or peaks.get(pid, (0.0, 0.0))
        time.sleep(_LOOK_EVERY_S)
    wall_s = time.perf_counter() - started
    assert process.returncode == 0, f"the build ended with {process.returncode}"
    assert process.stdout is not None
    said = json.loads(process.stdout.read().splitlines()[-1])
    driving = [peaks.pop(pid) for pid in drivers if pid in peaks]
    stated = json.loads((output / "r" / "release.json").read_text())
    return Grown(
        rows=said["rows"],
        rooms=stated["counts"]["rooms"],
        shards=said["shards"],
        wall_s=wall_s,
        driver_cpu_s=sum(cpu_s for _, cpu_s in driving),
        workers_cpu_s=sum(cpu_s for _, cpu_s in peaks.values()),
        driver_mb=max(mb for mb, _ in driving),
        worker_mb=max((mb for mb, _ in peaks.values()), default=0.0),
        planning_cpu_s=said["plan_listing"],
        finishing_cpu_s=said["finish_release"],
        metadata_bytes=sum(path.stat().st_size for path in (output / "r").glob("*/*/metadata.parquet")),
        digest=said["digest"],
    )


def direct_children(pid: int) -> list[int]:
    """The living processes that the threads of a process have started."""
    found: list[int] = []
    # A process or a thread may end meanwhile.
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(text) for text in (task / "children").read_text().split()]
    return found


def children(pid: int) -> list[int]:
    """All living processes below a process."""
    return [each for child in direct_children(pid) for each in (child, *children(child))]


def peak_and_cpu(pid: int) -> tuple[float, float] | None:
    """The peak resident memory of a process in MB, and its CPU seconds; None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), None)
    return None if peak is None else (peak / 1024, (int(fields[11]) + int(fields[12])) / _TICKS)


def table(results: Sequence[Grown]) -> str:
    """The results as a table."""
    columns = ("rows", "rooms", "shards", "wall", "CPU of workers", "of the driver", "of it planning", "finishing")
    columns += ("peak of the driver", "of a worker", "Parquet")
    lines = [f"| {' | '.join(columns)} |", f"|{'--:|' * len(columns)}"]
    lines += [
        f"| {r.rows:,} | {r.rooms:,} | {r.shards:,} | {r.wall_s:.0f} s | {r.workers_cpu_s:.0f} s "
        f"| {r.driver_cpu_s:.1f} s | {r.planning_cpu_s:.1f} s | {r.finishing_cpu_s:.1f} s "
        f"| {r.driver_mb:.0f} MB | {r.worker_mb:.0f} MB | {r.metadata_bytes / 1e6:.1f} MB |"
        for r in results
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measures each size in a process of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000, 10_000], help=f"rows of each build (the paper: {PAPER_ROWS})"
    )
    parser.add_argument("--workers", type=int, default=2)
    most = sum(PAPER_ROOMS.values())
    parser.add_argument("--rooms", type=int, default=most, help=f"rooms to draw from (the paper: {most})")
    parser.add_argument(
        "--folder", type=Path, help="folder for lists and releases, which stay; otherwise a temporary one"
    )
    parser.add_argument("--one", nargs=2, metavar=("LIST", "RELEASE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(build_stubbed(*options.one, options.workers, options.rooms)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = []
        for rows in options.rows:
            results.append(measure(rows, options.workers, options.rooms, folder))
            print(json.dumps(asdict(results[-1])), flush=True)
    print(table(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
