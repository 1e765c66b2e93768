"""Estimates a build from a measured sample: sizes, CPU time and wall time, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transforms.seeds import keyed_generator

__all__ = [
    "CLIP_STAGES",
    "ROW_STAGES",
    "SECOND_STAGES",
    "Estimate",
    "Interval",
    "Overheads",
    "Population",
    "Sample",
    "SampledClip",
    "SampledRow",
    "Setting",
    "estimate",
]

#: Stages whose work grows with the clips, with the rows, and with the seconds of rendered sound.
CLIP_STAGES = ("decode",)
ROW_STAGES = ("gather", "place", "respond", "word", "captions")
SECOND_STAGES = ("render", "write")

_REPLICATES = 400
#: The relative difference of rates from one minute to the next on one machine (95 %), beside the sampling error.
RATES_VARY = 0.10


@dataclass(frozen=True)
class Overheads:
    """CPU seconds and bytes that do not belong to a row: Beam, the end of a build, the report.

    Measured 2026-11-23 on two shared x86-64 cores with builds of 11 and 780 rows (tests/benchmarks/plan_accuracy.py);
    seconds hold for a machine on which a process starts in `start_cpu_s`, and are scaled by what that takes here.
    """

    start_cpu_s: float = 3.4
    """The start of a process: Python, Beam, SciPy, and the tables of the first row."""
    driver_cpu_s: float = 3.5
    """Beam in the driver after its start: the graph, the runner, the progress."""
    worker_cpu_s: float = 0.4
    """Beam in each worker process after its start."""
    shard_cpu_s: float = 0.03
    row_cpu_s: float = 0.001
    """The end of a build: totals, digest, card."""
    report_cpu_s: float = 5.5
    report_bytes: int = 1_500_000
    root_bytes: int = 40_000
    """README.md, release.json, croissant.json and recipe.yaml."""
    shard_bytes: int = 150
    """The lines of a shard in release.json."""
    room_bytes: float = 330.0
    answer_bytes: float = 170.0
    ask_cpu_s: float = 0.006
    """A request over HTTP and the check of its answer."""


@dataclass(frozen=True)
class Interval:
    """A number with the bounds of its 95 % interval; they are equal if nothing was sampled."""

    value: float
    low: float
    high: float

    @staticmethod
    def exact(value: float) -> Interval:
        return Interval(value, value, value)

    def __add__(self, other: Interval) -> Interval:
        """The sum of two numbers with independent errors."""
        value = self.value + other.value
        low = value - math.hypot(self.value - self.low, other.value - other.low)
        return Interval(value, low, value + math.hypot(self.high - self.value, other.high - other.value))

    def times(self, factor: float) -> Interval:
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def widened(self, share: float) -> Interval:
        """The number with a further, independent relative error of ± `share`."""
        below, above = (
            math.hypot(side, share * self.value) for side in (self.value - self.low, self.high - self.value)
        )
        return Interval(self.value, max(self.value - below, 0.0), self.value + above)

    def values(self) -> dict[str, float]:
        """The number and its bounds as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class SampledRow:
    """A rendered row: the bytes of its FLAC file and CPU seconds by stage."""

    flac_bytes: int
    cpu_s: Mapping[str, float]
    wall_s: float


@dataclass(frozen=True)
class SampledClip:
    """A decoded clip: its expected length, its length as prepared, and the time to decode it."""

    versions: int
    expected_s: float
    """The expected length in seconds (see Population)."""
    length_s: float
    """The length in seconds as prepared; 0 if the clip was rejected."""
    decode_cpu_s: float
    decode_wall_s: float
    refused: str | None = None
    row: SampledRow | None = None
    """One rendered version; None if only the length was measured."""


@dataclass(frozen=True)
class Sample:
    """The measurements on a keyed sample of the clips."""

    clips: tuple[SampledClip, ...]
    start_cpu_s: float
    """The mean CPU time of a process's start and first row; the wall time likewise."""
    start_wall_s: float
    room_cpu_s: float
    """CPU seconds to measure a room for rooms.parquet."""
    furnish_cpu_s: float
    """CPU seconds to sample a room and choose its materials."""
    row_bytes: float
    """The bytes that a row adds to metadata.parquet, then those of an empty table; the CPU seconds likewise."""
    table_bytes: float
    row_table_cpu_s: float
    table_cpu_s: float
    processes: int
    seconds: float
    """The wall time of the measurement."""
    notes: tuple[str, ...] = ()

    @property
    def rendered(self) -> int:
        return sum(clip.row is not None for clip in self.clips)


@dataclass(frozen=True)
class Population:
    """The facts about all clips that need no decoding."""

    clips: int
    rows: int
    expected_s: float
    """The sum of the expected lengths of all clips: from the headers, or 1 for each clip without headers."""
    expected_row_s: float
    """The sum of the expected lengths of all rows."""
    shards: int
    rooms: int
    room_visits: int
    """The number of sampled rooms, counted once in each shard that uses them."""
    room_chunks: int


