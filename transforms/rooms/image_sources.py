"""The early part of a room response: image sources (Allen and Berkley, 1979) by octave, as spherical harmonics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import lpmv

from transforms.records import OCTAVE_BANDS_HZ, Placement, Room
from transforms.rooms.acoustics import (
    AIR_ABSORPTION_PER_M,
    DECAY_60_DB,
    SPEED_OF_SOUND_M_S,
    check_sample_rate,
)
from transforms.rooms.octaves import band_gains, fade_out, filter_bands
from transforms.rooms.room_design import natural_t30_ms

HIGHEST_ORDER = 3
# Half the length, in samples, of the kernel of fractional delays: a sinc in a Hann window.
_KERNEL_HALF = 40
# Between the direct sound and the first reflection a room is silent. A gate, in samples, removes the ringing of the
# filters there: how long before the first reflection it begins to open, and how long it takes.
_GATE_LEAD, _GATE_RAMP = 24, 16


@dataclass(frozen=True)
class ImageSources:
    """Image sources as the receiver sees them: the direct sound first, then the others in order of distance."""

    distance_m: NDArray[np.float64]
    """Distances from the receiver in metres, (images,)."""
    direction: NDArray[np.float64]
    """Unit vectors from the receiver, (images, 3)."""
    amplitude: NDArray[np.float64]
    """Amplitudes, (images, bands): 1/r times the losses of all reflections and of the air."""
    reflections: NDArray[np.int64]
    """How many walls the sound of each image has met, (images,); 0 for the direct sound."""


def image_source_response(
    room: Room, placement: Placement, *, duration_s: float, sample_rate: int = 48_000, order: int = 1
) -> NDArray[np.float64]:
    """The response of image sources alone, without a diffuse tail and without correcting the decay.

    All image sources contribute whose sound arrives within ``duration_s``, and no others. Absorption by band is a
    filter without phase; the spectrum fades out from 3/4 of the Nyquist frequency on.

    Args:
        room: the room, with its absorption by surface and octave.
        placement: the positions of source and receiver.
        duration_s: the time after the emission, in seconds.
        sample_rate: in hertz, at least 44.1 kHz.
        order: the ambisonic order, 0 to 3.

    Returns:
        Samples ((order + 1)², samples) in ACN order and SN3D normalisation; time zero is the emission.

    Raises:
        ValueError: a sample rate or an order outside its range; source and receiver at one point.
    """
    check_sample_rate(sample_rate)
    check_order(order)
    early = EarlyField(room, placement, duration_s, sample_rate, order)
    return np.asarray(early.direct + early.reflections.sum(axis=1))


def image_sources(room: Room, placement: Placement, radius_m: float) -> ImageSources:
    """Finds the direct sound and all image sources closer to the receiver than ``radius_m``, with pyroomacoustics.

    Raises:
        ValueError: source and receiver are at one point.
    """
    from pyroomacoustics import libroom

    size_m = np.array([room.length_m, room.width_m, room.height_m])
    source_m, receiver_m = np.array(placement.source_m), np.array(placement.receiver_m)
    floor, ceiling, walls = (np.array(surface) for surface in room.absorption)
    # pyroomacoustics orders walls as west, east, south, north, floor, ceiling.
    absorption = np.stack([walls, walls, walls, walls, floor, ceiling], axis=1).astype(np.float32)
    # pyroomacoustics finds images up to an order, which fill an octahedron; this order's contains the sphere.
    order = math.ceil(radius_m * math.sqrt(float(np.sum(size_m**-2.0)))) + 3
    engine = libroom.Room(
        size_m.astype(np.float32)[:, None], absorption, np.zeros_like(absorption),
        [], SPEED_OF_SOUND_M_S, order, 1e-7, 1.0, 0.5, 0.004, False,
    )  # fmt: skip
    engine.add_mic(receiver_m.astype(np.float32)[:, None])
    engine.image_source_model(source_m.astype(np.float32))
    # The engine computes positions in float32. Its numbers of reflections are exact, and give positions in float64.
    cells = np.asarray(engine.orders_xyz).T.astype(np.int64)
    position_m = cells * size_m + np.where(cells % 2 == 1, size_m - source_m, source_m)
    offset_m = position_m - receiver_m
    distance_m = np.sqrt(np.sum(offset_m * offset_m, axis=1))
    if distance_m.min() < 1e-3:
        raise ValueError(f"source and receiver are at one point: {placement.source_m}")
    reflections = np.abs(cells).sum(axis=1)
    inside = np.flatnonzero((distance_m < radius_m) | (reflections == 0))
    inside = inside[np.lexsort((inside, distance_m[inside], reflections[inside] > 0))]
    air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * distance_m[inside, None])
    reflected = np.asarray(engine.attenuations, dtype=np.float64).T[inside]
    return ImageSources(
        distance_m=distance_m[inside],
        direction=offset_m[inside] / distance_m[inside, None],
        amplitude=reflected * air / distance_m[inside, None],
        reflections=reflections[inside],
    )


def sn3d_harmonics(order: int, direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Real spherical harmonics as AmbiX defines them: ACN order, SN3D normalisation, W = 1 (Nachbar et al., 2011).

    Args:
        order: the highest degree.
        direction: unit vectors (directions, 3).

    Returns:
        Gains (directions, (order + 1)²).
    """
    azimuth = np.arctan2(direction[:, 1], direction[:, 0])
    harmonics = np.empty((len(direction), (order + 1) ** 2))
    for degree in range(order + 1):
        for index in range(-degree, degree + 1):
            turns = abs(index)
            # SciPy's functions include the Condon-Shortley phase (−1)ᵐ, and AmbiX's do not.
            scale = (-1.0) ** turns * math.sqrt(
                (1.0 if turns == 0 else 2.0) * math.factorial(degree - turns) / math.factorial(degree + turns)
            )
            around = np.sin(turns * azimuth) if index < 0 else np.cos(turns * azimuth)
            harmonics[:, degree * (degree + 1) + index] = scale * lpmv(turns, degree, direction[:, 2]) * around
    return harmonics


