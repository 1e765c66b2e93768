"""Measures the acoustics and the speed beside other tools: ``make bench``, or ``python -m tests.benchmarks.run``."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import datetime
import math
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks import peers
from tests.benchmarks.acoustics import Checks, check_rooms, late_level_errors_db, peak_memory_mb, print_acoustics
from transforms.records import Placement, Room
from transforms.rooms.acoustics import AIR_ABSORPTION_PER_M, SPEED_OF_SOUND_M_S
from transforms.rooms.image_sources import ImageSources, image_source_response, image_sources
from transforms.rooms.ranges import RoomRanges
from transforms.rooms.room_design import sample_room

LEDGER = Path(__file__).parents[2] / "docs" / "benchmarks.csv"
REVERBERANT_FROM_MS = 1200.0
#: Our way and the floor are measured so often for each clip, in turn. The fastest run of each counts.
RUNS = 2

DIGESTS = """
import hashlib, sys
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.convolution import convolve
from transforms.sound.render import choose_gain, Level, pcm_sha256, quantise
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import simulate_response
from tests.benchmarks.peers import clip_flac
from transforms.sound.clip_audio import decode_clip
clip, _ = decode_clip(clip_flac(0, 4.0), max_duration_s=10.0)
for index in map(int, sys.argv[1:]):
    room = sample_room({seed}, "train", index, RoomRanges())
    samples = convolve(clip, simulate_response(room, place_source(index, room, SceneRanges()), seed=index).samples)
    print(index, pcm_sha256(quantise(samples, choose_gain(samples, Level('fixed', -12.0, -1.0), 16)[0], 16), 16))
"""


@dataclass(frozen=True)
class Line:
    """A line of the table of targets."""

    what: str
    target: str
    measured: str
    held: bool | None
    """Whether the target is met; None if there is no target or no measurement."""


@dataclass(frozen=True)
class Rendered:
    """CPU seconds of one clip in our way, of the floor, and of the other ways if they were run."""

    index: int
    asked_ms: float
    preparing_s: float
    response_s: float
    rendering_s: float
    extras_s: float
    floor_s: float
    spatialscaper_s: float
    usual: peers.Made | None


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables; with ``--ledger`` it adds a line to docs/benchmarks.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=200, help="rooms of the draw, none left out (200)")
    parser.add_argument("--clips", type=int, default=60, help="clips of 20 s rendered in the first of them (60)")
    parser.add_argument(
        "--peer-rooms", type=int, default=12, help="rooms, evenly by rank of T30, that the usual script is run in (12)"
    )
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--ledger", action="store_true", help="add a line to docs/benchmarks.csv")
    options = parser.parse_args(arguments)
    # This comes first, so that the peak memory is that of drawing, simulating and measuring rooms.
    checks = check_rooms(options.seed, options.rooms)
    memory_mb = peak_memory_mb()
    print_acoustics(checks, f"{options.rooms} rooms, seed {options.seed}")
    residual_db = rir_generator_residual_db()
    same = same_integers(options.seed)
    stratified = stratify(options.seed, options.rooms, options.peer_rooms)
    rendered = render_clips(options.seed, options.rooms, options.clips, stratified)
    print_peers([clip for clip in rendered if clip.usual], checks)
    lines = target_lines(checks, memory_mb, residual_db, same, rendered)
    print_lines(lines)
    if options.ledger:
        add_to_ledger(LEDGER, ledger_row(options.seed, checks, memory_mb, residual_db, rendered))
    return 0


def rir_generator_residual_db() -> float | None:
    """The worst channel's error of image sources against rir-generator in dB; None if that is not installed."""
    try:
        import rir_generator
    except ImportError:
        return None
    from scipy.signal import butter, sosfiltfilt

    rate, size_m, receiver_m, source_m = 48_000, (5.0, 4.0, 2.7), (1.9, 2.2, 1.3), (3.1, 1.1, 1.7)
    grey = tuple((0.2,) * 8 for _ in range(3))
    room = Room("grey", "test", *size_m, ("", "", ""), grey, 1.0, 400.0, (400.0,) * 8)
    placement = Placement(receiver_m, source_m, 0.0, 0.0, math.dist(receiver_m, source_m))

    def without_air(*arguments) -> ImageSources:  # type: ignore[no-untyped-def]
        images = image_sources(*arguments)
        air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * images.distance_m[:, None])
        return dataclasses.replace(images, amplitude=images.amplitude / air)

    n_samples = round(0.2 * rate)
    with mock.patch("transforms.rooms.image_sources.image_sources", without_air):
        ours = image_source_response(room, placement, duration_s=0.25)[:, :n_samples]
    omni, figure = rir_generator.mtype.omnidirectional, rir_generator.mtype.bidirectional
    band = butter(6, [100.0, 15_000.0], "band", fs=rate, output="sos")
    residuals = []
    looks = ((omni, (0.0, 0.0)), (figure, (math.pi / 2, 0.0)), (figure, (0.0, math.pi / 2)), (figure, (0.0, 0.0)))
    for channel, (microphone, orientation) in enumerate(looks):
        response = rir_generator.generate(
            c=SPEED_OF_SOUND_M_S, fs=rate, r=receiver_m, s=source_m, L=list(size_m), beta=[math.sqrt(0.8)] * 6,
            nsample=round(0.25 * rate), mtype=microphone, orientation=list(orientation), hp_filter=False,
        )  # fmt: skip
        theirs = sosfiltfilt(band, 4.0 * math.pi * response[:n_samples, 0], padlen=0)
        difference = sosfiltfilt(band, ours[channel], padlen=0) - theirs
        residuals.append(10.0 * math.log10(np.sum(difference**2) / np.sum(theirs**2)))
    return max(residuals)


