"""Acoustics over random rooms of the whole range, as a table: ``python -m tests.benchmarks.acoustics --rooms 100``."""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.acoustics import AIR_ABSORPTION_PER_M, DECAY_60_DB, DIRECT_WINDOW_S, SPEED_OF_SOUND_M_S
from transforms.geometry import angle_between_deg, direction_to_unit_vector
from transforms.place_source import place_source
from transforms.records import Response, Room, Scene
from transforms.sample_rooms import sample_room, white_band_energies
from transforms.simulate_response import direct_sample, simulate_response

# Samples to each side of the direct sound that its direction is taken from.
DIRECT_HALF_WINDOW = 8


@dataclass(frozen=True)
class Checks:
    """What one room showed."""

    t30_error_percent: float
    band_errors_percent: NDArray[np.float64]
    direction_error_deg: float
    distance_error_samples: float
    drr_off_theory_db: float
    late_levels_db: NDArray[np.float64]
    late_coherence: float
    cpu_s: float


def measured_direction(response: Response, scene: Scene) -> NDArray[np.float64]:
    """Where the direct sound comes from: the active intensity (3,) around its arrival, not normalised."""
    middle = round(direct_sample(scene, response.sample_rate))
    window = response.samples[:4, max(0, middle - DIRECT_HALF_WINDOW) : middle + DIRECT_HALF_WINDOW + 1]
    w, y, z, x = window.astype(np.float64)
    return np.array([np.sum(w * x), np.sum(w * y), np.sum(w * z)])


def arrival_sample(response: Response) -> float:
    """When the first strong peak of W comes, from the samples alone, to a part of a sample."""
    magnitude = np.abs(response.samples[0].astype(np.float64))
    first = int(np.argmax(magnitude > 0.4 * magnitude.max()))
    peak = first + int(np.argmax(magnitude[first : first + 3]))
    before, at, after = magnitude[peak - 1 : peak + 2]
    return float(peak + 0.5 * (before - after) / (before - 2 * at + after))


def theoretical_drr_db(room: Room, scene: Scene) -> float:
    """A direct sound over a diffuse field that begins 1 ms after it (Barron's revised theory, by octave)."""
    weights, decays_s = white_band_energies(), np.array(room.t30_bands_ms) / 1000.0
    direct = np.sum(weights * np.exp(-np.array(AIR_ABSORPTION_PER_M) * scene.distance_m)) / scene.distance_m**2
    from_s = scene.distance_m / SPEED_OF_SOUND_M_S + DIRECT_WINDOW_S
    power_per_s = 4.0 * math.pi * SPEED_OF_SOUND_M_S / room.volume_m3
    late = np.sum(weights * power_per_s * decays_s / DECAY_60_DB * np.exp(-DECAY_60_DB * from_s / decays_s))
    return float(10.0 * np.log10(direct / late))


def late_field(response: Response, room: Room, scene: Scene) -> tuple[NDArray[np.float64], float]:
    """Levels of Y, Z, X against W in dB, and the largest coherence of two channels, after the images have ended."""
    rate = response.sample_rate
    start_s = scene.distance_m / SPEED_OF_SOUND_M_S + max(2.0 * math.sqrt(room.volume_m3), 40.0) / 1000.0
    stop_s = max(start_s + 0.03, 0.8 * response.acoustics.t30_ms / 1000.0)
    late = response.samples[:4, round(start_s * rate) : round(stop_s * rate)].astype(np.float64)
    # Half of the decay undone: with none of it the beginning is all that counts, with all of it the lowest octaves at
    # the end, and either holds few independent samples in a dry room.
    decays = np.arange(late.shape[1]) / rate / (response.acoustics.t30_ms / 1000.0)
    late = late * np.exp(0.25 * DECAY_60_DB * decays)
    products = np.einsum("is,js->ij", late, late)
    energies = np.diag(products)
    coherence = np.abs(products) / np.sqrt(np.outer(energies, energies)) - np.eye(4)
    return 10.0 * np.log10(energies[1:] / energies[0]), float(coherence.max())


def check_room(seed: int, index: int) -> Checks:
    """Draw, simulate and check one room."""
    room = sample_room(seed, "train", index)
    scene = place_source(index, room)
    started = time.process_time()
    response = simulate_response(room, scene, seed=index)
    cpu_s = time.process_time() - started
    expected = direction_to_unit_vector(scene.azimuth_deg, scene.elevation_deg)
    levels, coherence = late_field(response, room, scene)
    measured = response.acoustics
    return Checks(
        t30_error_percent=100.0 * abs(measured.t30_ms / room.t30_ms - 1.0),
        band_errors_percent=100.0 * np.abs(np.array(measured.t30_bands_ms) / np.array(room.t30_bands_ms) - 1.0),
        direction_error_deg=float(angle_between_deg(measured_direction(response, scene), expected)),
        distance_error_samples=abs(arrival_sample(response) - direct_sample(scene, response.sample_rate)),
        drr_off_theory_db=measured.drr_db - theoretical_drr_db(room, scene),
        late_levels_db=levels,
        late_coherence=coherence,
        cpu_s=cpu_s,
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args(arguments)
    room = sample_room(options.seed, "validation", 0)
    simulate_response(room, place_source(0, room), seed=0)
    checks = [check_room(options.seed, index) for index in range(options.rooms)]
    bands = np.stack([check.band_errors_percent for check in checks])
    levels = np.stack([check.late_levels_db for check in checks])
    drr = np.array([check.drr_off_theory_db for check in checks])
    rows = [
        ("T30 label against asked, %", [check.t30_error_percent for check in checks]),
        ("T30 of 125 Hz–8 kHz against asked, %", bands[:, :7].ravel()),
        *(
            (f"  {centre} Hz", bands[:, band])
            for band, centre in enumerate((125, 250, 500, 1000, 2000, 4000, 8000, 16000))
        ),
        ("direction of the direct sound, °", [check.direction_error_deg for check in checks]),
        ("distance from the delay, samples", [check.distance_error_samples for check in checks]),
        ("DRR off theory, dB", np.abs(drr)),
        ("late Y, Z, X against W, off −4.77 dB", np.abs(levels + 10.0 * math.log10(3.0)).ravel()),
        ("late coherence", [check.late_coherence for check in checks]),
        ("CPU seconds a response", [check.cpu_s for check in checks]),
    ]
    print(f"{f'{options.rooms} rooms, seed {options.seed}':40s}{'mean':>10s}{'95 %':>10s}{'max':>10s}")
    for name, values in rows:
        numbers = np.asarray(values, dtype=np.float64)
        print(f"{name:40s}{numbers.mean():10.4f}{np.percentile(numbers, 95):10.4f}{numbers.max():10.4f}")
    held = np.array([np.abs(c.late_levels_db + 10.0 * math.log10(3.0)).max() <= 0.5 for c in checks])
    print(f"{'rooms whose late levels are within 0.5 dB':40s}{int(held.sum()):10d}")
    print(f"{'rooms with late coherence under 0.1':40s}{sum(c.late_coherence < 0.1 for c in checks):10d}")
    print(f"{'rooms with DRR within 3 dB of theory':40s}{int(np.sum(np.abs(drr) <= 3.0)):10d}")
    print(f"{'DRR off theory, signed mean, dB':40s}{drr.mean():10.4f}")
    print(f"{'late Y, Z, X against W, mean, dB':40s}" + "".join(f"{level:10.3f}" for level in levels.mean(axis=0)))
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{'peak memory of the process, MB':40s}{peak_kib / 1024:10.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
