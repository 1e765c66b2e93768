"""Simulates recordings of microphone arrays, in the layout of a release for ``elsa evaluate``.

    python -m tests.benchmarks.real_arrays --input CLIPS --array tetrahedron --clips 200 --rooms 40 --output out/tetra
    elsa evaluate RUN --data out/tetra --train-data RELEASE --tasks zero_shot,localisation --output out/evaluation

The defects that training draws are not used here. Image sources (pyroomacoustics) give the response of each capsule at
its own position. A matrix and a radial equalisation with limited gain turn the capsules into ambisonics. So spatial
aliasing, amplified noise and differences between capsules come from the array itself.

- ``tetrahedron``: four cardioid capsules, 15 mm from the middle, as in the usual A-format.
- ``seven``: six omnidirectional capsules, 25 mm from a seventh in the middle. X, Y and Z are differences of pressure,
  equalised by up to 30 dB towards low frequencies.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyroomacoustics as pra
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.special import spherical_jn

from transforms.captions.template import template_caption
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S, drr_db, t30_ms
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.words import words_of

RATE = 48000
#: Uniform ranges of length, width and height of a room in metres, and of the decay for Sabine's formula in seconds.
ROOM_M = ((4.0, 14.0), (3.5, 11.0), (2.5, 4.5))
DECAY_S = (0.2, 1.1)
DISTANCE_M = (0.7, 4.0)
WALL_M = 0.4
#: The highest order of images; a room that would need more decays a little faster.
MOST_ORDER = 24
#: The standard deviation of the gains of capsules, and the level of a capsule's own noise below its signal.
GAIN_SPREAD_DB, NOISE_DB = 0.5, -50.0
CLIP_S = 4.0
PEAK = 0.5


@dataclass(frozen=True)
class Array:
    """The capsules of an array, and how they become ambisonics.

    Attributes:
        positions_m: (capsules, 3), from the middle.
        cardioid: whether the capsules are cardioids that look outwards; otherwise they are omnidirectional.
        to_w, to_xyz: weights (capsules,) of W and (3, capsules) of x, y, z, exact at low frequencies.
        gain_limit_db: the highest gain of the equalisation.
    """

    positions_m: NDArray[np.float64]
    cardioid: bool
    to_w: NDArray[np.float64]
    to_xyz: NDArray[np.float64]
    gain_limit_db: float

    def equalisation(self, frequency_hz: NDArray[np.float64]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """The gains of W and of x, y, z: the inverse of the array's response of order 0 and 1, within the limit."""
        kr = 2 * np.pi * frequency_hz / SPEED_OF_SOUND_M_S * np.linalg.norm(self.positions_m, axis=1).max()
        zero, one = spherical_jn(0, kr), spherical_jn(1, kr)
        if self.cardioid:
            slope = spherical_jn(1, kr, derivative=True)
            return self._inverse(zero + 1j * one), self._inverse(3j * (one - 1j * slope))
        return np.ones_like(kr, dtype=np.complex128), self._inverse(3j * one)

    def _inverse(self, response: NDArray[np.complex128]) -> NDArray[np.complex128]:
        # Tikhonov regularisation: the largest gain is one over twice the square root of the added value.
        added = (0.5 * 10 ** (-self.gain_limit_db / 20)) ** 2
        return np.conj(response) / (np.abs(response) ** 2 + added)

    def encode(self, capsules: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signals of the capsules (capsules, samples) at RATE as AmbiX (4, samples)."""
        samples = capsules.shape[1]
        # Zeros at the end keep the tail of the equalisation from wrapping to the start.
        size = 1 << (samples + RATE // 4).bit_length()
        w, xyz = self.equalisation(np.fft.rfftfreq(size, 1 / RATE))
        spectrum = np.fft.rfft(capsules, size, axis=1)
        x, y, z = (self.to_xyz @ spectrum) * xyz
        out = np.fft.irfft(np.stack([(self.to_w @ spectrum) * w, y, z, x]), size, axis=1)
        return out[:, :samples]


def _tetrahedron() -> Array:
    directions = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    # A cardioid is ½ + ½ cos. Four of them sum to 2 W, and along an axis to 2/3 of the velocity.
    return Array(0.015 * directions, True, np.full(4, 0.5), 1.5 * directions.T, gain_limit_db=15)


def _seven() -> Array:
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    positions = 0.025 * np.concatenate([axes, np.zeros((1, 3))])
    to_xyz = 0.5 * np.concatenate([axes, np.zeros((1, 3))]).T
    return Array(positions, False, np.eye(7)[6], to_xyz, gain_limit_db=30)


ARRAYS = {"tetrahedron": _tetrahedron, "seven": _seven}


@dataclass(frozen=True)
class Place:
    """A room with an array and a source, in the coordinates of a release."""

    size_m: tuple[float, float, float]
    decay_s: float
    receiver_m: NDArray[np.float64]
    azimuth_deg: float
    elevation_deg: float
    distance_m: float

    @property
    def source_m(self) -> NDArray[np.float64]:
        """The position of the source from the corner of the room."""
        return self.receiver_m + self.distance_m * direction_to_unit_vector(self.azimuth_deg, self.elevation_deg)


def draw_place(seed: int, room: int, clip: int) -> Place:
    """A room drawn by its number, and in it an array and a source drawn by the number of the clip."""
    of_room = np.random.Generator(np.random.Philox(key=[seed, 1 + room]))
    size = np.array([of_room.uniform(*bounds) for bounds in ROOM_M])
    decay = float(np.exp(of_room.uniform(*np.log(DECAY_S))))
    draw = np.random.Generator(np.random.Philox(key=[seed + (1 << 32), clip]))
    while True:
        receiver = draw.uniform(WALL_M, size - WALL_M)
        azimuth = float(draw.uniform(-180, 180))
        elevation = float(np.rad2deg(np.arcsin(draw.uniform(-0.8, 0.8))))
        place = Place(tuple(size), decay, receiver, azimuth, elevation, float(draw.uniform(*DISTANCE_M)))
        if np.all(place.source_m > WALL_M) and np.all(place.source_m < size - WALL_M):
            return place


def responses(place: Place, array: Array) -> NDArray[np.float64]:
    """Impulse responses (capsules + 1, samples) of the capsules, and last of an ideal one in the middle."""
    try:
        absorption, order = pra.inverse_sabine(place.decay_s, place.size_m)
    except ValueError:
        # No absorption gives so short a decay.
        absorption, order = 0.95, 3
    room = pra.ShoeBox(
        place.size_m, fs=RATE, materials=pra.Material(absorption), max_order=min(order, MOST_ORDER), air_absorption=True
    )
    room.add_source(place.source_m)
    positions = np.concatenate([array.positions_m, np.zeros((1, 3))])
    directivity = [_directivity(position, array.cardioid) for position in array.positions_m]
    directivity.append(pra.directivities.Omnidirectional())
    room.add_microphone_array(pra.MicrophoneArray((place.receiver_m + positions).T, RATE, directivity=directivity))
    room.compute_rir()
    length = max(len(response[0]) for response in room.rir)
    return np.stack([np.pad(response[0], (0, length - len(response[0]))) for response in room.rir])


def _directivity(position: NDArray[np.float64], cardioid: bool) -> Any:
    if not cardioid:
        return pra.directivities.Omnidirectional()
    x, y, z = position / np.linalg.norm(position)
    azimuth, colatitude = np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arccos(z))
    return pra.directivities.Cardioid(pra.directivities.DirectionVector(azimuth, colatitude, degrees=True))


def record(
    clip: NDArray[np.float64], capsules: NDArray[np.float64], array: Array, generator: np.random.Generator
) -> NDArray[np.float64]:
    """A dry clip (samples,) as the array records it, with gain errors and noise of its capsules: AmbiX (4, samples)."""
    heard = scipy.signal.fftconvolve(clip[None], capsules, axes=1)[:, : len(clip)]
    heard *= 10 ** (generator.normal(0, GAIN_SPREAD_DB, (len(heard), 1)) / 20)
    level = np.sqrt(np.mean(heard**2)) * 10 ** (NOISE_DB / 20)
    return array.encode(heard + level * generator.standard_normal(heard.shape))


def read_clips(folder: Path, split: str, count: int) -> list[tuple[str, str, NDArray[np.float64]]]:
    """Name, caption and samples of clips of a split, evenly spread over metadata.csv; without splits, of any clip."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", split) == split]
    if not rows:
        raise SystemExit(f"{folder / 'metadata.csv'}: no row of split {split}")
    clips = []
    for index in np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int):
        row = rows[index]
        samples, rate = soundfile.read(folder / row["file_name"], always_2d=True)
        mono = soxr.resample(samples.mean(1), rate, RATE)
        loud = np.flatnonzero(np.abs(mono) > 10 ** (-30 / 20) * np.abs(mono).max())
        mono = mono[loud[0] : loud[-1] + 1] if len(loud) else mono
        wanted = round(CLIP_S * RATE)
        clips.append((row["file_name"], row["caption"], np.resize(mono, max(wanted, len(mono)))[:wanted]))
    return clips