def same_integers(seed: int) -> bool:
    """Whether rendered integers are equal on 1, 2 and 4 threads, in three processes and three orders."""
    answers = set()
    for threads, order in (("1", "0 1 2 3"), ("2", "3 1 0 2"), ("4", "2 3 1 0")):
        names = ("PRA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads), "PYTHONHASHSEED": threads}
        command = [sys.executable, "-c", DIGESTS.replace("{seed}", str(seed)), *order.split()]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=root)
        answers.add("\n".join(sorted(done.stdout.split("\n"))))
    return len(answers) == 1


def stratify(seed: int, rooms: int, count: int) -> list[int]:
    """The indices of ``count`` rooms of the draw, evenly spaced by rank of the requested T30."""
    ranked = np.argsort(
        [sample_room(seed, "train", index, RoomRanges()).t30_ms for index in range(rooms)], kind="stable"
    )
    ranks = ((np.arange(count) + 0.5) * rooms / max(count, 1)).astype(int)
    return [int(ranked[rank]) for rank in ranks]


def render_clips(seed: int, rooms: int, clips: int, stratified: list[int]) -> list[Rendered]:
    """Measures our way and the floor in the first ``clips`` rooms and the stratified ones, the peers in the latter."""
    peers.warm_up()
    rendered = []
    for index in sorted({*range(min(clips, rooms)), *stratified}):
        work = peers.job(seed, index)
        runs = [(ours := peers.ours(work), peers.floor(work, ours.pcm)) for _ in range(RUNS)]
        among_peers = index in stratified
        rendered.append(
            Rendered(
                index,
                work.room.t30_ms,
                min(ours.preparing_s for ours, _ in runs),
                min(ours.response_s for ours, _ in runs),
                min(ours.rendering_s for ours, _ in runs),
                min(ours.extras_s for ours, _ in runs),
                min(floor_s for _, floor_s in runs),
                peers.convolve_spatialscaper(work, runs[0][0].response.samples) if among_peers else math.nan,
                peers.usual_script_alone(work) if among_peers else None,
            )
        )
    return rendered


def print_peers(compared: list[Rendered], checks: list[Checks]) -> None:
    """Prints CPU seconds and errors of each way in the rooms in which all ways were run, by T30."""
    if not compared:
        return
    print(f"\n{len(compared)} of the rooms, evenly by rank of T30; clips of {peers.CLIP_S:g} s, decode to FLAC\n")
    print(f"{'':44s}{'all':>12s}{'to 1.2 s':>12s}{'over 1.2 s':>12s}")
    groups = [
        compared,
        [clip for clip in compared if clip.asked_ms <= REVERBERANT_FROM_MS],
        [clip for clip in compared if clip.asked_ms > REVERBERANT_FROM_MS],
    ]
    ran = [[clip for clip in group if clip.usual and not clip.usual.failure] for group in groups]

    def row(name: str, values: Iterable[float], form: str) -> None:
        print(f"{name:44s}" + "".join(f"{format(value, form):>12s}" for value in values))

    row("rooms", (len(group) for group in groups), "d")
    row("  that the usual script cannot do", (len(g) - len(r) for g, r in zip(groups, ran, strict=True)), "d")
    row("CPU s a clip: usual script", (_mean(clip.usual.cpu_s for clip in group) for group in ran), ".3f")
    row("  SpatialScaper's convolving, given a response", (_mean(c.spatialscaper_s for c in g) for g in groups), ".3f")
    row("  ours, a response", (_mean(clip.response_s for clip in group) for group in groups), ".3f")
    row("  ours, response included", (_mean(map(ours_s, group)) for group in groups), ".3f")
    row("  ours, given a response", (_mean(map(rendering_s, group)) for group in groups), ".3f")
    row("    of it trimming and three digests", (_mean(clip.extras_s for clip in group) for group in groups), ".3f")
    row("  floor", (_mean(clip.floor_s for clip in group) for group in groups), ".3f")
    row("usual script over ours", (usual_over_ours(group) for group in groups), ".1f")
    row(
        "SpatialScaper's over ours, given a response",
        (_mean(c.spatialscaper_s for c in g) / _mean(map(rendering_s, g)) for g in groups),
        ".1f",
    )
    row("T30 error, %, mean: usual script", (_mean(c.usual.t30_error_percent for c in group) for group in ran), ".3f")
    row("  ours", (_mean(checks[c.index].t30_error_percent for c in group) for group in groups), ".3f")
    row("direction error, °, mean: usual script", (_mean(c.usual.direction_error_deg for c in g) for g in ran), ".3f")
    row("  ours", (_mean(checks[c.index].direction_error_deg for c in group) for group in groups), ".3f")
    row("peak MB: usual script", (max((c.usual.peak_mb for c in g), default=math.nan) for g in ran), ".0f")
    print("SpatialScaper's way has the errors of the responses that it is given.")


