"""The whole pipeline's speed: Beam against a for-loop over the same stages, a usual script, and the floor.

``python -m tests.benchmarks.beam_overhead``, or the last table of ``make bench``.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.build.local_runner import run_locally
from pipeline.build.local_worker import Job, run_pipe
from pipeline.build.planning import Plan, plan_build
from pipeline.dag import Work
from pipeline.recipe import Recipe, load_recipe
from tests.benchmarks import peers
from tests.benchmarks.peers import CLIP_S, clip_flac
from transforms.captions.describe_places import describe_place
from transforms.captions.rewrite_captions import rewrite_shard
from transforms.receivers.receiver import FIRST_ORDER
from transforms.records import Shard
from transforms.rooms.place_source import place_sources
from transforms.rooms.responses.simulate_responses import simulate_responses
from transforms.rooms.sample_rooms import assign_rooms
from transforms.shards import workspace
from transforms.shards.plan_shards import plan_to_parquet, read_planned_shard, rows_of
from transforms.shards.write_shard import write_shard
from transforms.sound.render_rows import render_shard

#: Beam may add at most this share to the cost of the stages, and a core must be at least this many times real time.
MOST_COST, LEAST_REAL_TIME = 0.15, 150.0
IN_MEMORY = ("--direct_num_workers=1", "--direct_running_mode=in_memory", "--default_sdk_harness_log_level=ERROR")


@dataclass(frozen=True)
class Spent:
    """CPU seconds of all cores together, and seconds by the clock."""

    cpu_s: float
    wall_s: float


def main(arguments: list[str] | None = None) -> int:
    """Prints the table. It ends with 0 whatever was measured, because a busy machine keeps no bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=60, help="clips of 20 s, with two versions each (60)")
    parser.add_argument("--runs", type=int, default=2, help="runs of each way, of which the fastest counts (2)")
    parser.add_argument("--naive", type=int, default=8, help="rows that the usual script makes; it is slow (8)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="elsa-beam-") as folder:
        recordings = clip_folder(Path(folder) / "in", options.clips)
        settings = ("caption.writer=template", "rows_per_shard=10", "rooms.train=100", "seed=5")
        recipe = load_recipe("folder", settings)
        plan = plan_build(recipe, str(recordings))
        rows = sum(len(shard.clips) for shard in plan.shards) * recipe.augmentations.train
        ways: dict[str, Callable[[str], object]] = {
            "for-loop over the stages": lambda release: loop(recipe, plan, release),
            "Beam, this process": lambda release: run_pipe(job_of(recipe, plan, release, IN_MEMORY)),
            "Beam, one process of its own": lambda release: local(recipe, plan, release, 1),
            "Beam, two workers": lambda release: local(recipe, plan, release, 2),
        }
        # Tables, imports and the first decoder are paid for before anything is measured.
        measured(ways["for-loop over the stages"], recipe, plan, Path(folder) / "warm", 1)
        spent = {
            name: measured(way, recipe, plan, Path(folder) / f"out{number}", options.runs)
            for number, (name, way) in enumerate(ways.items())
        }
    print_table(spent, rows, *reference_cpu_s(options.naive))
    return 0


def reference_cpu_s(count: int) -> tuple[float, float]:
    """CPU seconds per row of the floor and of the usual script, over clips and rooms of the same kind."""
    peers.warm_up()
    floor_s, usual_s = [], []
    for index in range(count):
        work = peers.job(5, index)
        pcm = peers.ours(work).pcm
        floor_s.append(min(peers.floor(work, pcm) for _ in range(3)))
        usual = peers.usual_script_alone(work)
        # `inverse_sabine` refuses large dry rooms.
        if not usual.failure:
            usual_s.append(usual.cpu_s)
    return float(np.mean(floor_s)), float(np.mean(usual_s))


def clip_folder(folder: Path, clips: int) -> Path:
    """An AudioFolder of generated clips of 20 s, FLAC, all for training."""
    folder.mkdir(parents=True)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "caption", "split"])
        for index in range(clips):
            (folder / f"{index}.flac").write_bytes(clip_flac(index))
            table.writerow([f"{index}.flac", f"Sound number {index}", "train"])
    return folder


