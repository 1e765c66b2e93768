"""What receivers hear, against theory, and what a row of each costs; it also draws the figure of docs/receivers.md.

OMP_NUM_THREADS=1 python -m tests.benchmarks.receivers --output docs/figures
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.transforms.receivers.heads import ear_spectra, sphere_head, write_sofa
from tests.transforms.receivers.ideal import degree_error_deg, through_a_table
from tests.transforms.receivers.series import (
    RATE,
    capsule_pressure,
    direction_errors_deg,
    directions,
    encoded,
    equaliser_gains,
    even_directions,
    heard_by,
)
from transforms.convolution import convolve
from transforms.receivers.array_receiver import array_filters
from transforms.receivers.head_file import find_head
from transforms.receivers.known_arrays import KNOWN_ARRAYS
from transforms.receivers.receive import receive_direct, receive_response
from transforms.receivers.receiver import receiver_of
from transforms.receivers.settings import ReceiverSettings
from transforms.records import Placement, Room
from transforms.rooms.diffuse_tail import white_noise
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import simulate_response
from transforms.sound.clip_audio import prepare_clip
from transforms.sound.decoding import decode_file
from transforms.sound.render import Level, choose_gain, encode_flac, pcm_sha256, quantise

FIGURE = "receivers.png"
#: The grid of the head, a rigid sphere whose ears are known everywhere.
HEAD_STEP_DEG = 5.0
_UP_TO_8_KHZ = np.geomspace(100.0, 8000.0, 40)
_THIRDS = 1000.0 * 2.0 ** (np.arange(-10, 13) / 3.0)
_CLIP_S = 10.0
_LEVEL = Level("fixed", -20.0, -1.0)


def scenes(count: int) -> list[tuple[Room, Placement]]:
    """Rooms as a recipe samples them, with a source in each."""
    rooms = [sample_room(2024, "train", index, RoomRanges()) for index in range(count)]
    return [(room, place_source(index, room, SceneRanges())) for index, room in enumerate(rooms)]


def table_error_db(rooms: Sequence[tuple[Room, Placement]]) -> float:
    """The largest error of a channel of ideal ambisonics through the table, against the renderer, in dB."""
    worst = 0.0
    for order in (1, 2, 3):
        receiver = through_a_table(order)
        for seed, (room, placement) in enumerate(rooms):
            today = simulate_response(room, placement, seed=seed, order=order).samples.astype(np.float64)
            found = receive_response(room, placement, receiver, seed=seed).samples
            error = np.sum(np.square(found - today), axis=1) / np.sum(np.square(today), axis=1)
            worst = max(worst, float(error.max()))
    return 10.0 * float(np.log10(worst))


def series_error_db(name: str, order: int) -> float:
    """The largest error at a frequency up to 8 kHz of an array against the series, in dB."""
    array = KNOWN_ARRAYS[name]
    filters = array_filters(array, order, (1.0,) * len(array.capsules), RATE)
    around = directions(200)
    equaliser = equaliser_gains(filters, _UP_TO_8_KHZ)
    wanted = encoded(array, order, capsule_pressure(array, around, _UP_TO_8_KHZ)) * equaliser
    found = filters.table.gains(around, _UP_TO_8_KHZ, RATE) * equaliser
    error = np.sum(np.abs(found - wanted) ** 2, axis=(0, 1)) / np.sum(np.abs(wanted) ** 2, axis=(0, 1))
    return 10.0 * float(np.log10(error.max()))


def coherence_error(name: str, order: int) -> float:
    """The largest difference of a coherence of two channels in a diffuse field from theory, up to 8 kHz."""
    array = KNOWN_ARRAYS[name]
    filters = array_filters(array, order, (1.0,) * len(array.capsules), RATE)
    around = even_directions(6000)
    waves = encoded(array, order, capsule_pressure(array, around, _UP_TO_8_KHZ)) * equaliser_gains(
        filters, _UP_TO_8_KHZ
    )
    theory = np.einsum("ncf,ndf->fcd", waves, waves.conj()) / len(around)
    taps = filters.diffuse.shape[2]
    turns = -2j * np.pi * _UP_TO_8_KHZ / RATE * (np.arange(taps) - taps // 2)[:, None]
    mixed = np.einsum("cdt,tf->fcd", filters.diffuse, np.exp(turns))
    found = np.einsum("fce,fde->fcd", mixed, mixed.conj())
    level = np.sqrt(np.einsum("fcc->fc", theory).real)
    scale = level[:, :, None] * level[:, None, :]
    # Channels 60 dB below W at a frequency have no coherence that anybody hears.
    audible = level > 1e-3
    return float((np.abs(found - theory) / scale * (audible[:, :, None] & audible[:, None, :])).max())


def ear_errors(folder: Path) -> tuple[float, float]:
    """The largest errors of time (µs, below 1.5 kHz) and level (dB, up to 8 kHz) between the ears of the sphere."""
    head = find_head(str(write_sofa(folder / "sphere.sofa", *sphere_head(HEAD_STEP_DEG))))
    table = receiver_of(ReceiverSettings(kind="binaural", head=head), 0, "train", "a").table
    assert table is not None
    frequency_hz = np.arange(100.0, 8000.0, 50.0)
    around = directions(400, seed=2)
    low = frequency_hz < 1500.0
    times_us, levels_db = [], []
    for ears in (table.gains(around, frequency_hz, RATE), ear_spectra(around, frequency_hz)):
        phase = np.unwrap(np.angle(ears[:, 0, low] * ears[:, 1, low].conj()), axis=1)
        slope = np.sum(phase * frequency_hz[low], axis=1) / np.sum(frequency_hz[low] ** 2)
        times_us.append(slope / (2.0 * np.pi) * 1e6)
        power = np.sum(np.abs(ears) ** 2, axis=2)
        levels_db.append(10.0 * np.log10(power[:, 0] / power[:, 1]))
    return float(np.abs(times_us[0] - times_us[1]).max()), float(np.abs(levels_db[0] - levels_db[1]).max())


def degree_errors_deg(rooms: Sequence[tuple[Room, Placement]]) -> list[float]:
    """The largest angle between a source and the direction of the channels of degree 2, and of degree 3."""
    receiver = receiver_of(ReceiverSettings(order=3), 0, "train", "a")
    worst = [0.0, 0.0]
    for room, placement in rooms:
        direct = receive_direct(room, placement, receiver)
        for degree in (2, 3):
            worst[degree - 2] = max(worst[degree - 2], degree_error_deg(direct, degree, placement))
    return worst


def row_ms(settings: ReceiverSettings, seed: int, scene: tuple[Room, Placement], file: Path) -> float:
    """The time of the processor for a row in ms, from the clip's file to the FLAC of each degree, hashed."""
    receiver = receiver_of(settings, 0, "train", "a")
    started = time.process_time()
    with file.open("rb") as opened:
        decoded, rate = decode_file(opened.fileno(), ".flac", max_duration_s=60.0)
    clip = prepare_clip(decoded, rate, trim_below_peak_db=60.0, min_duration_s=4.0)
    samples = convolve(clip, receive_response(*scene, receiver, seed=seed).samples)
    gain_db, _ = choose_gain(samples, _LEVEL, 16)
    for first, last in _files(settings.channels):
        pcm = quantise(samples[first:last], gain_db, 16)
        encode_flac(pcm, RATE, 16)
        pcm_sha256(pcm, 16)
    return 1000.0 * (time.process_time() - started)