def target_lines(
    checks: list[Checks], memory_mb: float, residual_db: float | None, same: bool, rendered: list[Rendered]
) -> list[Line]:
    """The targets, each with the measured value."""
    t30 = np.array([check.t30_error_percent for check in checks])
    bands = _bands(checks)[:, :7]
    direction = np.array([check.direction_error_deg for check in checks])
    distance = np.array([check.distance_error_samples for check in checks])
    images = np.abs([check.drr_off_images_db for check in checks])
    diffuse = np.abs([check.drr_off_diffuse_db for check in checks])
    # The difference of the two theories, which does not depend on any response.
    between = np.abs([check.drr_off_diffuse_db - check.drr_off_images_db for check in checks])
    levels, coherence = late_level_errors_db(checks), np.array([check.late_coherence for check in checks])
    response_s = np.array([check.cpu_s for check in checks])
    compared = [clip for clip in rendered if clip.usual and not clip.usual.failure]
    all_ratio = usual_over_ours(compared)
    late_ratio = usual_over_ours([clip for clip in compared if clip.asked_ms > REVERBERANT_FROM_MS])
    times = real_time(rendered)
    over_floor = rendering_over_floor(rendered)
    n = len(checks)
    return [
        Line("full-band T30, label against asked", "2 % in every room", f"{t30.max():.2f} % at most", t30.max() <= 2.0),
        Line("T30 by octave, 125 Hz–8 kHz", "5 % on average", f"{bands.mean():.2f} %", bands.mean() <= 5.0),
        Line("  octaves within 5 %", "95 %", f"{100.0 * np.mean(bands <= 5.0):.1f} %", np.mean(bands <= 5.0) >= 0.95),
        Line("direction of the direct sound", "0.1° in every room", f"{direction.max():.3f}°", direction.max() <= 0.1),
        Line("distance, from the delay", "1 sample", f"{distance.max():.2f} samples", distance.max() <= 1.0),
        Line("DRR, images then a diffuse field", "± 3 dB", f"{images.max():.2f} dB at most", images.max() <= 3.0),
        Line("DRR, a diffuse field alone", "± 3 dB", f"{np.sum(diffuse <= 3.0)} of {n} rooms", diffuse.max() <= 3.0),
        Line("  the images themselves against it", "", f"{np.sum(between <= 3.0)} of {n} rooms", None),
        Line("late Y, Z, X against W", "−4.8 ± 0.5 dB", f"{levels.max():.2f} dB off at most", levels.max() <= 0.5),
        Line("late coherence", "under 0.1", f"{coherence.max():.3f} at most", coherence.max() < 0.1),
        Line(
            "residual against rir-generator",
            "−45 dB",
            "not installed" if residual_db is None else f"{residual_db:.0f} dB",
            None if residual_db is None else residual_db <= -45.0,
        ),
        Line("integers on 1, 2, 4 threads, any order", "the same", "the same" if same else "they differ", same),
        Line("a response, CPU", "0.1 s on average", f"{response_s.mean():.3f} s", response_s.mean() <= 0.1),
        Line("a response, memory of the process", "300 MB", f"{memory_mb:.0f} MB", memory_mb <= 300.0),
        Line("usual script over ours, in sum", "10 ×", f"{all_ratio:.1f} ×", _at_least(all_ratio, 10.0)),
        Line("usual script over ours, T30 over 1.2 s", "40 ×", f"{late_ratio:.1f} ×", _at_least(late_ratio, 40.0)),
        Line("real time a core, response included", "200 ×", f"{times:.0f} ×", _at_least(times, 200.0)),
        Line("rendering over the floor", "1.4 ×", f"{over_floor:.2f} ×", over_floor <= 1.4),
        Line("  without trimming and three digests", "", f"{bare_over_floor(rendered):.2f} ×", None),
    ]


