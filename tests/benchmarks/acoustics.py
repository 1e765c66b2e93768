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

from tests.directions import angle_between_deg
from transforms.records import OCTAVE_BANDS_HZ, Placement, Response, Room
from transforms.rooms.acoustics import AIR_ABSORPTION_PER_M, DECAY_60_DB, DIRECT_WINDOW_S, SPEED_OF_SOUND_M_S
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import natural_t30_ms, sample_room, white_band_energies
from transforms.rooms.simulate_response import direct_sample, simulate_response

# The direction of the direct sound comes from so many samples on each side of its arrival.
DIRECT_HALF_WINDOW = 8


@dataclass(frozen=True)
class Checks:
    """The errors and levels that were measured in one room."""

    t30_ms: float
    t30_error_percent: float
    band_errors_percent: NDArray[np.float64]
    direction_error_deg: float
    distance_error_samples: float
    drr_off_images_db: float
    drr_off_diffuse_db: float
    late_levels_db: NDArray[np.float64]
    late_coherence: float
    cpu_s: float


def measured_direction(response: Response, placement: Placement) -> NDArray[np.float64]:
    """The direction of the direct sound: active intensity (3,) around its arrival, not normalised."""
    return intensity_direction(response.samples, direct_sample(placement, response.sample_rate))


def intensity_direction(samples: NDArray[np.floating], arrival: float) -> NDArray[np.float64]:
    """Active intensity (3,) of W, Y, Z, X (4 or more, samples) around a fractional sample, not normalised."""
    middle = round(arrival)
    window = samples[:4, max(0, middle - DIRECT_HALF_WINDOW) : middle + DIRECT_HALF_WINDOW + 1]
    w, y, z, x = window.astype(np.float64)
    return np.array([np.sum(w * x), np.sum(w * y), np.sum(w * z)])


def arrival_sample(response: Response) -> float:
    """The arrival of the first strong peak of W in fractional samples, found in the samples alone."""
    magnitude = np.abs(response.samples[0].astype(np.float64))
    first = int(np.argmax(magnitude > 0.4 * magnitude.max()))
    peak = first + int(np.argmax(magnitude[first : first + 3]))
    before, at, after = magnitude[peak - 1 : peak + 2]
    return float(peak + 0.5 * (before - after) / (before - 2 * at + after))


def diffuse_drr_db(room: Room, placement: Placement) -> float:
    """The DRR of a direct sound and a diffuse field that begins 1 ms later: Barron & Lee's revised theory, by octave.

    It depends on the distance alone, so it does not know that a floor or wall may be near.
    """
    direct, late = _direct_energy(placement), _diffuse_energy(room, placement, DIRECT_WINDOW_S)
    return 10.0 * math.log10(direct / late)


def image_drr_db(room: Room, placement: Placement) -> float:
    """The DRR from image sources until the field is mixed, and from Barron & Lee's diffuse field after that.

    A formula gives the images here. The engine that makes the responses is not used.
    """
    mixing_s = max(2.0 * math.sqrt(room.volume_m3), 40.0) / 1000.0
    distance_m, energy = image_energies(room, placement, placement.distance_m + SPEED_OF_SOUND_M_S * mixing_s)
    early = distance_m <= placement.distance_m + SPEED_OF_SOUND_M_S * DIRECT_WINDOW_S
    late = energy[~early].sum() + _diffuse_energy(room, placement, mixing_s)
    return 10.0 * math.log10(energy[early].sum() / late)


