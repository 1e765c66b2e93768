"""A room's ambisonic response: early image sources, a diffuse tail, and a decay that is measured and corrected."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import apache_beam as beam
import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import lpmv

from transforms.records import OCTAVE_BANDS_HZ, Acoustics, Response, Room, Row, Scene, Shard
from transforms.rooms.acoustics import (
    AIR_ABSORPTION_PER_M,
    DECAY_60_DB,
    SPEED_OF_SOUND_M_S,
    check_sample_rate,
    end_of_spectrum,
    measure,
    octave_crossover,
    t30_bands_ms,
    t30_ms,
)
from transforms.rooms.place_source import SceneDoesNotFit, SceneRanges, place_source
from transforms.rooms.room_design import band_t30_ms
from transforms.seeds import derive_seed, keyed_generator
from transforms.shards.each_shard import EachShard

HIGHEST_ORDER = 3

# How long images last after the direct sound: 2 √V ms, V in m³, the usual estimate of when a field is mixed, or 40 ms.
MIXING_MS_PER_ROOT_M3 = 2.0
MIXING_LEAST_MS = 40.0
#: The tail takes over in the second half of the images, in power.
CROSSFADE_FROM = 0.5

# Fractional delays: a sinc under a Hann window.
_KERNEL_HALF = 40
# Before its first reflection a room is silent but for the direct sound; the filters' ringing ahead of it is taken off.
_GATE_LEAD, _GATE_RAMP = 24, 16

# Corrections of the tail's decay: first band by band, then all bands by one factor until the full band is right.
BAND_ROUNDS = 3
FULL_BAND_ROUNDS = 3
_LARGEST_STEP = 1.6
_DECAY_DECIMALS = 2
_MOST_ABSORPTION = 0.999999
_CLOSE_ENOUGH = 0.002
_FADE_OUT_S = 0.01
_ENVELOPE_BLOCK = 1024
_LEVEL_BLOCK = 512
_LEVEL_WINDOW = np.array([0.5, 1.0, 1.0, 1.0, 0.5])

# A place to measure a room itself: not right beside the source (ISO 3382-1, 4.3).
_REFERENCE_RANGES = SceneRanges(distance_min_m=1.0)


@dataclass(frozen=True)
class ImageSources:
    """Image sources as the receiver sees them, the direct sound first, then in order of distance."""

    distance_m: NDArray[np.float64]
    """(images,)"""
    direction: NDArray[np.float64]
    """Unit vectors (images, 3) from the receiver."""
    amplitude: NDArray[np.float64]
    """(images, bands): 1/r times reflections and air."""


def simulate_response(room: Room, scene: Scene, *, seed: int, sample_rate: int = 48_000, order: int = 1) -> Response:
    """The response of ``room`` from source to receiver: float32 ((order + 1)², samples), ACN, SN3D, and its Acoustics.

    Time zero is the emission, so the direct sound arrives after distance / c, with the amplitude 1/r on W. Image
    sources carry the beginning, octave by octave; a diffuse field of the same power follows, as where furniture
    scatters. The tail's decay is then corrected until W, measured by ISO 3382-1, has the T30 that the room asks for.
    All is a function of the arguments: ``seed`` keys the noise, and no thread takes part.

    Raises:
        ValueError: a sample rate below 44.1 kHz, an order outside 0…3, source and receiver in one point.
    """
    check_sample_rate(sample_rate)
    _check_order(order)
    mixing_s = max(MIXING_MS_PER_ROOT_M3 * math.sqrt(room.volume_m3), MIXING_LEAST_MS) / 1000.0
    direct_s = _distance_m(scene) / SPEED_OF_SOUND_M_S
    fade_s = (direct_s + CROSSFADE_FROM * mixing_s, direct_s + mixing_s)
    early = _EarlyField(room, scene, fade_s[1], sample_rate, order, fade_s[0])
    n_samples = math.ceil((direct_s + max(room.t30_bands_ms) / 1000.0) * sample_rate) + early.n_samples // 4
    tail = _DiffuseTail(room, seed, n_samples, sample_rate, fade_s)
    decays_ms, samples_w = _close_the_loop(room, early, tail)
    samples = np.empty((early.channels, n_samples), dtype=np.float32)
    samples[0] = samples_w
    for channel in range(1, early.channels):
        samples[channel] = _join(early, tail, channel, decays_ms)
    return Response(samples, sample_rate, measure(samples[0], sample_rate, direct_sample(scene, sample_rate)))


def measure_room(room: Room, *, seed: int, sample_rate: int = 48_000) -> Acoustics:
    """What ISO 3382-1 says of ``room`` itself, at a reference place that the seed and the room's name choose.

    The source stands at least 1 m away where the room has the place for it.
    """
    reference_seed = derive_seed(seed, "reference", room.room_id)
    try:
        scene = place_source(reference_seed, room, _REFERENCE_RANGES)
    except SceneDoesNotFit:
        scene = place_source(reference_seed, room)
    return simulate_response(room, scene, seed=reference_seed, sample_rate=sample_rate, order=0).acoustics


def natural_t30_ms(room: Room) -> NDArray[np.float64]:
    """T30 in ms (bands,) that a diffuse field has at the absorption of ``room``, each octave for itself, to 0.01 ms."""
    exponents = -np.log1p(-np.minimum(np.array(room.absorption), _MOST_ABSORPTION))
    return np.round(band_t30_ms(exponents, room.length_m, room.width_m, room.height_m), _DECAY_DECIMALS)


def direct_sample(scene: Scene, sample_rate: int) -> float:
    """When the direct sound arrives, in samples after its emission; not rounded."""
    return _distance_m(scene) / SPEED_OF_SOUND_M_S * sample_rate


def image_source_response(
    room: Room, scene: Scene, *, duration_s: float, sample_rate: int = 48_000, order: int = 1
) -> NDArray[np.float64]:
    """Pure image sources up to ``duration_s`` after emission, (channels, samples), ACN, SN3D; no tail, no correction.

    All images within the sphere of that radius and none outside it. Absorption by band is a filter without phase; the
    end of the spectrum rolls off from 3/4 of Nyquist.
    """
    check_sample_rate(sample_rate)
    _check_order(order)
    early = _EarlyField(room, scene, duration_s, sample_rate, order)
    return np.asarray(early.direct + early.reflections.sum(axis=1))


def image_sources(room: Room, scene: Scene, radius_m: float) -> ImageSources:
    """All image sources closer to the receiver than ``radius_m``, by pyroomacoustics, the direct sound first."""
    from pyroomacoustics import libroom

    size_m = np.array([room.length_m, room.width_m, room.height_m])
    source_m, receiver_m = np.array(scene.source_m), np.array(scene.receiver_m)
    floor, ceiling, walls = (np.array(surface) for surface in room.absorption)
    # pyroomacoustics' order of walls: west, east, south, north, floor, ceiling.
    absorption = np.stack([walls, walls, walls, walls, floor, ceiling], axis=1).astype(np.float32)
    # The octahedron of this order holds the sphere.
    order = math.ceil(radius_m * math.sqrt(float(np.sum(size_m**-2.0)))) + 3
    engine = libroom.Room(
        size_m.astype(np.float32)[:, None], absorption, np.zeros_like(absorption),
        [], SPEED_OF_SOUND_M_S, order, 1e-7, 1.0, 0.5, 0.004, False,
    )  # fmt: skip
    engine.add_mic(receiver_m.astype(np.float32)[:, None])
    engine.image_source_model(source_m.astype(np.float32))
    # The engine counts in float32; from its whole numbers the places follow in float64.
    cells = np.asarray(engine.orders_xyz).T.astype(np.int64)
    position_m = cells * size_m + np.where(cells % 2 == 1, size_m - source_m, source_m)
    offset_m = position_m - receiver_m
    distance_m = np.sqrt(np.sum(offset_m * offset_m, axis=1))
    if distance_m.min() < 1e-3:
        raise ValueError(f"source and receiver are in one point: {scene.source_m}")
    reflections = np.abs(cells).sum(axis=1)
    inside = np.flatnonzero((distance_m < radius_m) | (reflections == 0))
    inside = inside[np.lexsort((inside, distance_m[inside], reflections[inside] > 0))]
    air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * distance_m[inside, None])
    reflected = np.asarray(engine.attenuations, dtype=np.float64).T[inside]
    return ImageSources(
        distance_m=distance_m[inside],
        direction=offset_m[inside] / distance_m[inside, None],
        amplitude=reflected * air / distance_m[inside, None],
    )


def sn3d_harmonics(order: int, direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Real spherical harmonics (directions, (order + 1)²) of unit vectors (directions, 3): ACN, SN3D, W = 1 (AmbiX)."""
    azimuth = np.arctan2(direction[:, 1], direction[:, 0])
    harmonics = np.empty((len(direction), (order + 1) ** 2))
    for degree in range(order + 1):
        for index in range(-degree, degree + 1):
            turns = abs(index)
            # SciPy's functions carry the Condon-Shortley phase, which AmbiX does not.
            scale = (-1.0) ** turns * math.sqrt(
                (1.0 if turns == 0 else 2.0) * math.factorial(degree - turns) / math.factorial(degree + turns)
            )
            around = np.sin(turns * azimuth) if index < 0 else np.cos(turns * azimuth)
            harmonics[:, degree * (degree + 1) + index] = scale * lpmv(turns, degree, direction[:, 2]) * around
    return harmonics