def main(words: Sequence[str] | None = None) -> int:
    """Writes the folder, and prints the number of its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="a folder with metadata.csv: file_name, caption")
    parser.add_argument("--array", choices=sorted(ARRAYS), required=True)
    parser.add_argument("--clips", type=int, default=200, help="rows")
    parser.add_argument("--rooms", type=int, default=40)
    parser.add_argument("--split", default="test", help="the split of the clips that are used")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(words)
    array = ARRAYS[arguments.array]()
    clips = read_clips(arguments.input, arguments.split, arguments.clips)
    shard = arguments.output / "test" / "00000-of-00001"
    shard.mkdir(parents=True)
    rows = []
    for number in range(arguments.clips):
        name, caption, clip = clips[number % len(clips)]
        place = draw_place(arguments.seed, number % arguments.rooms, number)
        found = responses(place, array)
        generator = np.random.Generator(np.random.Philox(key=[arguments.seed + (2 << 32), number]))
        foa = record(clip, found[:-1], array, generator)
        # Acoustics are measured at the position of the array, with an ideal microphone.
        direct = place.distance_m / SPEED_OF_SOUND_M_S * RATE + pra.constants.get("frac_delay_length") // 2
        rows.append(_row(number, name, caption, place, t30_ms(found[-1], RATE), drr_db(found[-1], RATE, direct)))
        soundfile.write(shard / rows[-1]["file_name"], (PEAK / np.abs(foa).max() * foa).T, RATE, subtype="PCM_16")
        if (number + 1) % 20 == 0:
            print(f"{number + 1} of {arguments.clips} rows", file=sys.stderr)
    pq.write_table(pa.Table.from_pylist(rows), shard / "metadata.parquet")
    print(f"{arguments.output}: {len(rows)} rows of the array {arguments.array}")
    return 0


def _row(number: int, name: str, caption: str, place: Place, t30: float, drr: float) -> dict[str, Any]:
    area = place.size_m[0] * place.size_m[1]
    words = words_of(
        azimuth_deg=place.azimuth_deg,
        elevation_deg=place.elevation_deg,
        distance_m=place.distance_m,
        floor_area_m2=area,
        t30_ms=t30,
    )
    attributes = ("direction", "elevation", "distance", "room_size", "reverberation")
    return {
        "file_name": f"{number:05d}.flac",
        "id": f"array-{number:05d}",
        "split": "test",
        "source_id": name,
        "augmentation": 0,
        "captions": [template_caption(caption, words, number)],
        "captions_original": [caption],
        "sample_rate": RATE,
        "duration_s": CLIP_S,
        "azimuth_deg": place.azimuth_deg,
        "elevation_deg": place.elevation_deg,
        "distance_m": place.distance_m,
        "floor_area_m2": area,
        "t30_ms": t30,
        "drr_db": drr,
        **{attribute: getattr(words, attribute) for attribute in attributes},
    }


if __name__ == "__main__":
    raise SystemExit(main())
