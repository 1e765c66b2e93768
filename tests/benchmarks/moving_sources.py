"""Measures moving sources against exact image sources: ``python -m tests.benchmarks.moving_sources``."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.signal import fftconvolve, hilbert

from tests.directions import angle_between_deg
from transforms.convolution import convolve
from transforms.paths import Arc, Line, Path, Point
from transforms.records import OCTAVE_BANDS_HZ, Placement, Room
from transforms.rooms.acoustics import AIR_ABSORPTION_PER_M, SPEED_OF_SOUND_M_S, octave_crossover, spectrum_fade_out
from transforms.rooms.moving.first_images import render_first_images
from transforms.rooms.moving.later_images import place_times_s
from transforms.rooms.moving.octave_signals import OctaveSignals
from transforms.rooms.moving.render_moving import render_moving
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import furnish_room, natural_t30_ms, sample_room
from transforms.rooms.simulate_response import measured_decays, simulate_response
from transforms.seeds import keyed_generator

RATE = 48_000
BAND_HZ = (100.0, 12_000.0)
RECEIVER_M = (3.0, 2.5, 1.5)
#: Half the taps of the oracle's kernel, a sinc in a Kaiser window.
_HALF_TAPS = 96
_KAISER = 14.0
# A path's end is so far from the walls, in metres.
_CLEARANCE_M = 0.5
# The least and the largest distance of the random sources from the receiver, on their way.
_NEAREST_M = 0.3


def shoebox() -> Room:
    """A room of 8 × 6 × 3 m with a T30 of half a second."""
    materials = ("carpet_thin", "plasterboard", "wood_16mm")
    return furnish_room("shoebox", "test", (8.0, 6.0, 3.0), materials=materials, t30_ms=500.0)


def noise(seconds: float, seed: int, band_hz: tuple[float, float] | None = BAND_HZ) -> NDArray[np.float32]:
    """White noise (n,), or noise of a band that is cut off steeply."""
    white = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    if band_hz is None:
        return white.astype(np.float32)
    spectrum = scipy.fft.rfft(white)
    frequencies = scipy.fft.rfftfreq(white.size, 1.0 / RATE)
    spectrum[(frequencies < band_hz[0]) | (frequencies > band_hz[1])] = 0.0
    return scipy.fft.irfft(spectrum, white.size).astype(np.float32)


def residual_db(rendered: NDArray[np.floating], exact: NDArray[np.floating]) -> float:
    """The power of a difference over the power of what is exact, in dB."""
    difference = rendered.astype(np.float64) - exact
    return 10.0 * math.log10(np.sum(difference**2) / np.sum(exact.astype(np.float64) ** 2))


# ----------------------------------------------------------------------------------------------------- exact images


def emission_times_s(path: Path, times_s: NDArray[np.float64], image: Image, receiver_m: Point) -> NDArray[np.float64]:
    """When an image emitted what arrives at these times, by bisection, to 10⁻¹² s."""
    early, late = times_s - 1.0, times_s.copy()
    for _ in range(40):
        middle = 0.5 * (early + late)
        arrival_s = middle + image.distance_m(path, middle, receiver_m) / SPEED_OF_SOUND_M_S
        early, late = np.where(arrival_s < times_s, middle, early), np.where(arrival_s < times_s, late, middle)
    return 0.5 * (early + late)


@dataclass(frozen=True)
class Image:
    """The direct sound or a first reflection: which axis is mirrored, about which wall, and what the wall absorbs."""

    axis: int | None
    wall_m: float
    absorption: NDArray[np.float64]

    def offset_m(self, path: Path, times_s: NDArray[np.float64], receiver_m: Point) -> NDArray[np.float64]:
        """Its positions (n, 3) relative to the receiver."""
        position_m = path.positions_m(times_s).copy()
        if self.axis is not None:
            position_m[:, self.axis] = 2.0 * self.wall_m - position_m[:, self.axis]
        return position_m - np.array(receiver_m)

    def distance_m(self, path: Path, times_s: NDArray[np.float64], receiver_m: Point) -> NDArray[np.float64]:
        """Its distances (n,) from the receiver."""
        return np.linalg.norm(self.offset_m(path, times_s, receiver_m), axis=1)


def exact_images(room: Room) -> list[Image]:
    """The direct sound and the six reflections of the first order."""
    floor, ceiling, walls = (np.array(surface) for surface in room.absorption)
    return [
        Image(None, 0.0, np.zeros(len(OCTAVE_BANDS_HZ))),
        *(Image(0, wall_m, walls) for wall_m in (0.0, room.length_m)),
        *(Image(1, wall_m, walls) for wall_m in (0.0, room.width_m)),
        Image(2, 0.0, floor),
        Image(2, room.height_m, ceiling),
    ]


def amplitudes(
    image: Image, room: Room, path: Path, times_s: NDArray[np.float64], receiver_m: Point
) -> NDArray[np.float64]:
    """Amplitudes (n, bands) of what an image emits at these times: wall, air, 1/r, and the fade to the diffuse tail."""
    direct_m = np.linalg.norm(path.positions_m(times_s) - np.array(receiver_m), axis=1)
    distance_m = image.distance_m(path, times_s, receiver_m)
    mixing_m = SPEED_OF_SOUND_M_S * max(0.002 * math.sqrt(room.volume_m3), 0.040)
    faded = np.clip((distance_m - direct_m - 0.5 * mixing_m) / (0.5 * mixing_m), 0.0, 1.0)
    air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * distance_m[:, None])
    return np.sqrt(1.0 - image.absorption) * air * (np.cos(0.5 * np.pi * faded) / distance_m)[:, None]


def harmonics(offset_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """W, Y, Z, X (n, 4) in SN3D of positions (n, 3) relative to the receiver."""
    unit = offset_m / np.linalg.norm(offset_m, axis=1, keepdims=True)
    return np.stack([np.ones(len(unit)), unit[:, 1], unit[:, 2], unit[:, 0]], axis=1)


def exact_first_images(
    signal: NDArray[np.float32], room: Room, receiver_m: Point, path: Path, samples: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Direct sound and first reflections (4, n) at the numbers of some samples (n,), evaluated one by one in float64.

    Each image's octaves are read at the exact moment of emission with a kernel of 2 · 96 taps.
    """
    lead = 4 * RATE // 10
    padded = np.concatenate([np.zeros(lead), signal.astype(np.float64), np.zeros(lead)])
    frequencies = scipy.fft.rfftfreq(padded.size, 1.0 / RATE)
    gains = octave_crossover(frequencies) * spectrum_fade_out(frequencies, RATE)
    octaves = scipy.fft.irfft(scipy.fft.rfft(padded) * gains, padded.size, axis=1)
    taps = np.arange(-_HALF_TAPS + 1, _HALF_TAPS + 1)
    total = np.zeros((4, samples.size))
    for part in np.array_split(np.arange(samples.size), max(samples.size // 2000, 1)):
        times_s = samples[part] / RATE
        for image in exact_images(room):
            emitted_s = emission_times_s(path, times_s, image, receiver_m)
            position = emitted_s * RATE + lead
            first = np.floor(position).astype(np.int64)
            away = (first[:, None] + taps) - position[:, None]
            window = np.i0(_KAISER * np.sqrt(np.maximum(1.0 - (away / _HALF_TAPS) ** 2, 0.0))) / np.i0(_KAISER)
            kernel = np.sinc(away) * window
            read = octaves[:, np.clip(first[:, None] + taps, 0, padded.size - 1)]
            values = np.einsum("bnk,nk,nb->n", read, kernel, amplitudes(image, room, path, emitted_s, receiver_m))
            total[:, part] += values * harmonics(image.offset_m(path, emitted_s, receiver_m)).T
    return total


def crossfaded_first_images(
    signal: NDArray[np.float32], room: Room, receiver_m: Point, path: Path, a_second: float
) -> NDArray[np.float64]:
    """What most generators do: responses of still sources, so many a second, faded into each other (4, n)."""
    size = 8192
    frequencies = scipy.fft.rfftfreq(size, 1.0 / RATE)
    gains = octave_crossover(frequencies) * spectrum_fade_out(frequencies, RATE)
    step = round(RATE / a_second)
    total = np.zeros((4, signal.size + 2 * size))
    for number in range(-(-signal.size // step) + 1):
        here_s = np.array([number * step / RATE])
        spectrum = np.zeros((4, frequencies.size), dtype=np.complex128)
        for image in exact_images(room):
            delay_s = image.distance_m(path, here_s, receiver_m) / SPEED_OF_SOUND_M_S
            colour = amplitudes(image, room, path, here_s, receiver_m)[0] @ gains
            phase = np.exp(-2j * np.pi * frequencies * delay_s)
            spectrum += harmonics(image.offset_m(path, here_s, receiver_m)).T * colour * phase
        start, stop = max((number - 1) * step, 0), min((number + 1) * step, signal.size)
        window = 1.0 - np.abs(np.arange(start, stop) - number * step) / step
        heard = fftconvolve((signal[start:stop] * window)[None], scipy.fft.irfft(spectrum, size, axis=1), axes=1)
        total[:, start : start + heard.shape[1]] += heard
    return total[:, : signal.size]


def first_images_residuals_db(speed_m_s: float, seconds: float, samples: int) -> dict[str, float]:
    """The residuals of our way and of two cross-fades against exact images, at so many random samples."""
    room, signal = shoebox(), noise(seconds, 1)
    start_m = np.array([5.5, 1.5, 1.2])
    way_m = np.array([-0.8, 0.6, 0.1]) * speed_m_s * seconds / math.sqrt(1.01)
    path = Line(_point(start_m), _point(start_m + way_m), seconds)
    chosen = np.sort(np.random.default_rng(0).choice(np.arange(4000, signal.size - 4000), samples, replace=False))
    exact = exact_first_images(signal, room, RECEIVER_M, path, chosen)
    ours = sum(_first_images(signal, room, RECEIVER_M, path, natural_t30_ms(room)))
    found = {"ours": residual_db(ours[:, chosen], exact)}
    for a_second in (4, 50):
        crossfaded = crossfaded_first_images(signal, room, RECEIVER_M, path, a_second)
        found[f"{a_second} a second"] = residual_db(crossfaded[:, chosen], exact)
    return found


def _first_images(
    signal: NDArray[np.float32], room: Room, receiver_m: Point, path: Path, decays_ms: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    octaves = OctaveSignals(signal, RATE)
    return render_first_images(
        octaves, room, receiver_m, path, decays_ms, n_samples=signal.size, sample_rate=RATE, order=1
    )


# ---------------------------------------------------------------------------------------- Doppler, direction, level


def doppler_errors_percent(tone_hz: float, speed_m_s: float) -> NDArray[np.float64]:
    """Errors of the frequency of the direct sound of a tone that passes the receiver, every 100 ms, over 10 ms."""
    room, receiver_m, seconds = shoebox(), (4.0, 2.5, 1.5), 2.0
    path = Line((4.0 - 0.5 * speed_m_s * seconds, 3.3, 1.3), (4.0 + 0.5 * speed_m_s * seconds, 3.3, 1.3), seconds)
    times_s = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2.0 * np.pi * tone_hz * times_s).astype(np.float32)
    direct, _ = _first_images(tone, room, receiver_m, path, natural_t30_ms(room))
    turns = np.unwrap(np.angle(hilbert(direct[0].astype(np.float64)))) / (2.0 * np.pi)
    around = np.round(np.arange(0.1, seconds - 0.05, 0.1) * RATE).astype(np.int64)
    before, after = around - RATE // 200, around + RATE // 200
    emitted_s = [emission_times_s(path, edge / RATE, exact_images(room)[0], receiver_m) for edge in (before, after)]
    expected = tone_hz * (emitted_s[1] - emitted_s[0])
    return 100.0 * np.abs((turns[after] - turns[before]) / expected - 1.0)


def random_path(seed: int, room: Room, receiver_m: Point, start_m: Point, longest_s: float) -> Path:
    """A line, or every other time an arc around the receiver, that stays in the room, at 0.3 to 1.5 m/s."""
    draw = keyed_generator(seed, "benchmark path")
    low = np.array([_CLEARANCE_M, _CLEARANCE_M, 0.4])
    high = np.array([room.length_m - _CLEARANCE_M, room.width_m - _CLEARANCE_M, room.height_m - 0.4])
    shares = np.linspace(0.0, 1.0, 64)
    for _ in range(1000):
        speed_m_s = 0.3 + 1.2 * draw.random()
        path: Path
        if seed % 2:
            path = Arc(start_m, receiver_m[:2], 360.0 * draw.random() - 180.0, 1.0)
        else:
            path = Line(start_m, _point(low + (high - low) * draw.random(3)), 1.0)
        on_path = path.positions_m(shares)
        nearest_m = np.linalg.norm(on_path - np.array(receiver_m), axis=1).min()
        inside = np.all(on_path >= low - 1e-6) and np.all(on_path <= high + 1e-6) and nearest_m >= _NEAREST_M
        duration_s = path.length_m / speed_m_s
        if inside and 0.5 < duration_s <= longest_s:
            if isinstance(path, Arc):
                return Arc(path.start_m, path.axis_m, path.turn_deg, duration_s)
            return Line(path.start_m, path.end_m, duration_s)
    raise ValueError(f"no path of at most {longest_s} s in room {room.room_id}")


def random_scene(seed: int, longest_s: float) -> tuple[Room, Placement, Path]:
    """A room of the draw, the positions at the start in it, and a path."""
    room = sample_room(seed, "train", seed, RoomRanges())
    placement = place_source(seed, room, SceneRanges())
    return room, placement, random_path(seed, room, placement.receiver_m, placement.source_m, longest_s)


def direction_errors_deg(seed: int, seconds: float = 4.0) -> NDArray[np.float64]:
    """Errors of the direction of one source's direct sound against its path, every 100 ms.

    The direction is the active intensity of the stem of the direct sound, over 20 ms around the moment. The path says
    where the source is at that moment, and not where it was when it emitted what arrives.
    """
    room, placement, path = random_scene(seed, seconds)
    signal = noise(seconds, seed)
    sound = render_moving(signal, room, placement.receiver_m, path, seed=seed, n_samples=signal.size)
    around = np.round(np.arange(0.1, seconds - 0.05, 0.1) * RATE).astype(np.int64)
    w, y, z, x = sound.direct.astype(np.float64)
    intensity = np.stack([np.cumsum(w * x), np.cumsum(w * y), np.cumsum(w * z)], axis=1)
    measured = intensity[around + RATE // 100] - intensity[around - RATE // 100]
    return angle_between_deg(measured, path.positions_m(around / RATE) - np.array(placement.receiver_m))


def late_levels_db(seed: int, clicks: int) -> NDArray[np.float64]:
    """Levels (clicks, octaves) of the late part of a moving source over those of a still one at the same place, in dB.

    The source emits clicks while it moves, so that each gives the response of its place. Late is what is neither
    direct sound nor first reflection.
    """
    room, placement, path = random_scene(seed, 10.0)
    gap = round((max(room.t30_bands_ms) / 1000.0 + 0.3) * RATE)
    slowly_s = gap * clicks / RATE
    path = (
        Arc(path.start_m, path.axis_m, path.turn_deg, slowly_s)
        if isinstance(path, Arc)
        else Line(path.start_m, path.end_m, slowly_s)
    )
    signal = np.zeros(gap * clicks, dtype=np.float32)
    emitted = gap * np.arange(clicks) + RATE // 10
    signal[emitted] = 1.0
    sound = render_moving(signal, room, placement.receiver_m, path, seed=seed, n_samples=signal.size)
    decays_ms = path_decays_ms(room, placement.receiver_m, path, seed)
    late = sound.samples - sum(_first_images(signal, room, placement.receiver_m, path, decays_ms))
    levels = np.empty((clicks, len(OCTAVE_BANDS_HZ)))
    for number, sample in enumerate(emitted.tolist()):
        here_m = _point(path.positions_m(np.array([sample / RATE]))[0])
        still = _late_response(room, placement.receiver_m, here_m, seed, gap)
        start = sample - RATE // 10
        still = np.pad(still, (RATE // 10, 0))[:gap]
        levels[number] = 10.0 * np.log10(_octave_energies(late[0, start : start + gap]) / _octave_energies(still))
    return levels


def path_decays_ms(room: Room, receiver_m: Point, path: Path, seed: int) -> NDArray[np.float64]:
    """The decays (bands,) that a moving source is rendered with: those of the place in the middle of its path."""
    times_s = place_times_s(path, path.duration_s)
    middle_m = _point(path.positions_m(times_s)[times_s.size // 2])
    return measured_decays(room, _placement(receiver_m, middle_m), seed=seed, sample_rate=RATE)[0]


def _late_response(room: Room, receiver_m: Point, source_m: Point, seed: int, n_samples: int) -> NDArray[np.float32]:
    """W (n_samples,) of a still response without its direct sound and its first reflections."""
    placement = _placement(receiver_m, source_m)
    whole = simulate_response(room, placement, seed=seed).samples[0]
    decays_ms, _ = measured_decays(room, placement, seed=seed, sample_rate=RATE)
    click = np.zeros(n_samples, dtype=np.float32)
    click[0] = 1.0
    first = sum(_first_images(click, room, receiver_m, Line(source_m, source_m, 1.0), decays_ms))
    late = -first[0]
    late[: whole.size] += whole[:n_samples]
    return late


def _octave_energies(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energies (octaves,) of a signal."""
    spectrum = np.abs(scipy.fft.rfft(samples.astype(np.float64))) ** 2
    return octave_crossover(scipy.fft.rfftfreq(samples.size, 1.0 / RATE)) @ spectrum


# ------------------------------------------------------------------------------------------------- cost, still, ends


def still_residual_db(seed: int) -> float:
    """The residual of a moving source that stands still against the still rendering, 100 Hz to 12 kHz."""
    room, placement, _ = random_scene(seed, 10.0)
    signal = noise(3.0, seed)
    path = Line(placement.source_m, placement.source_m, 1.0)
    sound = render_moving(signal, room, placement.receiver_m, path, seed=seed, n_samples=signal.size)
    return residual_db(sound.samples, convolve(signal, simulate_response(room, placement, seed=seed).samples))


def costs_s(seed: int, seconds: float = 10.0, runs: int = 2) -> tuple[float, float]:
    """CPU seconds of a moving row and of a still one of the same length; the faster of some runs, in turn."""
    room, placement, path = random_scene(seed, seconds)
    signal = noise(seconds, seed, None)
    moving, still = [], []
    for _ in range(runs):
        moving.append(
            _cpu_s(lambda: render_moving(signal, room, placement.receiver_m, path, seed=seed, n_samples=signal.size))
        )
        still.append(_cpu_s(lambda: convolve(signal, simulate_response(room, placement, seed=seed).samples)))
    return min(moving), min(still)


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def odd_sounds_are_finite() -> bool:
    """Whether a source 0.3 m away, a path shorter than its sound, and sounds of 0.1 s and 30 s give finite samples."""
    room = shoebox()
    passing = Line((1.0, 2.8, 1.5), (7.0, 2.8, 1.5), 2.0)
    for path, seconds in ((passing, 2.0), (passing, 5.0), (passing, 0.1), (passing, 30.0)):
        signal = noise(seconds, 3, None)
        sound = render_moving(signal, room, RECEIVER_M, path, seed=3, n_samples=signal.size + RATE)
        if not (np.all(np.isfinite(sound.samples)) and np.abs(sound.samples).max() > 0.1):
            return False
    return True


def _placement(receiver_m: Point, source_m: Point) -> Placement:
    """The positions of receiver and source, without the direction, which no response needs."""
    return Placement(receiver_m, source_m, math.nan, math.nan, math.dist(receiver_m, source_m))


def _point(position_m: NDArray[np.float64]) -> Point:
    return float(position_m[0]), float(position_m[1]), float(position_m[2])


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=100, help="moving sources whose direction is measured (100)")
    parser.add_argument(
        "--rooms", type=int, default=12, help="rooms in which level, cost and stillness are measured (12)"
    )
    parser.add_argument(
        "--samples", type=int, default=12_000, help="samples that are compared with exact images (12,000)"
    )
    options = parser.parse_args(arguments)
    held = []

    def show(what: str, target: str, measured: str, *, met: bool | None) -> None:
        held.append(met)
        verdict = {True: "yes", False: "NO", None: ""}[met]
        print(f"| {what:58s} | {target:22s} | {measured:34s} | {verdict:3s} |", flush=True)

    print("| what | target | measured | met |")
    print("|---|---|---|---|")
    for speed_m_s in (0.3, 1.0, 3.0):
        found = first_images_residuals_db(speed_m_s, 1.5, options.samples)
        what = f"direct and first order against exact images, {speed_m_s} m/s"
        show(what, "−30 dB at most", f"{found['ours']:.1f} dB", met=found["ours"] <= -30.0)
        for a_second in (4, 50):
            show(
                f"– cross-faded responses, {a_second} a second",
                "",
                f"{found[f'{a_second} a second']:+.1f} dB",
                met=None,
            )
    errors = np.concatenate([doppler_errors_percent(tone_hz, 3.0) for tone_hz in (500.0, 2000.0, 8000.0)])
    show("Doppler of tones at 3 m/s", "0.05 % at most", f"{errors.max():.5f} %", met=errors.max() <= 0.05)
    angles = np.concatenate([direction_errors_deg(seed) for seed in range(options.sources)])
    show(
        f"direction of the direct sound, {options.sources} sources",
        "1° median, 3° at most",
        f"{np.median(angles):.3f}° median, {angles.max():.3f}° at most",
        met=bool(np.median(angles) <= 1.0 and angles.max() <= 3.0),
    )
    levels = np.stack([late_levels_db(seed, 12) for seed in range(options.rooms)])
    means = 10.0 * np.log10(np.mean(10.0 ** (levels / 10.0), axis=1))
    worst = np.abs(means).max()
    show("late level over a still one, by octave, of a path", "±1 dB", f"±{worst:.2f} dB", met=bool(worst <= 1.0))
    stills = [still_residual_db(seed) for seed in range(options.rooms)]
    show("a source that stands still, against its still rendering", "", f"{max(stills):.1f} dB at most", met=None)
    moving, still = np.array([costs_s(seed) for seed in range(options.rooms)]).T
    ratio = moving.sum() / still.sum()
    show(
        "CPU time of 10 s, moving over still",
        "8 at most",
        f"{ratio:.1f} ({moving.mean():.2f} s)",
        met=bool(ratio <= 8.0),
    )
    finite = odd_sounds_are_finite()
    show(
        "0.3 m away; short paths; sounds of 0.1 s and 30 s", "finite", "finite" if finite else "not finite", met=finite
    )
    print()
    print("| octave | late level, mean of all places | worst path | 95 % of places |")
    print("|---|---|---|---|")
    for band, centre in enumerate(OCTAVE_BANDS_HZ):
        places = levels[:, :, band]
        worst_path, most_places = np.abs(means[:, band]).max(), np.percentile(np.abs(places), 95)
        print(f"| {centre} Hz | {places.mean():+.2f} dB | ±{worst_path:.2f} dB | ±{most_places:.2f} dB |")
    return 1 if False in held else 0


if __name__ == "__main__":
    sys.exit(main())