def print_lines(lines: list[Line]) -> None:
    """Prints the table of targets."""
    print(f"\n{'measure':44s}{'target':>20s}{'measured':>24s}")
    verdicts = {True: "pass", False: "MISS", None: "—"}
    for line in lines:
        held = None if line.held is None else bool(line.held)
        print(f"{line.what:44s}{line.target:>20s}{line.measured:>24s}  {verdicts[held]}")


def ours_s(clip: Rendered) -> float:
    """CPU seconds from the bytes of a clip to the bytes of a FLAC file, with the response."""
    return clip.preparing_s + clip.response_s + clip.rendering_s


def rendering_s(clip: Rendered) -> float:
    """CPU seconds as `ours_s`, without the response."""
    return clip.preparing_s + clip.rendering_s


def usual_over_ours(clips: list[Rendered]) -> float:
    """The CPU seconds of the usual script over ours, in sum over the rooms in which it ran."""
    ran = [clip for clip in clips if clip.usual and not clip.usual.failure]
    return sum(clip.usual.cpu_s for clip in ran if clip.usual) / sum(map(ours_s, ran)) if ran else math.nan


def real_time(clips: list[Rendered]) -> float:
    """Seconds of sound per CPU second, with the response."""
    return peers.CLIP_S * len(clips) / sum(map(ours_s, clips)) if clips else math.nan


def rendering_over_floor(clips: list[Rendered]) -> float:
    """Our CPU seconds without the response over the floor's, in sum."""
    return sum(map(rendering_s, clips)) / sum(clip.floor_s for clip in clips) if clips else math.nan


def bare_over_floor(clips: list[Rendered]) -> float:
    """The ratio of `rendering_over_floor` without the parts that the floor does not do."""
    bare_s = sum(rendering_s(clip) - clip.extras_s for clip in clips)
    return bare_s / sum(clip.floor_s for clip in clips) if clips else math.nan


def ledger_row(
    seed: int, checks: list[Checks], memory_mb: float, residual_db: float | None, rendered: list[Rendered]
) -> dict[str, str]:
    """The line of the ledger: date, commit and the main numbers."""
    bands = _bands(checks)[:, :7]
    compared = [clip for clip in rendered if clip.usual and not clip.usual.failure]
    reverberant = [clip for clip in compared if clip.asked_ms > REVERBERANT_FROM_MS]
    numbers = {
        "t30_error_percent_mean": (_mean(check.t30_error_percent for check in checks), ".4f"),
        "t30_error_percent_max": (max(check.t30_error_percent for check in checks), ".3f"),
        "bands_error_percent_mean": (bands.mean(), ".2f"),
        "bands_error_percent_max": (bands.max(), ".1f"),
        "bands_within_5_percent": (100.0 * np.mean(bands <= 5.0), ".1f"),
        "direction_error_deg_max": (max(check.direction_error_deg for check in checks), ".4f"),
        "distance_error_samples_max": (max(check.distance_error_samples for check in checks), ".3f"),
        "drr_off_images_db_max": (max(abs(check.drr_off_images_db) for check in checks), ".2f"),
        "late_level_error_db_max": (late_level_errors_db(checks).max(), ".2f"),
        "late_coherence_max": (max(check.late_coherence for check in checks), ".3f"),
        "rir_generator_residual_db": (math.nan if residual_db is None else residual_db, ".0f"),
        "response_cpu_s": (_mean(check.cpu_s for check in checks), ".4f"),
        "memory_mb": (memory_mb, ".0f"),
        "usual_over_ours": (usual_over_ours(compared), ".1f"),
        "usual_over_ours_reverberant": (usual_over_ours(reverberant), ".1f"),
        "real_time": (real_time(rendered), ".0f"),
        "rendering_over_floor": (rendering_over_floor(rendered), ".2f"),
    }
    first = {
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "seed": str(seed),
        "rooms": str(len(checks)),
    }
    return first | {name: format(float(value), form) for name, (value, form) in numbers.items()}


def add_to_ledger(path: Path, row: dict[str, str]) -> None:
    """Appends ``row``; a new file gets a header first."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def _commit() -> str:
    """The commit that was measured, with a plus if the checkout differs from it."""
    root = Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")


def _bands(checks: list[Checks]) -> NDArray[np.float64]:
    return np.stack([check.band_errors_percent for check in checks])


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else math.nan


def _at_least(value: float, least: float) -> bool | None:
    return None if math.isnan(value) else value >= least


if __name__ == "__main__":
    sys.exit(main())