def measured(way: Callable[[str], object], recipe: Recipe, plan: Plan, folder: Path, runs: int) -> Spent:
    """The least that a way spent in several runs, each into a folder of its own."""
    found = []
    for number in range(runs):
        release = folder / str(number)
        (release / workspace.FOLDER).mkdir(parents=True)
        (release / workspace.PLAN).write_bytes(plan_to_parquet(plan.shards))
        cpu_s, started = cpu_so_far_s(), time.monotonic()
        with quiet(release / "log"):
            way(str(release))
        found.append(Spent(cpu_so_far_s() - cpu_s, time.monotonic() - started))
        assert len(list(release.glob("*/*/metadata.parquet"))) == len(plan.shards)
        shutil.rmtree(release)
    return Spent(min(spent.cpu_s for spent in found), min(spent.wall_s for spent in found))


def loop(recipe: Recipe, plan: Plan, release: str) -> None:
    """Runs every stage in a for-loop, shard after shard, without Beam."""
    versions, supply, job = recipe.augmentations.model_dump(), recipe.room_supply(), recipe.caption_job()
    planned = pq.ParquetFile(Path(release) / workspace.PLAN)
    for number in range(len(plan.shards)):
        shard: Shard = rows_of(read_planned_shard(planned, number), seed=recipe.seed, augmentations=versions)
        shard = simulate_responses(place_sources(assign_rooms(shard, supply), recipe.scene_ranges()), FIRST_ORDER)
        shard = render_shard(shard, release, recipe.render_settings(), FIRST_ORDER)
        shard = rewrite_shard(shard.with_rows(tuple(map(describe_place, shard.rows))), job.questions(), None, None)
        write_shard(shard, release, caption_model=job.model_name, run=None)


def job_of(recipe: Recipe, plan: Plan, release: str, flags: tuple[str, ...]) -> Job:
    """The work of the for-loop as a job: all shards of a plan and no rooms."""
    return Job(recipe, release, Work(tuple(range(len(plan.shards))), ()), flags, "")


def local(recipe: Recipe, plan: Plan, release: str, workers: int) -> None:
    """Runs the same work in processes of their own, with their start."""
    work = replace(job_of(recipe, plan, release, ()).work)
    run_locally(recipe, release, [shard.path for shard in plan.shards], work, (f"--direct_num_workers={workers}",))


def cpu_so_far_s() -> float:
    """CPU seconds of this process and of all processes below it, whether they have ended or not."""
    ended = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in ended) + sum(map(_living_s, _children(os.getpid())))


def _living_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime and stime of the process and of its children that have ended, in ticks.
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(map(_living_s, _children(pid)))


def _children(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        # The process may have ended since it was listed.
        with contextlib.suppress(OSError):
            yield from map(int, path.read_text().split())


@contextlib.contextmanager
def quiet(path: Path) -> Iterator[None]:
    """Redirects the messages of Beam into a file."""
    from pipeline.build.progress import logged_to
    from transforms.storage.folder_files import FileIn

    with logged_to(FileIn(str(path.parent), path.name)):
        yield


def print_table(spent: dict[str, Spent], rows: int, floor_s: float, usual_s: float) -> None:
    """Prints the table of docs/runners.md."""
    alone = next(iter(spent.values()))
    print(f"{rows} rows of {CLIP_S:.0f} s, FLAC and Parquet included, template captions")
    print("| | CPU | a row | × real time a core | CPU over the stages alone | wall | rows/s |")
    print("|---|---|---|---|---|---|---|")
    for name, used in spent.items():
        speed, over = rows * CLIP_S / used.cpu_s, used.cpu_s / alone.cpu_s
        print(
            f"| {name} | {used.cpu_s:.1f} s | {1000 * used.cpu_s / rows:.0f} ms | {speed:.0f} | {over:.2f} "
            f"| {used.wall_s:.1f} s | {rows / used.wall_s:.1f} |"
        )
    for name, row_s in (
        ("a usual script, clip after clip", usual_s),
        ("the floor: decode, one transform, FLAC", floor_s),
    ):
        print(f"| {name} | | {1000 * row_s:.0f} ms | {CLIP_S / row_s:.1f} | {row_s * rows / alone.cpu_s:.2f} | | |")
    beam = list(spent.values())[1]
    row_s = beam.cpu_s / rows
    print(
        f"through Beam {usual_s / row_s:.1f} times as fast as the usual script, {row_s / floor_s:.2f} times the floor"
    )
    for what, held in (
        (f"Beam costs at most {MOST_COST:.0%}", beam.cpu_s <= (1 + MOST_COST) * alone.cpu_s),
        (f"at least {LEAST_REAL_TIME:.0f} × real time a core", rows * CLIP_S / beam.cpu_s >= LEAST_REAL_TIME),
    ):
        print(f"{what}: {'pass' if held else 'MISS'}")


if __name__ == "__main__":
    sys.exit(main())