def _files(channels: int) -> Iterator[tuple[int, int]]:
    """The channels of each file: the first degree with W, or both ears, then each further degree."""
    first = 0
    for last in (2,) if channels == 2 else (4, 9, 16):
        if last <= channels:
            yield first, last
            first = last


def draw(path: Path) -> None:
    """Draws the error of the direction by frequency, and the power of each degree, of every known array."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from tests.benchmarks.figures import INK, OURS, PALE, STYLE, THEIRS

    colours = dict(zip(KNOWN_ARRAYS, (THEIRS, OURS, INK), strict=True))
    around = directions(2000, seed=3)
    style: Any = STYLE
    with plt.rc_context(style):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
        for name, array in KNOWN_ARRAYS.items():
            filters = array_filters(array, array.order, (1.0,) * len(array.capsules), RATE)
            heard = heard_by(filters, around, _THIRDS)
            errors = direction_errors_deg(heard, around)
            left.plot(_THIRDS, np.median(errors, axis=0), color=colours[name], label=name)
            left.fill_between(_THIRDS, *np.percentile(errors, (10, 90), axis=0), color=colours[name], alpha=0.12)
            for degree in range(1, array.order + 1):
                channels = heard[:, degree**2 : (degree + 1) ** 2]
                power = (2 * degree + 1) * np.mean(np.abs(channels) ** 2, axis=(0, 1))
                right.plot(_THIRDS, 10.0 * np.log10(power), color=colours[name], linestyle=("-", "--", ":")[degree - 1])
        left.set(ylabel="direction of the intensity, ° off", ylim=(0, 90))
        left.legend(loc="upper left")
        right.plot([], [], color=INK, linestyle="-", label="degree 1")
        right.plot([], [], color=INK, linestyle="--", label="degree 2")
        right.plot([], [], color=INK, linestyle=":", label="degree 3")
        right.legend(loc="lower right")
        right.set(ylabel="power against ideal, dB", ylim=(-40, 3))
        for axis in (left, right):
            axis.set(xscale="log", xlabel="frequency, kHz", xlim=(100, 16_000))
            axis.set_xticks([125, 250, 500, 1000, 2000, 4000, 8000], ["0.125", "0.25", "0.5", "1", "2", "4", "8"])
            axis.minorticks_off()
        right.axhline(0.0, color=PALE, linewidth=1)
        figure.tight_layout()
        figure.savefig(path)


def main(words: Sequence[str] | None = None) -> int:
    """Prints the table, and draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=20, help="rooms of the measurements")
    parser.add_argument("--output", type=Path, default=None, help="the folder of the figure; without it none is drawn")
    options = parser.parse_args(words)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        draw(options.output / FIGURE)
    rooms = scenes(options.rooms)
    with tempfile.TemporaryDirectory() as folder:
        time_us, level_db = ear_errors(Path(folder))
        _line("ideal through the table, against the renderer", f"{table_error_db(rooms[:6]):.1f} dB", "-80 dB")
        for name, array in KNOWN_ARRAYS.items():
            for order in sorted({1, array.order}):
                _line(
                    f"{name}, order {order}, against the series up to 8 kHz",
                    f"{series_error_db(name, order):.1f} dB",
                    "-40 dB",
                )
        for name, array in KNOWN_ARRAYS.items():
            _line(f"{name}, coherence in a diffuse field", f"{coherence_error(name, array.order):.4f}", "0.05")
        _line(f"ears of a sphere measured every {HEAD_STEP_DEG:g}°, time", f"{time_us:.1f} µs", "10 µs")
        _line(f"ears of a sphere measured every {HEAD_STEP_DEG:g}°, level", f"{level_db:.2f} dB", "0.5 dB")
        for degree, error in zip((2, 3), degree_errors_deg(rooms), strict=True):
            _line(f"direction from the channels of degree {degree} alone", f"{error:.3f}°", "0.1°")
        _costs(rooms, Path(folder))
    return 0


