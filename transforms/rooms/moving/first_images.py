"""The direct sound and the first reflections of a moving source, whose delays change from sample to sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.paths import Path, Point
from transforms.records import OCTAVE_BANDS_HZ, Room
from transforms.rooms.acoustics import AIR_ABSORPTION_PER_M, SPEED_OF_SOUND_M_S
from transforms.rooms.image_sources import corrected_losses_per_s, sn3d_harmonics
from transforms.rooms.moving.interpolation import lines_between, spline_values
from transforms.rooms.moving.octave_signals import LEAD, OVERSAMPLING, OctaveSignals
from transforms.rooms.octaves import fade_out
from transforms.rooms.room_design import natural_t30_ms
from transforms.rooms.simulate_response import crossfade_s

# Losses are constant within blocks of this many samples, oversampled; delays and amplitudes are straight lines within
# blocks of the receiver's samples; so are spherical harmonics, in blocks that are longer.
_LOSS_BLOCK = 256
_DELAY_BLOCK = 64
_BLOCKS_OVER_HARMONICS = 4
_HARMONICS_BLOCK = _BLOCKS_OVER_HARMONICS * _DELAY_BLOCK
# A moment of emission is solved for in so many steps; each is better by the speed over the speed of sound.
_EMISSION_STEPS = 3
# So many samples are worked on at a time, to stay in the processor's cache.
_AT_A_TIME = 128 * _LOSS_BLOCK
# A spline reads fewer coefficients than this on each side.
_SPLINE_REACH = 4
_NEAREST_M = 1e-3


@dataclass(frozen=True)
class FirstImages:
    """How the direct sound and the first reflections follow from a source: mirrored, moved, and weaker."""

    sign: NDArray[np.float64]
    """−1 for the axis that is mirrored, else 1, (images, 3)."""
    shift_m: NDArray[np.float64]
    """What is added to the mirrored position, (images, 3)."""
    reflected: NDArray[np.float64]
    """Amplitudes (images, bands) that remain after the wall; 1 for the direct sound, which comes first."""

    def distances_m(self, positions_m: NDArray[np.float64], receiver_m: Point) -> NDArray[np.float64]:
        """Distances (images, n) of the images of a source at positions (n, 3), or (images, n, 3) for each image."""
        return np.asarray(np.sqrt(np.sum(np.square(self.offsets_m(positions_m, receiver_m)), axis=-1)))

    def offsets_m(self, positions_m: NDArray[np.float64], receiver_m: Point) -> NDArray[np.float64]:
        """The images' positions relative to the receiver, (images, n, 3)."""
        return np.asarray(self.sign[:, None] * positions_m + (self.shift_m - np.array(receiver_m))[:, None])


@dataclass(frozen=True)
class Arrivals:
    """What arrives at the receiver, at the edges of blocks of its samples."""

    emission_s: NDArray[np.float64]
    """When it was emitted, (images, edges)."""
    amplitude: NDArray[np.float64]
    """1/r, faded out while the diffuse tail fades in, (images, edges)."""
    harmonics: NDArray[np.float64]
    """Spherical harmonics (images, channels, edges of the longer blocks)."""


