"""A room's ambisonic response: early image sources, a diffuse tail, and a decay that is measured and corrected."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from transforms.records import Acoustics, Placement, Response, Room
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S, check_sample_rate, measure, t30_bands_ms, t30_ms
from transforms.rooms.diffuse_tail import DiffuseTail
from transforms.rooms.image_sources import EarlyField, check_order, early_samples
from transforms.rooms.place_source import SceneDoesNotFit, place_source
from transforms.rooms.ranges import SceneRanges
from transforms.rooms.room_design import DECAY_DECIMALS, natural_t30_ms
from transforms.seeds import derive_seed

# Image sources last for 2 √V ms after the direct sound (V in m³), twice the mixing time of Polack (1993), and for 40 ms
# at least.
MIXING_MS_PER_ROOT_M3 = 2.0
MIXING_LEAST_MS = 40.0
#: The share of that time after which the cross-fade to the diffuse tail begins.
CROSSFADE_FROM = 0.5
# How often the decay is corrected: first band by band, then all bands by one factor, until the full band is right.
BAND_ROUNDS = 3
FULL_BAND_ROUNDS = 3
# The largest factor of one correction, and the error, as a logarithm of T30, that needs none.
_LARGEST_STEP = 1.6
_CLOSE_ENOUGH = 0.002
# A room itself is measured with the source at some distance (ISO 3382-1, 4.3).
_REFERENCE_RANGES = SceneRanges(distance_min_m=1.0)


def simulate_response(
    room: Room, placement: Placement, *, seed: int, sample_rate: int = 48_000, order: int = 1
) -> Response:
    """Simulates the response of a room from source to receiver, and measures it.

    The beginning consists of image sources, by octave; a diffuse field of the same power follows, as in a furnished
    room that scatters sound. The decay is then corrected until the W channel, measured by ISO 3382-1, has the T30 that
    the room specifies. The result depends on nothing but the arguments.

    Args:
        room: the room.
        placement: the positions of source and receiver.
        seed: the seed of the diffuse noise.
        sample_rate: in hertz, at least 44.1 kHz.
        order: the ambisonic order, 0 to 3.

    Returns:
        Float32 samples ((order + 1)², samples), in ACN order and SN3D normalisation, with what was measured on W. Time
        zero is the emission: the direct sound arrives after distance / c, with the amplitude 1/r on W.

    Raises:
        ValueError: a sample rate or an order outside its range; source and receiver at one point.
    """
    check_sample_rate(sample_rate)
    check_order(order)
    early = early_field(room, placement, sample_rate, order)
    tail = diffuse_tail(room, placement, seed, sample_rate)
    decays_ms, samples_w = _correct_decays(room, early, tail)
    samples = np.empty((early.channels, tail.n_samples), dtype=np.float32)
    samples[0] = samples_w
    for channel in range(1, early.channels):
        samples[channel] = _join(early, tail, channel, decays_ms)
    return Response(samples, sample_rate, measure(samples[0], sample_rate, direct_sample(placement, sample_rate)))


def direct_response(room: Room, placement: Placement, sample_rate: int = 48_000, order: int = 1) -> NDArray[np.float32]:
    """The direct sound in the response of `simulate_response`, and nothing else of it, (channels, samples).

    Raises:
        ValueError: a sample rate or an order outside its range; source and receiver at one point.
    """
    check_sample_rate(sample_rate)
    check_order(order)
    return early_field(room, placement, sample_rate, order, direct_only=True).direct.astype(np.float32)


def measured_decays(
    room: Room, placement: Placement, *, seed: int, sample_rate: int
) -> tuple[NDArray[np.float64], Acoustics]:
    """The corrected decays in ms (bands,) of the response of `simulate_response`, and what was measured on it."""
    return decays_of_tail(room, placement, diffuse_tail(room, placement, seed, sample_rate))


def decays_of_tail(room: Room, placement: Placement, tail: DiffuseTail) -> tuple[NDArray[np.float64], Acoustics]:
    """As `measured_decays`, with the diffuse tail of the response."""
    early = early_field(room, placement, tail.sample_rate, order=0)
    decays_ms, samples_w = _correct_decays(room, early, tail)
    return decays_ms, measure(samples_w, tail.sample_rate, direct_sample(placement, tail.sample_rate))


def early_field(
    room: Room, placement: Placement, sample_rate: int, order: int, *, direct_only: bool = False
) -> EarlyField:
    """The image sources of a response, or its direct sound alone; they fade out while the diffuse tail fades in."""
    from_s, to_s = crossfade_s(room, _distance_m(placement))
    return EarlyField(room, placement, to_s, sample_rate, order, from_s, direct_only=direct_only)


def diffuse_tail(room: Room, placement: Placement, seed: int, sample_rate: int) -> DiffuseTail:
    """The diffuse tail of a response. It is as long as the slowest decay of the room's octaves."""
    distance_m = _distance_m(placement)
    fade_s = crossfade_s(room, distance_m)
    decayed_s = distance_m / SPEED_OF_SOUND_M_S + max(room.t30_bands_ms) / 1000.0
    n_samples = math.ceil(decayed_s * sample_rate) + early_samples(fade_s[1], sample_rate) // 4
    return DiffuseTail(room, seed, n_samples, sample_rate, fade_s)


