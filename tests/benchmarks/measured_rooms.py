"""Measures how measured rooms are read and proven: ``python -m tests.benchmarks.measured_rooms``.

Four tables: values of responses whose truth is known, in every format; wrong conventions, in files; how often right
sets are refused and wrong ones pass; T30 of noisy responses.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.directions import angle_between_deg
from tests.transforms.rooms.measured.sets import (
    RATE,
    Known,
    at_rate,
    csv_row,
    in_convention,
    known,
    offset_m,
    spherical,
    t30_at_rate,
    write_csv,
    write_sofa_with,
    write_tau,
)
from transforms.records import Rejection
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.measured.direct_sound import Intensity, direct_intensity
from transforms.rooms.measured.files import MeasuredUnusable, measured_files
from transforms.rooms.measured.prepare import prepare
from transforms.rooms.measured.proof import LEVELS_DB, Proof
from transforms.rooms.measured.read_measured import read_measured
from transforms.rooms.measured.response import RawResponse, ResponseRejected, Vector
from transforms.rooms.measured.settings import Conventions
from transforms.rooms.ranges import RoomRanges

ACN = Conventions("acn", "sn3d")
PAPER = RoomRanges()


# Table 1: values of known responses


def accuracy(ones: Sequence[Known]) -> Iterator[tuple[str, ...]]:
    """For each format and convention: its responses, and the largest errors of direction, distance and T30."""
    yield "format", "responses", "direction", "by intensity (median)", "distance", "T30", "rejected"
    for rate in (24_000, 44_100, 48_000, 96_000):
        for channels, normalisation in (("acn", "sn3d"), ("acn", "n3d"), ("fuma", "fuma")):
            stated = Conventions(channels, normalisation)
            name = f"CSV, {rate / 1000:g} kHz, {channels.upper()} {normalisation.upper()}"
            yield _accuracy(name, ones, _write_csv(rate, stated), stated, rate)
    for name, fields in _systems(ones).items():
        yield _accuracy(f"SOFA, {name}", ones, _write_sofa(fields), Conventions(), RATE)
    delayed = {"Data_Delay": np.full((1, 4), 123.25)}
    yield _accuracy("SOFA, delay of 123.25 samples", ones, _write_sofa(delayed), Conventions(), RATE)
    # A response of TAU-SRIR has 0.3 s, so these rooms are drier, with a trajectory for each response.
    dry = [known(number) for number in range(len(ones))]
    for tables in ("5", "7.3"):
        write = _tau_writer([[[one]] for one in dry], tables)
        yield _accuracy(f"MAT 7.3, tables of version {tables}", dry, write, Conventions(), 24_000)


def _accuracy(
    name: str,
    ones: Sequence[Known],
    write: Callable[[Path, Sequence[Known]], None],
    stated: Conventions,
    rate: int,
) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), ones)
        found = list(read_measured(measured_files([folder]), stated))
    taken = [(one, true) for one, true in zip(found, ones, strict=True) if not isinstance(one, Rejection)]
    angles, heard, distances, decays = [], [], [], []
    for one, true in taken:
        away = offset_m(true)
        angles.append(angle_between_deg(direction_to_unit_vector(one.azimuth_deg, one.elevation_deg), away))
        intensity = direct_intensity(one.samples, RATE, one.direct_sample)
        heard.append(angle_between_deg(intensity.direction, away) if intensity else 180.0)
        distances.append(abs((one.distance_m or math.nan) / true.placement.distance_m - 1.0))
        decays.append(abs(one.acoustics.t30_ms / t30_at_rate(true, rate) - 1.0))
    if not taken:
        return name, "0", "", "", "", "", str(len(found))
    return (
        name, str(len(taken)), f"{max(angles):.4f}°", f"{np.median(heard):.3f}°", f"{100 * max(distances):.3f} %",
        f"{100 * max(decays):.2f} %", str(len(found) - len(taken)),
    )  # fmt: skip


def _write_csv(rate: int, stated: Conventions) -> Callable[[Path, Sequence[Known]], None]:
    def write(folder: Path, ones: Sequence[Known]) -> None:
        sounds = {
            f"{number:03d}.wav": (
                at_rate(in_convention(one.samples, stated.channels, stated.normalisation), rate),
                rate,
            )
            for number, one in enumerate(ones)
        }
        write_csv(folder, [csv_row(f"{number:03d}.wav", one) for number, one in enumerate(ones)], sounds)

    return write


def _write_sofa(fields: dict[str, Any]) -> Callable[[Path, Sequence[Known]], None]:
    def write(folder: Path, ones: Sequence[Known]) -> None:
        write_sofa_with(folder / "hall.sofa", ones, fields)

    return write


def _tau_writer(cells: Any, tables: str) -> Callable[[Path, Sequence[Known]], None]:
    return lambda folder, ones: (write_tau(folder, cells, tables=tables), None)[1]


def turned(vectors: np.ndarray, degrees: float) -> np.ndarray:
    """Vectors (n, 3) turned counter-clockwise about z."""
    turn = math.radians(degrees)
    x, y, z = vectors.T
    return np.stack([x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn), z], axis=1)


def _systems(ones: Sequence[Known]) -> dict[str, dict[str, Any]]:
    away = np.array([offset_m(one) for one in ones])
    angles = spherical(away)
    radians = np.concatenate([np.radians(angles[:, :2]), angles[:, 2:]], axis=1)
    many = len(ones)
    return {
        "Cartesian": {},
        "Cartesian, millimetres": {"SourcePosition": 1000 * away, "SourcePosition_Units": "millimetre"},
        "spherical, degrees": {
            "SourcePosition": angles,
            "SourcePosition_Type": "spherical",
            "SourcePosition_Units": "degree, degree, metre",
        },
        "spherical, radians": {
            "SourcePosition": radians,
            "SourcePosition_Type": "spherical",
            "SourcePosition_Units": "radian, radian, metre",
        },
        "listener elsewhere": {
            "SourcePosition": away + np.array([4.0, 3.0, 1.5]),
            "ListenerPosition": np.tile([[4.0, 3.0, 1.5]], (many, 1)),
        },
        "listener turned by 33°, spherical view": {
            "SourcePosition": turned(away, 33.0),
            "ListenerView": np.array([[33.0, 0.0, 1.0]]),
            "ListenerView_Type": "spherical",
            "ListenerView_Units": "degree, degree, metre",
        },
        "a view for each measurement": {
            "SourcePosition": np.concatenate([turned(away[n : n + 1], 15.0 * n) for n in range(many)]),
            "ListenerView": np.array(
                [[math.cos(math.radians(15.0 * n)), math.sin(math.radians(15.0 * n)), 0.0] for n in range(many)]
            ),
            "ListenerUp": np.tile([[0.0, 0.0, 1.0]], (many, 1)),
        },
        "upside down": {"SourcePosition": away * np.array([1, -1, -1]), "ListenerUp": np.array([[0.0, 0.0, -1.0]])},
    }


# Table 2: wrong conventions, in files


def wrong_conventions(ones: Sequence[Known]) -> Iterator[tuple[str, ...]]:
    """For each wrong convention: whether the set is refused, whether the right one is named, and the line."""
    yield "wrong convention", "file", "refused", "named", "the line"
    refused = named = 0
    for what, kind, write, stated, expected in _wrong(ones):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            try:
                for _ in read_measured(measured_files([folder]), stated):
                    pass
                line = "(passes)"
            except MeasuredUnusable as error:
                line = str(error)
        refused += line != "(passes)"
        named += expected in line
        yield what, kind, "yes" if line != "(passes)" else "no", "yes" if expected in line else "no", line
    yield "", "", str(refused), str(named), ""


def _wrong(ones: Sequence[Known]) -> Iterator[tuple[str, str, Callable[[Path], None], Conventions, str]]:
    away = np.array([offset_m(one) for one in ones])
    angles = spherical(away)
    up = [one for one, (_, elevation, _) in zip(ones, angles, strict=True) if elevation > 0]

    def of_csv(change: Callable[[dict[str, Any]], dict[str, Any]], stated: Conventions = ACN, those: Any = None) -> Any:
        def write(folder: Path) -> None:
            held = list(ones if those is None else those)
            sounds = {
                f"{n:03d}.wav": (in_convention(one.samples, stated.channels, stated.normalisation), RATE)
                for n, one in enumerate(held)
            }
            write_csv(folder, [change(csv_row(f"{n:03d}.wav", one)) for n, one in enumerate(held)], sounds)

        return write

    def of_sofa(fields: dict[str, Any]) -> Any:
        return lambda folder: write_sofa_with(folder / "hall.sofa", ones, fields)

    def angle(change: Callable[[float, float], tuple[float, float]]) -> Any:
        def changed(row: dict[str, Any]) -> dict[str, Any]:
            azimuth, elevation = change(row["azimuth_deg"], row["elevation_deg"])
            return row | {"azimuth_deg": (azimuth + 180.0) % 360.0 - 180.0, "elevation_deg": elevation}

        return changed

    same = angle(lambda azimuth, elevation: (azimuth, elevation))
    degrees = {"SourcePosition": angles, "SourcePosition_Type": "spherical"}
    yield (
        "FuMa order read as ACN",
        "CSV",
        of_csv(same, Conventions("fuma", "sn3d")),
        ACN,
        "fit FuMa W, X, Y, Z, not ACN",
    )
    yield "ACN order read as FuMa", "CSV", of_csv(same), Conventions("fuma", "sn3d"), "fit ACN W, Y, Z, X, not FuMa"
    yield "N3D read as SN3D", "CSV", of_csv(same, Conventions("acn", "n3d")), Conventions(), "levels fit N3D, not SN3D"
    yield "SN3D read as N3D", "CSV", of_csv(same), Conventions("acn", "n3d"), "levels fit SN3D, not N3D"
    yield (
        "FuMa normalisation read as SN3D",
        "CSV",
        of_csv(same, Conventions("acn", "fuma")),
        ACN,
        "levels fit FuMa, not",
    )
    yield "azimuth clockwise", "CSV", of_csv(angle(lambda a, e: (-a, e))), ACN, "azimuth runs clockwise"
    yield "elevation as colatitude", "CSV", of_csv(angle(lambda a, e: (a, 90 - e)), those=up), ACN, "colatitudes"
    as_radians = angle(lambda a, e: (math.radians(a), math.radians(e)))
    yield "radians read as degrees", "CSV", of_csv(as_radians), ACN, "fit radians, not degrees"
    small = {"SourcePosition_Units": "radian, radian, metre"}
    yield "degrees read as radians", "SOFA", of_sofa(degrees | small), Conventions(), "the numbers fit degrees"
    yield "azimuth from the left", "CSV", of_csv(angle(lambda a, e: (a - 90, e))), ACN, "azimuth 0 is the left"
    yield (
        "x and y swapped",
        "SOFA",
        of_sofa({"SourcePosition": away[:, [1, 0, 2]]}),
        Conventions(),
        "x and y are swapped",
    )
    view = {"ListenerView": np.array([[0, 1, 0]])}
    yield "listener turned by 90°, not in the positions", "SOFA", of_sofa(view), Conventions(), "view is ignored"
    back = of_csv(angle(lambda a, e: (a + 180, e)))
    yield "listener turned by 180°", "CSV", back, ACN, "turned by 180 degrees"
    yield "upside down", "CSV", of_csv(angle(lambda a, e: (-a, -e))), ACN, "hangs upside down"
    exchanged = {
        "SourcePosition": np.tile([[4.0, 3.0, 1.5]], (len(ones), 1)),
        "ListenerPosition": away + np.array([4.0, 3.0, 1.5]),
    }
    yield "source and listener exchanged", "SOFA", of_sofa(exchanged), Conventions(), "listener are exchanged"
    yield "elevation downwards", "CSV", of_csv(angle(lambda a, e: (a, -e))), ACN, "elevation runs downwards"
    from_listener = {"ListenerPosition": np.tile([[4.0, 3.0, 1.5]], (len(ones), 1))}
    yield (
        "positions already from the listener",
        "SOFA",
        of_sofa(from_listener),
        Conventions(),
        "relative to the listener",
    )


# Table 3: two error rates


Heard = tuple[Vector, Intensity]


def heard_in(count: int, ranges: RoomRanges, noise_db: float | None) -> list[Heard]:
    """Stated directions and intensities of responses in rooms of a range, with noise so far below their loudest."""
    draw, found = np.random.default_rng(5), []
    for number in range(count):
        one = known.__wrapped__(number, ranges)
        samples = one.samples
        if noise_db is not None:
            padded = np.pad(samples, ((0, 0), (0, RATE // 2)))
            blocks = padded[0, : padded.shape[1] // 240 * 240].reshape(-1, 240).astype(float)
            level = math.sqrt(np.square(blocks).mean(axis=1).max()) * 10 ** (-noise_db / 20)
            samples = (padded + level * draw.standard_normal(padded.shape)).astype(np.float32)
        away = offset_m(one)
        direction = tuple(float(part) for part in away / np.linalg.norm(away))
        try:
            intensity = prepare(RawResponse("set", "one", "room", None, direction, samples, RATE), ACN).intensity
        except ResponseRejected:
            continue
        if intensity is not None:
            found.append((direction, intensity))
    return found


def with_array_errors(heard: Sequence[Heard], degrees: float, level_db: float, seed: int = 0) -> list[Heard]:
    """The same through a microphone whose directions and levels have these errors (standard deviations)."""
    draw, found = np.random.default_rng(seed), []
    for direction, intensity in heard:
        vector = np.array(intensity.direction) + math.radians(degrees) / math.sqrt(2) * draw.standard_normal(3)
        vector /= np.linalg.norm(vector)
        other = tuple(float(part) for part in vector)
        found.append(
            (direction, replace(intensity, direction=other, gain_db=intensity.gain_db + draw.normal(0, level_db)))
        )
    return found


def refused(heard: Sequence[Heard], stated: Conventions = ACN) -> str | None:
    """The line that refuses a set; None where it passes."""
    from transforms.sofa.coordinates import System

    proof = Proof()
    nothing = np.zeros((4, 1), dtype=np.float32)
    for direction, intensity in heard:
        azimuth, elevation, _ = (float(part) for part in spherical(np.array([direction]))[0])
        others = {name: system.vector((azimuth, elevation, 1.0)) for name, system in System(True).others().items()}
        raw = RawResponse("set", "one", "room", None, direction, nothing, RATE, other_directions=others)
        proof.add(raw, stated, intensity)
    try:
        proof.judge()
    except MeasuredUnusable as error:
        return str(error)
    return None


def _stated(change: Callable[[np.ndarray], Sequence[float]]) -> Callable[[Heard], Heard]:
    return lambda one: (tuple(float(part) for part in change(np.array(one[0]))), one[1])


def _colatitude(direction: np.ndarray) -> Sequence[float]:
    azimuth, elevation, _ = spherical(direction[None])[0]
    return direction_to_unit_vector(azimuth, 90.0 - elevation)


def _in_radians(direction: np.ndarray) -> Sequence[float]:
    azimuth, elevation, _ = spherical(direction[None])[0]
    return direction_to_unit_vector(math.radians(azimuth), math.radians(elevation))


def _measured(change: Callable[[Intensity], Intensity]) -> Callable[[Heard], Heard]:
    return lambda one: (one[0], change(one[1]))


def _order(index: Sequence[int]) -> Callable[[Heard], Heard]:
    return _measured(lambda one: replace(one, direction=tuple(one.direction[part] for part in index)))


def _level(db: float) -> Callable[[Heard], Heard]:
    return _measured(lambda one: replace(one, gain_db=one.gain_db + db))


CHANGES: dict[str, tuple[Callable[[Heard], Heard], Conventions, str]] = {
    "FuMa order read as ACN": (_order((2, 0, 1)), ACN, "fit FuMa W, X, Y, Z"),
    "ACN order read as FuMa": (_order((1, 2, 0)), Conventions("fuma", "sn3d"), "fit ACN W, Y, Z, X"),
    "N3D read as SN3D": (_level(LEVELS_DB["n3d"]), ACN, "fit N3D"),
    "SN3D read as N3D": (_level(-LEVELS_DB["n3d"]), Conventions("acn", "n3d"), "fit SN3D"),
    "FuMa normalisation read as SN3D": (_level(LEVELS_DB["fuma"]), ACN, "fit FuMa"),
    "azimuth clockwise": (_stated(lambda d: d * [1, -1, 1]), ACN, "azimuth runs clockwise"),
    "elevation as colatitude": (_stated(_colatitude), ACN, "colatitudes"),
    "radians read as degrees": (_stated(_in_radians), ACN, "fit radians"),
    "azimuth from the left": (_stated(lambda d: [d[1], -d[0], d[2]]), ACN, "azimuth 0 is the left"),
    "x and y swapped": (_stated(lambda d: d[[1, 0, 2]]), ACN, "x and y are swapped"),
    "listener turned by 180°": (_stated(lambda d: d * [-1, -1, 1]), ACN, "turned by 180 degrees"),
    "upside down": (_stated(lambda d: d * [1, -1, -1]), ACN, "hangs upside down"),
    "source and listener exchanged": (_stated(lambda d: -d), ACN, "exchanged"),
    "elevation downwards": (_stated(lambda d: d * [1, 1, -1]), ACN, "elevation runs downwards"),
}


def error_rates(rooms: int, draws: int) -> Iterator[tuple[str, ...]]:
    """How many right sets are refused, and how many wrong ones pass or are named wrongly, by size and condition."""
    dry = heard_in(rooms, PAPER, None)
    noisy = heard_in(rooms, PAPER, 45.0)
    pools = {
        "paper's rooms": dry,
        "with noise at −45 dB": noisy,
        "and an array (8°, 1 dB)": with_array_errors(noisy, 8.0, 1.0),
        "and a poor array (20°, 1.5 dB)": with_array_errors(noisy, 20.0, 1.5),
    }
    sizes = (3, 5, 10, 30)
    yield ("right sets that are refused", *(f"{size} responses" for size in sizes))
    for name, pool in pools.items():
        yield (name, *(_share(pool, size, draws, lambda one: one, ACN, None) for size in sizes))
    front = [one for one in pools["and an array (8°, 1 dB)"] if one[0][0] > 0.8]
    yield (
        "an array, sources in front alone",
        *(_share(front, size, draws, lambda one: one, ACN, None) for size in sizes),
    )
    yield ("", *([""] * len(sizes)))
    yield ("wrong sets, with an array: pass / are named otherwise", *(f"{size} responses" for size in sizes))
    pool = pools["and an array (8°, 1 dB)"]
    for name, (change, stated, expected) in CHANGES.items():
        # The colatitude of a source below the listener is more than 90, which is refused at once.
        held = [one for one in pool if one[0][2] > 0.0] if name == "elevation as colatitude" else pool
        yield (name, *(_share(held, size, draws // 4, change, stated, expected) for size in sizes))


def _share(
    pool: Sequence[Heard],
    size: int,
    draws: int,
    change: Callable[[Heard], Heard],
    stated: Conventions,
    expected: str | None,
) -> str:
    draw = np.random.default_rng(size)
    lines = [
        refused([change(pool[index]) for index in draw.choice(len(pool), min(size, len(pool)), replace=False)], stated)
        for _ in range(draws)
    ]
    if expected is None:
        return f"{100 * sum(line is not None for line in lines) / draws:.1f} %"
    passed, otherwise = (
        sum(line is None for line in lines),
        sum(line is not None and expected not in line for line in lines),
    )
    return f"{100 * passed / draws:.0f} / {100 * otherwise / draws:.0f} %"


# Table 4: T30 of noisy responses


def noisy_decays(count: int) -> Iterator[tuple[str, ...]]:
    """For each level of noise: responses that are taken, and the error of their T30 against that without noise."""
    yield "noise below the loudest 5 ms", "taken", "T30, median", "T30, largest"
    draw = np.random.default_rng(1)
    for below_db in (80, 60, 50, 45, 40, 36, 30):
        errors = []
        for number in range(count):
            one = known(number, PAPER)
            padded = np.pad(one.samples, ((0, 0), (0, RATE // 2)))
            blocks = padded[0, : padded.shape[1] // 240 * 240].reshape(-1, 240).astype(float)
            level = math.sqrt(np.square(blocks).mean(axis=1).max()) * 10 ** (-below_db / 20)
            samples = (padded + level * draw.standard_normal(padded.shape)).astype(np.float32)
            try:
                taken, _ = prepare(RawResponse("set", "one", "room", None, (1.0, 0.0, 0.0), samples, RATE), ACN)
            except ResponseRejected:
                continue
            errors.append(abs(taken.acoustics.t30_ms / one.t30_ms - 1.0))
        if errors:
            middle, most = f"{100 * float(np.median(errors)):.2f} %", f"{100 * max(errors):.2f} %"
            yield f"{below_db} dB", f"{len(errors)} of {count}", middle, most
        else:
            yield f"{below_db} dB", f"0 of {count}", "", ""


def show(rows: Iterator[tuple[str, ...]]) -> None:
    """Prints rows as a table of Markdown, the first as its head."""
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |", flush=True)
        if number == 0:
            print("|" + "---|" * len(row))
    print()


def main() -> None:
    """Prints all four tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=24, help="of each set in files (24)")
    parser.add_argument("--rooms", type=int, default=120, help="in the pool of the error rates (120)")
    parser.add_argument("--draws", type=int, default=1_000, help="sets of each size in the error rates (1000)")
    arguments = parser.parse_args()
    begun = time.process_time()
    ones = [known(number, PAPER) for number in range(arguments.responses)]
    show(accuracy(ones))
    show(wrong_conventions(ones))
    show(error_rates(arguments.rooms, arguments.draws))
    show(noisy_decays(arguments.responses))
    print(f"{time.process_time() - begun:.0f} s of CPU")


if __name__ == "__main__":
    main()