def _costs(rooms: Sequence[tuple[Room, Placement]], folder: Path) -> None:
    clip = folder / "clip.flac"
    soundfile.write(clip, 0.05 * white_noise(1, 0, round(_CLIP_S * 44_100)), 44_100, subtype="PCM_16")
    head = find_head(str(folder / "sphere.sofa"))
    kinds = [
        ("ideal, order 1", ReceiverSettings(), ""),
        ("tetrahedron", ReceiverSettings(kind="array", array="tetrahedron"), "3"),
        ("zylia", ReceiverSettings(kind="array", array="zylia"), "3"),
        ("zylia, order 3", ReceiverSettings(kind="array", array="zylia", order=3), "3"),
        ("ideal, order 2", ReceiverSettings(order=2), ""),
        ("ideal, order 3", ReceiverSettings(order=3), "2.5"),
        ("em32, order 3", ReceiverSettings(kind="array", array="em32", order=3), "3"),
        ("binaural", ReceiverSettings(kind="binaural", head=head), "2"),
    ]
    times: dict[str, list[float]] = {name: [] for name, _, _ in kinds}
    for seed, scene in enumerate(rooms):
        # One kind after the other in each room, so that what else the machine does troubles all alike.
        for name, settings, _ in kinds:
            times[name].append(min(row_ms(settings, seed, scene, clip) for _ in range(2)))
    first = statistics.median(times[kinds[0][0]])
    for name, _, most in kinds:
        took = statistics.median(times[name])
        _line(f"a row of {_CLIP_S:g} s, {name}", f"{took:.0f} ms, {took / first:.2f} times", most)


def _line(what: str, found: str, wanted: str) -> None:
    print(f"{what:<58} {found:>20} {wanted:>8}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