def crossfade_s(room: Room, distance_m: float) -> tuple[float, float]:
    """When the cross-fade from image sources to the diffuse tail begins and ends, in seconds after the emission.

    Args:
        room: the room.
        distance_m: the distance from source to receiver.
    """
    mixing_s = max(MIXING_MS_PER_ROOT_M3 * math.sqrt(room.volume_m3), MIXING_LEAST_MS) / 1000.0
    direct_s = distance_m / SPEED_OF_SOUND_M_S
    return direct_s + CROSSFADE_FROM * mixing_s, direct_s + mixing_s


def measure_room(room: Room, *, seed: int, sample_rate: int = 48_000) -> Acoustics:
    """Measures a room by ISO 3382-1, with source and receiver at positions that its seed and its name determine.

    The source is at least 1 m from the receiver if the room is large enough.
    """
    reference_seed = derive_seed(seed, "reference", room.room_id)
    try:
        placement = place_source(reference_seed, room, _REFERENCE_RANGES)
    except SceneDoesNotFit:
        placement = place_source(reference_seed, room, SceneRanges())
    return simulate_response(room, placement, seed=reference_seed, sample_rate=sample_rate, order=0).acoustics


def direct_sample(placement: Placement, sample_rate: int) -> float:
    """The arrival of the direct sound, in samples after its emission; not rounded."""
    return _distance_m(placement) / SPEED_OF_SOUND_M_S * sample_rate


def _correct_decays(
    room: Room, early: EarlyField, tail: DiffuseTail
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Corrects the decays of all bands until the W channel measures the T30s that the room specifies.

    The bands and the full band cannot always both be right: a loud direct sound moves the range from −5 to −35 dB to
    the steep beginning of octaves that decay unequally. Then the full band is right, and all octaves are wrong by one
    factor. The number of rounds is fixed.

    Returns:
        Decays in ms (bands,), and the W channel with them, (samples,).
    """
    target_ms = np.array(room.t30_bands_ms)
    decays_ms = natural_t30_ms(room)
    samples = _join(early, tail, 0, decays_ms)
    nearest_ms, least, step, common = decays_ms, np.full(target_ms.size, np.inf), np.ones(target_ms.size), 1.0
    missing = np.zeros(target_ms.size)
    for done in range(BAND_ROUNDS):
        if done >= 2:
            common *= room.t30_ms / t30_ms(samples, tail.sample_rate)
        before = missing
        missing = np.log(common * target_ms / np.array(t30_bands_ms(samples, tail.sample_rate)))
        missing = np.where(np.abs(np.nan_to_num(missing)) > _CLOSE_ENOUGH, np.nan_to_num(missing), 0.0)
        # A band that got worse returns to its best value; a band that overshot continues with shorter steps.
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
    """Decays times bounded factors, rounded, so that the last digits of a measurement never reach a sample."""
    bounded = np.clip(np.nan_to_num(factors, nan=1.0), 1.0 / _LARGEST_STEP, _LARGEST_STEP)
    return np.asarray(np.round(decays_ms * bounded, DECAY_DECIMALS))


def _join(early: EarlyField, tail: DiffuseTail, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float32]:
    """One ACN channel of the whole response, (samples,)."""
    joined = tail.channel(channel, decays_ms)
    joined[: early.n_samples] += early.channel(channel, decays_ms)[: joined.size].astype(np.float32)
    return np.asarray(joined)


def _distance_m(placement: Placement) -> float:
    return math.dist(placement.source_m, placement.receiver_m)