def image_energies(
    room: Room, placement: Placement, radius_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances (images,) and energies at the receiver of white sound from every image within ``radius_m``."""
    absorption = np.array(room.absorption)
    axes = []
    sides_m, surfaces = (room.length_m, room.width_m, room.height_m), ((2, 2), (2, 2), (0, 1))
    for size_m, receiver_m, source_m, walls in zip(
        sides_m, placement.receiver_m, placement.source_m, surfaces, strict=True
    ):
        cells = np.arange(-int(radius_m / size_m) - 2, int(radius_m / size_m) + 3)
        offset_m = cells * size_m + np.where(cells % 2 == 1, size_m - source_m, source_m) - receiver_m
        # Reflections on the way to a cell alternate between the walls, beginning with the one towards the cell.
        far = np.where(cells > 0, (cells + 1) // 2, np.abs(cells) // 2)[:, None]
        near = np.abs(cells)[:, None] - far
        axes.append((offset_m, near * np.log1p(-absorption[walls[0]]) + far * np.log1p(-absorption[walls[1]])))
    (x, loss_x), (y, loss_y), (z, loss_z) = axes
    distance_m = np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2)
    inside = distance_m < radius_m
    losses = (loss_x[:, None, None] + loss_y[None, :, None] + loss_z[None, None, :])[inside]
    distance_m = distance_m[inside]
    kept = np.exp(losses - np.array(AIR_ABSORPTION_PER_M) * distance_m[:, None]) @ white_band_energies()
    return distance_m, kept / distance_m**2


def _direct_energy(placement: Placement) -> float:
    air = np.exp(-np.array(AIR_ABSORPTION_PER_M) * placement.distance_m)
    return float(white_band_energies() @ air) / placement.distance_m**2


def _diffuse_energy(room: Room, placement: Placement, from_s: float) -> float:
    """The energy of a diffuse field later than ``from_s`` after the direct sound; it decays from the emission on."""
    decay_per_s = DECAY_60_DB * 1000.0 / natural_t30_ms(room)
    power_per_s = 4.0 * math.pi * SPEED_OF_SOUND_M_S / room.volume_m3
    left = np.exp(-decay_per_s * (placement.distance_m / SPEED_OF_SOUND_M_S + from_s)) / decay_per_s
    return power_per_s * float(white_band_energies() @ left)


def late_field(response: Response, room: Room, placement: Placement) -> tuple[NDArray[np.float64], float]:
    """Levels of Y, Z, X against W in dB, and the largest coherence of two channels, after the images have ended."""
    rate = response.sample_rate
    start_s = placement.distance_m / SPEED_OF_SOUND_M_S + max(2.0 * math.sqrt(room.volume_m3), 40.0) / 1000.0
    stop_s = max(start_s + 0.03, 0.8 * response.acoustics.t30_ms / 1000.0)
    late = response.samples[:4, round(start_s * rate) : round(stop_s * rate)].astype(np.float64)
    # Half of the decay is undone. Without that only the beginning counts, and with all of it only the lowest octaves at
    # the end. Either holds few independent samples in a dry room.
    decays = np.arange(late.shape[1]) / rate / (response.acoustics.t30_ms / 1000.0)
    late = late * np.exp(0.25 * DECAY_60_DB * decays)
    products = np.einsum("is,js->ij", late, late)
    energies = np.diag(products)
    coherence = np.abs(products) / np.sqrt(np.outer(energies, energies)) - np.eye(4)
    return 10.0 * np.log10(energies[1:] / energies[0]), float(coherence.max())


def check_room(seed: int, index: int) -> Checks:
    """Draws, simulates and checks one room."""
    room = sample_room(seed, "train", index, RoomRanges())
    placement = place_source(index, room, SceneRanges())
    started = time.process_time()
    response = simulate_response(room, placement, seed=index)
    cpu_s = time.process_time() - started
    expected = direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
    levels, coherence = late_field(response, room, placement)
    measured = response.acoustics
    return Checks(
        t30_ms=measured.t30_ms,
        t30_error_percent=100.0 * abs(measured.t30_ms / room.t30_ms - 1.0),
        band_errors_percent=100.0 * np.abs(np.array(measured.t30_bands_ms) / np.array(room.t30_bands_ms) - 1.0),
        direction_error_deg=float(angle_between_deg(measured_direction(response, placement), expected)),
        distance_error_samples=abs(arrival_sample(response) - direct_sample(placement, response.sample_rate)),
        drr_off_images_db=measured.drr_db - image_drr_db(room, placement),
        drr_off_diffuse_db=measured.drr_db - diffuse_drr_db(room, placement),
        late_levels_db=levels,
        late_coherence=coherence,
        cpu_s=cpu_s,
    )


def check_rooms(seed: int, count: int) -> list[Checks]:
    """Checks the first ``count`` rooms of a draw. A room of another split is simulated before, to pay for imports."""
    room = sample_room(seed, "validation", 0, RoomRanges())
    simulate_response(room, place_source(0, room, SceneRanges()), seed=0)
    return [check_room(seed, index) for index in range(count)]


def late_level_errors_db(checks: list[Checks]) -> NDArray[np.float64]:
    """How far Y, Z, X are from a third of W's power in dB, (rooms, 3)."""
    return np.abs(np.stack([check.late_levels_db for check in checks]) + 10.0 * math.log10(3.0))


def peak_memory_mb() -> float:
    """The peak memory of this process so far, in MB of 1024² bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def print_acoustics(checks: list[Checks], title: str) -> None:
    """Prints the mean, the 95th percentile and the maximum of each check."""
    bands = np.stack([check.band_errors_percent for check in checks])
    rows = [
        ("T30 label against asked, %", [check.t30_error_percent for check in checks]),
        ("T30 of 125 Hz–8 kHz against asked, %", bands[:, :7].ravel()),
        *((f"  {centre} Hz", bands[:, band]) for band, centre in enumerate(OCTAVE_BANDS_HZ)),
        ("direction of the direct sound, °", [check.direction_error_deg for check in checks]),
        ("distance from the delay, samples", [check.distance_error_samples for check in checks]),
        ("DRR off images, then a diffuse field, dB", np.abs([check.drr_off_images_db for check in checks])),
        ("DRR off a diffuse field alone, dB", np.abs([check.drr_off_diffuse_db for check in checks])),
        ("late Y, Z, X against W, off −4.77 dB", late_level_errors_db(checks).ravel()),
        ("late coherence", [check.late_coherence for check in checks]),
        ("CPU seconds a response", [check.cpu_s for check in checks]),
    ]
    print(f"{title:44s}{'mean':>10s}{'95 %':>10s}{'max':>10s}")
    for name, values in rows:
        numbers = np.asarray(values, dtype=np.float64)
        print(f"{name:44s}{numbers.mean():10.4f}{np.percentile(numbers, 95):10.4f}{numbers.max():10.4f}")


def main(arguments: list[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args(arguments)
    checks = check_rooms(options.seed, options.rooms)
    print_acoustics(checks, f"{options.rooms} rooms, seed {options.seed}")
    print(f"peak memory of the process, MB: {peak_memory_mb():.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