class _EarlyField:
    """The image sources of a response: the direct sound, and reflections in octaves whose decay can be corrected."""

    def __init__(
        self,
        room: Room,
        scene: Scene,
        duration_s: float,
        sample_rate: int,
        order: int,
        fade_from_s: float | None = None,
    ) -> None:
        images = image_sources(room, scene, SPEED_OF_SOUND_M_S * duration_s)
        arrival = images.distance_m * (sample_rate / SPEED_OF_SOUND_M_S)
        amplitude = images.amplitude
        if fade_from_s is not None:
            amplitude = amplitude * _fade_out(arrival / sample_rate, fade_from_s, duration_s)[:, None]
        harmonics = sn3d_harmonics(order, images.direction)
        self.channels = harmonics.shape[1]
        self.n_samples = math.ceil(duration_s * sample_rate) + 2 * _KERNEL_HALF
        gains = _band_gains(2 * scipy.fft.next_fast_len(self.n_samples, real=True), sample_rate)
        direct = _filtered(_place(arrival[:1], amplitude[:1], self.n_samples), gains).sum(axis=0)
        self.direct = harmonics[0][:, None] * direct
        self.reflections = np.zeros((self.channels, len(OCTAVE_BANDS_HZ), self.n_samples))
        # Seconds since the direct sound's arrival, in which reflections have decayed.
        self._decaying_s = np.maximum(np.arange(self.n_samples) - arrival[0], 0.0) / sample_rate
        self._natural_ms = natural_t30_ms(room)
        if arrival.size > 1:
            gate = _gate(self.n_samples, float(arrival[1]))
            for channel in range(self.channels):
                weights = harmonics[1:, channel, None] * amplitude[1:]
                trains = _place(arrival[1:], weights, self.n_samples)
                self.reflections[channel] = gate * _filtered(trains, gains)

    def channel(self, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """The field (samples,) of an ACN channel, its reflections bent from the room's own T30 to ``decays_ms``."""
        per_s = 500.0 * DECAY_60_DB * (1.0 / decays_ms - 1.0 / self._natural_ms)
        bent = self.reflections[channel] * np.exp(-per_s[:, None] * self._decaying_s)
        return np.asarray(self.direct[channel] + bent.sum(axis=0))


class _DiffuseTail:
    """The diffuse field after the images: noise of its own in each channel, in octaves that decay each at its rate."""

    def __init__(self, room: Room, seed: int, n_samples: int, sample_rate: int, fade_s: tuple[float, float]) -> None:
        self.sample_rate = sample_rate
        self.start = math.floor(fade_s[0] * sample_rate)
        self.n_samples = n_samples
        self._seed = seed
        self._length = scipy.fft.next_fast_len(n_samples - self.start, real=True)
        gains = _band_gains(self._length, sample_rate)
        # Of white noise of unit variance, by band.
        self._powers = np.mean(np.square(gains), axis=1)
        self._gains = gains.astype(np.float32)
        # Reflections arrive 4πc³t²/V times a second and carry 1/(ct)²: their power does not depend on time.
        power = 4.0 * math.pi * SPEED_OF_SOUND_M_S / (room.volume_m3 * sample_rate)
        times_s = np.arange(self.start, n_samples) / sample_rate
        fades = np.sqrt(np.maximum(1.0 - _fade_out(times_s, *fade_s) ** 2, 0.0))
        ending = np.clip((n_samples / sample_rate - times_s) / _FADE_OUT_S, 0.0, 1.0)
        self._window = (math.sqrt(power) * fades * ending).astype(np.float32)
        self._omnidirectional = self._bands(0)

    def channel(self, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float32]:
        """The tail (samples,) of an ACN channel, from time zero on, with a T30 in ms for each band."""
        bands = self._omnidirectional if channel == 0 else self._bands(channel)
        n_tail = self.n_samples - self.start
        total = np.zeros(n_tail, dtype=np.float32)
        for band, decay_ms in zip(bands, decays_ms.tolist(), strict=True):
            total += band * self._envelope(decay_ms, n_tail)
        total *= self._window
        return np.concatenate([np.zeros(self.start, dtype=np.float32), total])

    def _bands(self, channel: int) -> NDArray[np.float32]:
        """Stationary white noise in bands (bands, samples); SN3D: the variance of degree n is 1/(2n + 1)."""
        spectrum = scipy.fft.rfft(_white_noise(self._seed, channel, self._length))
        spectrum *= np.float32(1.0 / math.sqrt(2 * math.isqrt(channel) + 1))
        bands = scipy.fft.irfft(spectrum * self._gains, self._length, axis=1, overwrite_x=True)
        return self._levelled(bands[:, : self.n_samples - self.start], 1.0 / (2 * math.isqrt(channel) + 1))

    def _levelled(self, bands: NDArray[np.float32], variance: float) -> NDArray[np.float32]:
        """Noise (bands, samples) whose power is even over 50 ms: a short decay is no matter of chance."""
        n_tail = bands.shape[1]
        blocks = -(-n_tail // _LEVEL_BLOCK)
        padded = np.zeros((len(bands), blocks, _LEVEL_BLOCK), dtype=np.float32)
        padded.reshape(len(bands), -1)[:, :n_tail] = bands
        energies = np.einsum("bkn,bkn->bk", padded, padded).astype(np.float64)
        counts = np.full(blocks, float(_LEVEL_BLOCK))
        counts[-1] = n_tail - (blocks - 1) * _LEVEL_BLOCK
        smoothed = scipy.ndimage.convolve1d(energies, _LEVEL_WINDOW, axis=1, mode="constant")
        smoothed /= scipy.ndimage.convolve1d(counts, _LEVEL_WINDOW, mode="constant")
        gains = np.sqrt(variance * self._powers[:, None] / smoothed)
        # Straight lines from edge to edge of the blocks.
        edges = np.concatenate([gains[:, :1], 0.5 * (gains[:, 1:] + gains[:, :-1]), gains[:, -1:]], axis=1)
        edges = edges.astype(np.float32)[:, :, None]
        ramp = np.arange(_LEVEL_BLOCK, dtype=np.float32) / np.float32(_LEVEL_BLOCK)
        padded *= edges[:, :-1] + (edges[:, 1:] - edges[:, :-1]) * ramp
        return padded.reshape(len(bands), -1)[:, :n_tail]

    def _envelope(self, decay_ms: float, n_tail: int) -> NDArray[np.float32]:
        """Amplitude of an exponential decay, from where the tail starts; two short tables instead of a long one."""
        per_sample = 0.5 * DECAY_60_DB / (decay_ms / 1000.0 * self.sample_rate)
        blocks = np.exp(-per_sample * (self.start + _ENVELOPE_BLOCK * np.arange(n_tail // _ENVELOPE_BLOCK + 1)))
        inside = np.exp(-per_sample * np.arange(_ENVELOPE_BLOCK))
        return np.outer(blocks.astype(np.float32), inside.astype(np.float32)).ravel()[:n_tail]


def _close_the_loop(
    room: Room, early: _EarlyField, tail: _DiffuseTail
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Decays in ms by band with which W measures what the room asks, and that W; always the same rounds.

    Where bands and full band cannot both be right (a direct sound that stands out lifts the range from −5 to −35 dB
    into the steep beginning of octaves that decay unequally), the full band is, and all octaves are off by one factor.
    """
    asked_ms = np.array(room.t30_bands_ms)
    decays_ms = natural_t30_ms(room)
    samples = _join(early, tail, 0, decays_ms)
    nearest_ms, least, step, common = decays_ms, np.full(asked_ms.size, np.inf), np.ones(asked_ms.size), 1.0
    missing = np.zeros(asked_ms.size)
    for done in range(BAND_ROUNDS):
        if done >= 2:
            common *= room.t30_ms / t30_ms(samples, tail.sample_rate)
        before = missing
        missing = np.log(common * asked_ms / np.array(t30_bands_ms(samples, tail.sample_rate)))
        missing = np.where(np.abs(np.nan_to_num(missing)) > _CLOSE_ENOUGH, np.nan_to_num(missing), 0.0)
        # A band that got worse goes back to where it was best; one that overshot takes shorter steps.
        worse = np.abs(missing) > least
        step = np.where(worse | (missing * before < 0.0), 0.5 * step, step)
        missing = np.where(worse, np.copysign(least, before), missing)
        nearest_ms = np.where(worse, nearest_ms, decays_ms)
        least = np.abs(missing)
        decays_ms = _corrected(nearest_ms, np.exp(step * missing))
        samples = _join(early, tail, 0, decays_ms)
    for _ in range(FULL_BAND_ROUNDS):
        decays_ms = _corrected(decays_ms, np.array(room.t30_ms / t30_ms(samples, tail.sample_rate)))
        samples = _join(early, tail, 0, decays_ms)
    return decays_ms, samples


def _corrected(decays_ms: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decays times bounded factors, rounded: the last places of a measurement never reach a sample."""
    bounded = np.clip(np.nan_to_num(factors, nan=1.0), 1.0 / _LARGEST_STEP, _LARGEST_STEP)
    return np.asarray(np.round(decays_ms * bounded, _DECAY_DECIMALS))


def _join(early: _EarlyField, tail: _DiffuseTail, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float32]:
    joined = tail.channel(channel, decays_ms)
    joined[: early.n_samples] += early.channel(channel, decays_ms)[: joined.size].astype(np.float32)
    return np.asarray(joined)


def _white_noise(seed: int, channel: int, n_samples: int) -> NDArray[np.float32]:
    """Noise of unit variance from raw bits, four 16-bit numbers a sample, so that no C library takes part."""
    generator = keyed_generator(seed, "diffuse", channel)
    raw = np.asarray(generator.bit_generator.random_raw(n_samples)).astype("<u8")
    first, second, third, fourth = raw.view("<i2").reshape(n_samples, 4).T.astype(np.int32)
    sums = first + second + third + fourth
    # Four numbers, uniform over 65,536 values around −1/2.
    return np.asarray((sums + 2) / math.sqrt(4.0 * (65_536.0**2 - 1.0) / 12.0), dtype=np.float32)


def _place(arrival: NDArray[np.float64], weights: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """Pulses at fractional samples ``arrival`` (images,), ``weights`` (images, rows), added up to (rows, n_samples)."""
    nearest = np.rint(arrival).astype(np.int64)
    offsets = np.arange(-_KERNEL_HALF, _KERNEL_HALF + 1)
    away = offsets[None, :] - (arrival - nearest)[:, None]
    kernel = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * away / (_KERNEL_HALF + 1)))
    columns = nearest[:, None] + offsets[None, :]
    kept = (columns >= 0) & (columns < n_samples)
    images = np.broadcast_to(np.arange(arrival.size)[:, None], columns.shape)
    # A sparse product adds in a fixed order on one thread.
    matrix = scipy.sparse.csr_array((kernel[kept], (columns[kept], images[kept])), shape=(n_samples, arrival.size))
    return np.ascontiguousarray((matrix @ weights).T)


def _filtered(bands: NDArray[np.float64], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Trains of pulses (bands, samples), each through its octave's gain (bands, bins)."""
    spectrum = scipy.fft.rfft(bands, 2 * (gains.shape[1] - 1), axis=1) * gains
    return np.asarray(scipy.fft.irfft(spectrum, 2 * (gains.shape[1] - 1), axis=1)[:, : bands.shape[1]])


def _band_gains(length: int, sample_rate: int) -> NDArray[np.float64]:
    """Gains (bands, bins) of the octaves with the soft end of the spectrum, for a transform of ``length`` samples."""
    frequencies = scipy.fft.rfftfreq(length, 1.0 / sample_rate)
    return octave_crossover(frequencies) * end_of_spectrum(frequencies, sample_rate)


def _fade_out(times_s: NDArray[np.float64], from_s: float, to_s: float) -> NDArray[np.float64]:
    """Amplitude of the images over time: a quarter of a cosine, whose power and the tail's add up to one."""
    return np.asarray(np.cos(0.5 * np.pi * np.clip((times_s - from_s) / (to_s - from_s), 0.0, 1.0)))


def _gate(n_samples: int, first_reflection: float) -> NDArray[np.float64]:
    """Zero until shortly before the first reflection, at a fractional sample, then one."""
    opened = math.floor(first_reflection) - _GATE_LEAD
    return np.clip((np.arange(n_samples) - opened) / _GATE_RAMP + 1.0, 0.0, 1.0)


def _distance_m(scene: Scene) -> float:
    return math.dist(scene.source_m, scene.receiver_m)


def _check_order(order: int) -> None:
    if not 0 <= order <= HIGHEST_ORDER:
        raise ValueError(f"ambisonic order {order}: 0 to {HIGHEST_ORDER}")


def give_responses(shard: Shard) -> Shard:
    """The shard with a response for each row, and what was measured on it."""
    return shard.with_rows(tuple(_give_response(row) for row in shard.rows))


def _give_response(row: Row) -> Row:
    if row.room is None or row.scene is None:
        raise ValueError(f"row {row.id} has no room or no scene")
    response = simulate_response(row.room, row.scene, seed=row.seed)
    return replace(row, response=response, acoustics=response.acoustics)


class SimulateResponses(beam.PTransform):
    """Placed shards → shards whose rows have first-order responses."""

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(EachShard("simulate responses", give_responses))