class EarlyField:
    """The image sources of a response: the direct sound, and reflections in octaves whose decay can be corrected.

    Args:
        room: the room.
        placement: the positions of source and receiver.
        duration_s: until when image sources are taken, in seconds after the emission.
        sample_rate: in hertz.
        order: the ambisonic order.
        fade_from_s: when their fade-out begins, which ends at ``duration_s``; None for no fade-out.
        direct_only: whether all reflections are left out.
    """

    def __init__(
        self,
        room: Room,
        placement: Placement,
        duration_s: float,
        sample_rate: int,
        order: int,
        fade_from_s: float | None = None,
        *,
        direct_only: bool = False,
    ) -> None:
        images = image_sources(room, placement, SPEED_OF_SOUND_M_S * duration_s)
        arrival = images.distance_m * (sample_rate / SPEED_OF_SOUND_M_S)
        amplitude = images.amplitude
        if fade_from_s is not None:
            amplitude = amplitude * fade_out(arrival / sample_rate, fade_from_s, duration_s)[:, None]
        harmonics = sn3d_harmonics(order, images.direction)
        self.channels = harmonics.shape[1]
        self.n_samples = early_samples(duration_s, sample_rate)
        gains = band_gains(2 * scipy.fft.next_fast_len(self.n_samples, real=True), sample_rate)
        direct = filter_bands(pulse_trains(arrival[:1], amplitude[:1], self.n_samples), gains).sum(axis=0)
        self.direct = harmonics[0][:, None] * direct
        self.reflections = np.zeros((self.channels, len(OCTAVE_BANDS_HZ), self.n_samples))
        # Time since the direct sound's arrival, for which a corrected decay changes the reflections.
        self._decaying_s = np.maximum(np.arange(self.n_samples) - arrival[0], 0.0) / sample_rate
        self._natural_ms = natural_t30_ms(room)
        if arrival.size > 1 and not direct_only:
            opened = gate(self.n_samples, float(arrival[1]))
            for channel in range(self.channels):
                weights = harmonics[1:, channel, None] * amplitude[1:]
                trains = pulse_trains(arrival[1:], weights, self.n_samples)
                self.reflections[channel] = opened * filter_bands(trains, gains)

    def channel(self, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """The response (samples,) of an ACN channel, with its reflections changed from the room's own T30s in ms
        to ``decays_ms`` (bands,)."""
        per_s = corrected_losses_per_s(self._natural_ms, decays_ms)
        corrected = self.reflections[channel] * np.exp(-per_s[:, None] * self._decaying_s)
        return np.asarray(self.direct[channel] + corrected.sum(axis=0))


def corrected_losses_per_s(natural_ms: NDArray[np.float64], decays_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much faster amplitudes fall, in nepers a second (bands,), with these T30s in ms than with the room's own."""
    return np.asarray(500.0 * DECAY_60_DB * (1.0 / decays_ms - 1.0 / natural_ms))


def early_samples(duration_s: float, sample_rate: int) -> int:
    """The length of an `EarlyField` whose images arrive until ``duration_s``."""
    return math.ceil(duration_s * sample_rate) + 2 * _KERNEL_HALF


def pulse_trains(arrival: NDArray[np.float64], weights: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """Adds up pulses that arrive at fractional samples.

    Args:
        arrival: arrivals (images,) in samples.
        weights: amplitudes (images, rows).
        n_samples: the length of the result.

    Returns:
        Trains of pulses (rows, n_samples).
    """
    starts, kernel = pulse_kernels(arrival)
    columns = starts[:, None] + np.arange(kernel.shape[1])
    kept = (columns >= 0) & (columns < n_samples)
    images = np.broadcast_to(np.arange(arrival.size)[:, None], columns.shape)
    # A sparse product adds in a fixed order, on one thread.
    matrix = scipy.sparse.csr_array((kernel[kept], (columns[kept], images[kept])), shape=(n_samples, arrival.size))
    return np.ascontiguousarray((matrix @ weights).T)


def pulse_kernels(arrival: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The first sample (images,) and the samples (images, taps) of pulses that arrive at fractional samples."""
    nearest = np.rint(arrival).astype(np.int64)
    offsets = np.arange(-_KERNEL_HALF, _KERNEL_HALF + 1)
    away = offsets[None, :] - (arrival - nearest)[:, None]
    kernel = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * away / (_KERNEL_HALF + 1)))
    return nearest - _KERNEL_HALF, kernel


def gate(n_samples: int, first_reflection: float) -> NDArray[np.float64]:
    """Gain (n_samples,) that is zero until shortly before the first reflection, at a fractional sample, then one."""
    opened = math.floor(first_reflection) - _GATE_LEAD
    return np.clip((np.arange(n_samples) - opened) / _GATE_RAMP + 1.0, 0.0, 1.0)


def check_order(order: int) -> None:
    """Raises ValueError if an ambisonic order is not supported."""
    if not 0 <= order <= HIGHEST_ORDER:
        raise ValueError(f"ambisonic order {order}: 0 to {HIGHEST_ORDER}")