@dataclass(frozen=True)
class Setting:
    """The number of workers and cores of the build, and the time for its captions."""

    workers: int
    cores: int
    caption_cpu_s: Interval = field(default_factory=lambda: Interval.exact(0.0))
    """CPU seconds of a local model, or of asking a remote one, for all captions."""
    asking_wall_s: float = 0.0
    """The time to wait for all answers of a remote model, with the requests in flight that the workers have."""
    answers: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """The estimate of a build."""

    hours: Interval
    rows: Interval
    """The number of rows without those of rejected clips."""
    flac_bytes: Interval
    parquet_bytes: Interval
    report_bytes: float
    total_bytes: Interval
    cpu_s: Interval
    cpu_s_by_stage: Mapping[str, float]
    wall_s: Interval
    rates: Mapping[str, float]
    """Name with unit → cost of a unit of work; docs/cost.md is made from it."""


def estimate(population: Population, sample: Sample, setting: Setting, seed: int) -> Estimate:
    """Extrapolates a sample to all clips, by ratio to the expected lengths, with bootstrap intervals.

    Raises:
        ValueError: when no row of the sample was rendered.
    """
    if not sample.rendered:
        raise ValueError("no row of the sample could be rendered")
    overheads = Overheads()
    speed = sample.start_cpu_s / overheads.start_cpu_s
    totals = _Totals(population, sample, seed)
    stages = dict(totals.stages)
    fixed = {
        "furnish": population.room_visits * sample.furnish_cpu_s,
        "tables": population.rows * sample.row_table_cpu_s + population.shards * sample.table_cpu_s,
        "rooms": population.rooms * sample.room_cpu_s,
        # The command, the process that runs the pipeline, and its workers.
        "start": sample.start_cpu_s * (2 + (setting.workers if setting.workers > 1 else 0)),
        "beam": speed
        * (
            overheads.driver_cpu_s
            + population.shards * overheads.shard_cpu_s
            + (setting.workers * overheads.worker_cpu_s if setting.workers > 1 else 0.0)
        ),
        "finish": speed * (overheads.report_cpu_s + population.rows * overheads.row_cpu_s),
    }
    rows_cpu = _interval(sum(stages.values(), start=np.zeros(_REPLICATES + 1)))
    cpu = rows_cpu + Interval.exact(sum(fixed.values())) + setting.caption_cpu_s
    by_stage = {name: float(values[0]) for name, values in stages.items()} | fixed
    if setting.caption_cpu_s.value:
        by_stage["model"] = setting.caption_cpu_s.value
    parquet = totals.rows * sample.row_bytes + (
        population.shards * sample.table_bytes
        + population.rooms * overheads.room_bytes
        + setting.answers * overheads.answer_bytes
    )
    rest = overheads.report_bytes + overheads.root_bytes + population.shards * overheads.shard_bytes
    wall = _wall_s(population, sample, setting, rows_cpu.value, fixed)
    spread = _relative(rows_cpu)
    return Estimate(
        hours=_interval(totals.seconds).times(1 / 3600),
        rows=_interval(totals.rows),
        flac_bytes=_interval(totals.flac_bytes),
        parquet_bytes=_interval(parquet),
        report_bytes=float(rest),
        total_bytes=_interval(totals.flac_bytes + parquet + rest),
        cpu_s=cpu.widened(RATES_VARY),
        cpu_s_by_stage=by_stage,
        wall_s=Interval(wall, wall * (1 - spread[0]), wall * (1 + spread[1])).widened(RATES_VARY),
        rates=totals.rates
        | {
            "furnish_cpu_s_a_room": sample.furnish_cpu_s,
            "measure_cpu_s_a_room": sample.room_cpu_s,
            "tables_cpu_s_a_row": sample.row_table_cpu_s,
            "start_cpu_s_a_process": sample.start_cpu_s,
            "beam_cpu_s_a_shard": speed * overheads.shard_cpu_s,
            "finish_cpu_s_a_row": speed * overheads.row_cpu_s,
            "metadata_bytes_a_row": sample.row_bytes,
        },
    )


def _wall_s(
    population: Population, sample: Sample, setting: Setting, rows_cpu_s: float, fixed: Mapping[str, float]
) -> float:
    """The wall time: the start, the shards of each worker, the rooms, and the end on one core."""
    stretch = _stretch(sample)
    workers = max(1, min(setting.workers, setting.cores))
    rendering = rows_cpu_s + fixed["furnish"] + fixed["tables"]
    captions = setting.caption_cpu_s.value
    # Beam distributes the shards before it begins, so the worker with the most shards is the last.
    slowest = math.ceil(population.shards / workers) / max(population.shards, 1)
    rooms = math.ceil(population.room_chunks / workers) / max(population.room_chunks, 1) * fixed["rooms"]
    # A worker's captions are written beside its rendering if a core is free for them.
    both = max((rendering + captions) / min(setting.cores, 2 * workers), rendering * slowest, captions * slowest)
    starts = 3 if setting.workers > 1 else 2
    alone = fixed["beam"] + fixed["finish"]
    return starts * sample.start_wall_s + stretch * (alone + max(both, setting.asking_wall_s / stretch) + rooms)


