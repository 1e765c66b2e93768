"""A room's ambisonic response: early image sources, a diffuse tail, and a decay that is measured and corrected."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transforms.records import Acoustics, Response, Room, Row, Scene, Shard
from transforms.rooms.acoustics import (
    SPEED_OF_SOUND_M_S,
    check_sample_rate,
    measure,
    t30_bands_ms,
    t30_ms,
)
from transforms.rooms.diffuse_tail import DiffuseTail
from transforms.rooms.image_sources import EarlyField, check_order
from transforms.rooms.place_source import SceneDoesNotFit, place_source
from transforms.rooms.ranges import SceneRanges
from transforms.rooms.room_design import DECAY_DECIMALS, natural_t30_ms
from transforms.seeds import derive_seed
from transforms.shards.each_shard import EachShard

# How long images last after the direct sound: 2 √V ms, V in m³, the usual estimate of when a field is mixed, or 40 ms.
MIXING_MS_PER_ROOT_M3 = 2.0

MIXING_LEAST_MS = 40.0

#: The tail takes over in the second half of the images, in power.
CROSSFADE_FROM = 0.5

# Corrections of the tail's decay: first band by band, then all bands by one factor until the full band is right.
BAND_ROUNDS = 3

FULL_BAND_ROUNDS = 3

_LARGEST_STEP = 1.6

_CLOSE_ENOUGH = 0.002

# A place to measure a room itself: not right beside the source (ISO 3382-1, 4.3).
_REFERENCE_RANGES = SceneRanges(distance_min_m=1.0)


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
    check_order(order)
    mixing_s = max(MIXING_MS_PER_ROOT_M3 * math.sqrt(room.volume_m3), MIXING_LEAST_MS) / 1000.0
    direct_s = _distance_m(scene) / SPEED_OF_SOUND_M_S
    fade_s = (direct_s + CROSSFADE_FROM * mixing_s, direct_s + mixing_s)
    early = EarlyField(room, scene, fade_s[1], sample_rate, order, fade_s[0])
    n_samples = math.ceil((direct_s + max(room.t30_bands_ms) / 1000.0) * sample_rate) + early.n_samples // 4
    tail = DiffuseTail(room, seed, n_samples, sample_rate, fade_s)
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
        scene = place_source(reference_seed, room, SceneRanges())
    return simulate_response(room, scene, seed=reference_seed, sample_rate=sample_rate, order=0).acoustics


def direct_sample(scene: Scene, sample_rate: int) -> float:
    """When the direct sound arrives, in samples after its emission; not rounded."""
    return _distance_m(scene) / SPEED_OF_SOUND_M_S * sample_rate


def _close_the_loop(
    room: Room, early: EarlyField, tail: DiffuseTail
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
    return np.asarray(np.round(decays_ms * bounded, DECAY_DECIMALS))


def _join(early: EarlyField, tail: DiffuseTail, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float32]:
    joined = tail.channel(channel, decays_ms)
    joined[: early.n_samples] += early.channel(channel, decays_ms)[: joined.size].astype(np.float32)
    return np.asarray(joined)


def _distance_m(scene: Scene) -> float:
    return math.dist(scene.source_m, scene.receiver_m)


def give_responses(shard: Shard) -> Shard:
    """The shard with a response for each row, and what was measured on it."""
    return shard.with_rows(tuple(_give_response(row) for row in shard.rows))


def _give_response(row: Row) -> Row:
    if row.room is None or row.scene is None:
        raise ValueError(f"row {row.id} has no room or no scene")
    response = simulate_response(row.room, row.scene, seed=row.seed)
    return replace(row, response=response, acoustics=response.acoustics)


@dataclass
class SimulateResponses(EachShard):
    """Gives each row, which has been placed, its first-order response."""

    name: ClassVar[str] = "simulate responses"

    def apply(self, shard: Shard) -> Shard:
        return give_responses(shard)