def render_first_images(
    signal: OctaveSignals,
    room: Room,
    receiver_m: Point,
    path: Path,
    decays_ms: NDArray[np.float64],
    *,
    n_samples: int,
    sample_rate: int,
    order: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Renders the direct sound and the first reflections of a moving source.

    Args:
        signal: what the source emits from the start of its path on.
        room: the room.
        receiver_m: the position of the receiver.
        path: the positions of the source.
        decays_ms: the T30s in ms (bands,) that correct the losses of reflections.
        n_samples: the length of the result.
        sample_rate: in hertz.
        order: the ambisonic order.

    Returns:
        The direct sound alone, and the first reflections alone, both float32 (channels, n_samples).

    Raises:
        ValueError: the source meets the receiver.
    """
    channels = (order + 1) ** 2
    direct = np.zeros((channels, n_samples), dtype=np.float32)
    reflections = np.zeros((channels, n_samples), dtype=np.float32)
    images = first_images(room)
    losses = _losses(images, room, receiver_m, path, decays_ms, signal.n_samples, sample_rate)
    emitted = _Emitted(signal, losses)
    arrivals = find_arrivals(images, room, receiver_m, path, n_samples=n_samples, sample_rate=sample_rate, order=order)
    positions = OVERSAMPLING * (LEAD + sample_rate * arrivals.emission_s)
    amplitude, harmonics = arrivals.amplitude.astype(np.float32), arrivals.harmonics.astype(np.float32)
    step = _AT_A_TIME // _HARMONICS_BLOCK
    for first in range(0, harmonics.shape[2] - 1, step):
        edges = slice(first * _BLOCKS_OVER_HARMONICS, (first + step) * _BLOCKS_OVER_HARMONICS + 1)
        emitted.reach(float(positions[:, edges].min()), float(positions[:, edges].max()))
        samples = slice(first * _HARMONICS_BLOCK, (first + step) * _HARMONICS_BLOCK)
        for image, position in enumerate(positions[:, edges]):
            if position[0] < emitted.n_samples:
                values = spline_values(
                    emitted.coefficients[image], lines_between(position, _DELAY_BLOCK) - emitted.start
                )
                values *= lines_between(amplitude[image, edges], _DELAY_BLOCK)
                total = direct if image == 0 else reflections
                _add_harmonics(total[:, samples], values, harmonics[image, :, first : first + step + 1])
    return direct, reflections


class _Emitted:
    """What each image emits, as coefficients of a spline; made block after block, and forgotten after use.

    Args:
        signal: what the source emits.
        losses: amplitudes (images, bands, blocks of `_LOSS_BLOCK` coefficients).
    """

    def __init__(self, signal: OctaveSignals, losses: NDArray[np.float32]) -> None:
        self.n_samples = OVERSAMPLING * signal.n_samples
        self.start = 0
        """The number of the first coefficient that is kept."""
        self.coefficients = np.zeros((len(losses), 0), dtype=np.float32)
        """Those that are kept, (images, n)."""
        self._losses = losses
        self._blocks = signal.spline_blocks()

    def reach(self, first: float, last: float) -> None:
        """Makes the coefficients around two positions and between them, and forgets the blocks before the first."""
        while (made := self.start + self.coefficients.shape[1]) < min(last + _SPLINE_REACH, self.n_samples):
            octaves = next(self._blocks)
            blocks = slice(made // _LOSS_BLOCK, (made + octaves.shape[1]) // _LOSS_BLOCK)
            mixed = np.empty((len(self._losses), blocks.stop - blocks.start, _LOSS_BLOCK), dtype=np.float32)
            _mix_octaves(octaves, self._losses[:, :, blocks], mixed)
            forgotten = min(max(int(first) - _SPLINE_REACH - self.start, 0), made - self.start)
            kept = self.coefficients[:, forgotten:]
            self.coefficients = np.concatenate([kept, mixed.reshape(len(mixed), -1)], axis=1)
            self.start += forgotten


def first_images(room: Room) -> FirstImages:
    """The direct sound, and the images behind each of the six surfaces of a room."""
    size_m = (room.length_m, room.width_m, room.height_m)
    floor, ceiling, walls = np.sqrt(1.0 - np.array(room.absorption))
    sign, shift_m = np.ones((7, 3)), np.zeros((7, 3))
    for axis in range(3):
        for far in range(2):
            sign[1 + 2 * axis + far, axis] = -1.0
            shift_m[1 + 2 * axis + far, axis] = 2.0 * far * size_m[axis]
    return FirstImages(sign, shift_m, np.stack([np.ones_like(floor), walls, walls, walls, walls, floor, ceiling]))


def _mix_octaves(octaves: NDArray[np.float32], losses: NDArray[np.float32], emitted: NDArray[np.float32]) -> None:
    """Adds up octaves with the losses of each image.

    Args:
        octaves: octaves of a signal (bands, samples).
        losses: amplitudes (images, bands, blocks of `_LOSS_BLOCK` samples).
        emitted: where the signal of each image goes, (images, blocks, `_LOSS_BLOCK`).
    """
    blocked = octaves.reshape(len(octaves), -1, _LOSS_BLOCK)
    step = _AT_A_TIME // _LOSS_BLOCK
    product = np.empty((step, _LOSS_BLOCK), dtype=np.float32)
    for start in range(0, blocked.shape[1], step):
        part = blocked[:, start : start + step]
        for image, total in enumerate(emitted[:, start : start + step]):
            np.multiply(part[0], losses[image, 0, start : start + step, None], out=total)
            for band in range(1, len(octaves)):
                weighted = product[: len(total)]
                np.multiply(part[band], losses[image, band, start : start + step, None], out=weighted)
                total += weighted


def find_arrivals(
    images: FirstImages,
    room: Room,
    receiver_m: Point,
    path: Path,
    *,
    n_samples: int,
    sample_rate: int,
    order: int,
) -> Arrivals:
    """Finds what each image's sound, as it arrives at the receiver, has gone through.

    Raises:
        ValueError: the source meets the receiver.
    """
    edges = -(-n_samples // _HARMONICS_BLOCK) * _BLOCKS_OVER_HARMONICS + 1
    times_s = np.arange(edges, dtype=np.float64) * (_DELAY_BLOCK / sample_rate)
    distance_m = images.distances_m(path.positions_m(times_s), receiver_m)
    emission_s = times_s - distance_m / SPEED_OF_SOUND_M_S
    for _ in range(_EMISSION_STEPS):
        positions_m = path.positions_m(emission_s.ravel()).reshape(*emission_s.shape, 3)
        offset_m = images.offsets_m(positions_m, receiver_m)
        distance_m = np.asarray(np.sqrt(np.sum(np.square(offset_m), axis=-1)))
        emission_s = times_s - distance_m / SPEED_OF_SOUND_M_S
    if distance_m[0].min() < _NEAREST_M:
        raise ValueError(f"the source meets the receiver at {receiver_m}")
    direct_s = np.sqrt(np.sum(np.square(positions_m - np.array(receiver_m)), axis=-1)) / SPEED_OF_SOUND_M_S
    from_s, to_s = crossfade_s(room, 0.0)
    fades = fade_out(distance_m / SPEED_OF_SOUND_M_S - direct_s, from_s, to_s)
    direction = (offset_m / distance_m[:, :, None])[:, ::_BLOCKS_OVER_HARMONICS]
    harmonics = sn3d_harmonics(order, direction.reshape(-1, 3)).reshape(*direction.shape[:2], -1)
    return Arrivals(emission_s, fades / distance_m, np.moveaxis(harmonics, 2, 1))


def _losses(
    images: FirstImages,
    room: Room,
    receiver_m: Point,
    path: Path,
    decays_ms: NDArray[np.float64],
    n_samples: int,
    sample_rate: int,
) -> NDArray[np.float32]:
    """Amplitudes (images, bands, blocks) after walls, air and the correction of the decay, by moment of emission."""
    blocks = OVERSAMPLING * n_samples // _LOSS_BLOCK
    middles = (np.arange(blocks) + 0.5) * (_LOSS_BLOCK / OVERSAMPLING) - LEAD
    distance_m = images.distances_m(path.positions_m(middles / sample_rate), receiver_m)
    later_s = (distance_m - distance_m[0]) / SPEED_OF_SOUND_M_S
    per_s = corrected_losses_per_s(natural_t30_ms(room), decays_ms)
    air = 0.5 * np.array(AIR_ABSORPTION_PER_M)
    losses = np.empty((len(distance_m), len(OCTAVE_BANDS_HZ), middles.size), dtype=np.float32)
    for band in range(len(OCTAVE_BANDS_HZ)):
        exponent = air[band] * distance_m + per_s[band] * later_s
        losses[:, band] = images.reflected[:, band, None] * np.exp(-exponent)
    return losses


def _add_harmonics(total: NDArray[np.float32], values: NDArray[np.float32], harmonics: NDArray[np.float32]) -> None:
    """Adds what arrives on W (samples,) to channels (channels, samples), with harmonics (channels, edges of blocks)."""
    values = values[: total.shape[1]]
    total[0] += values
    for channel in range(1, len(total)):
        gains = lines_between(harmonics[channel], _HARMONICS_BLOCK)[: values.size]
        gains *= values
        total[channel] += gains