def _stretch(sample: Sample) -> float:
    """Wall seconds for each CPU second of the sample: waiting for disks, networks and other users of the cores."""
    wall_s = sum(clip.decode_wall_s + (clip.row.wall_s if clip.row else 0.0) for clip in sample.clips)
    cpu_s = sum(clip.decode_cpu_s + (sum(clip.row.cpu_s.values()) if clip.row else 0.0) for clip in sample.clips)
    return max(1.0, wall_s / cpu_s) if cpu_s else 1.0


class _Totals:
    """Totals over all clips, each (1 + replicates,): the sample's own value, then its bootstrap replicates."""

    def __init__(self, population: Population, sample: Sample, seed: int) -> None:
        clips = sample.clips
        versions = np.array([clip.versions for clip in clips], dtype=np.float64)
        expected = np.array([clip.expected_s for clip in clips])
        lengths = np.array([clip.length_s for clip in clips])
        usable = np.array([clip.refused is None for clip in clips], dtype=np.float64)
        rows = [clip.row for clip in clips]
        made = np.array([row is not None for row in rows], dtype=np.float64) * versions
        weights = _resamples(len(clips), seed)
        # If all clips were measured, the numbers have no sampling error.
        decoded = math.sqrt(max(0.0, 1.0 - len(clips) / population.clips))
        of_rows = math.sqrt(max(0.0, 1.0 - sample.rendered / population.rows))
        self.seconds = _ratio(weights, versions * lengths, versions * expected, decoded) * population.expected_row_s
        self.rows = _ratio(weights, versions * usable, versions, decoded) * population.rows

        def of_row(values: Sequence[float]) -> NDArray[np.float64]:
            return made * np.array(values)

        flac = of_row([row.flac_bytes if row else 0.0 for row in rows])
        flac_a_second = _ratio(weights, flac, made * lengths, of_rows)
        self.flac_bytes = self.seconds * flac_a_second
        decoding = _ratio(weights, np.array([clip.decode_cpu_s for clip in clips]), expected, decoded)
        self.stages = {"decode": decoding * population.expected_s}
        decoded_s = max(float(np.sum(lengths)), 1e-9)
        self.rates = {
            "decode_cpu_s_a_second": float(np.sum([clip.decode_cpu_s for clip in clips]) / decoded_s),
            "flac_bytes_a_second": float(flac_a_second[0]),
        }
        for stage in (*ROW_STAGES, *SECOND_STAGES):
            cpu = of_row([row.cpu_s.get(stage, 0.0) if row else 0.0 for row in rows])
            if stage in ROW_STAGES:
                rate = _ratio(weights, cpu, made, of_rows)
                self.stages[stage] = rate * self.rows
                self.rates[f"{stage}_cpu_s_a_row"] = float(rate[0])
            else:
                rate = _ratio(weights, cpu, made * lengths, of_rows)
                self.stages[stage] = rate * self.seconds
                self.rates[f"{stage}_cpu_s_a_second"] = float(rate[0])


def _resamples(clips: int, seed: int) -> NDArray[np.float64]:
    """The count of each clip in each bootstrap sample, (1 + replicates, clips); the first is the sample itself."""
    draw = keyed_generator(seed, "plan bootstrap")
    weights = np.ones((1 + _REPLICATES, clips))
    for replicate in range(1, 1 + _REPLICATES):
        weights[replicate] = np.bincount(draw.integers(0, clips, clips), minlength=clips)
    return weights


def _ratio(
    weights: NDArray[np.float64], above: NDArray[np.float64], below: NDArray[np.float64], error: float
) -> NDArray[np.float64]:
    """The ratio of two sums in each replicate, its error scaled by `error`; 0 if the denominator is 0."""
    under = weights @ below
    values = np.divide(weights @ above, under, out=np.full(len(weights), np.nan), where=under > 0)
    own = 0.0 if np.isnan(values[0]) else values[0]
    values = np.where(np.isnan(values), own, values)
    return np.asarray(own + (values - own) * error)


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    # With few clips the quantiles of the replicates may not contain the value itself.
    return Interval(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


def _relative(interval: Interval) -> tuple[float, float]:
    if not interval.value:
        return 0.0, 0.0
    return 1 - interval.low / interval.value, interval.high / interval.value - 1
