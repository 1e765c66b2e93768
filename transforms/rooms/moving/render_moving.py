"""The sound of a moving source in a room: exact first images, later images between places, and one diffuse tail."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.convolution import convolve
from transforms.paths import Path, Point
from transforms.records import Acoustics, Placement, Room
from transforms.rooms.acoustics import check_sample_rate
from transforms.rooms.image_sources import check_order, early_samples
from transforms.rooms.moving.first_images import render_first_images
from transforms.rooms.moving.later_images import later_responses, place_times_s, render_later_images
from transforms.rooms.moving.octave_signals import OctaveSignals
from transforms.rooms.octaves import fade_out
from transforms.rooms.simulate_response import crossfade_s, diffuse_tail, measured_decays


@dataclass(frozen=True)
class MovingSound:
    """The sound of a moving source at the receiver, in ACN order and SN3D normalisation."""

    samples: NDArray[np.float32]
    """Direct sound and reverberation, (channels, samples)."""
    direct: NDArray[np.float32]
    """The direct sound alone, (channels, samples)."""
    acoustics: Acoustics
    """Measured on the response of a still source at the start of the path."""


def render_moving(
    signal: NDArray[np.float32],
    room: Room,
    receiver_m: Point,
    path: Path,
    *,
    seed: int,
    n_samples: int,
    sample_rate: int = 48_000,
    order: int = 1,
) -> MovingSound:
    """Renders a moving source.

    The direct sound and the reflections of the first order have delays, amplitudes and directions that follow the
    source from sample to sample. Later reflections are those of still places along the path, cross-faded in power. The
    diffuse tail belongs to the room: its noise and its decay are the same along the path. A source that stands still
    sounds as `simulate_response` has it.

    Args:
        signal: what the source emits, (n,); its first sample when the path starts.
        room: the room.
        receiver_m: the position of the receiver.
        path: the positions of the source.
        seed: the seed of the diffuse noise.
        n_samples: the length of the result; reverberation goes on after the end of the signal.
        sample_rate: in hertz, at least 44.1 kHz.
        order: the ambisonic order, 0 to 3.

    Returns:
        Float32 samples ((order + 1)², n_samples). Time zero is the emission of the first sample, and a distance r has
        the amplitude 1/r on W, as in `simulate_response`.

    Raises:
        ValueError: a sample rate or an order outside its range; a source that meets the receiver.
    """
    check_sample_rate(sample_rate)
    check_order(order)
    emitted = np.asarray(signal[:n_samples], dtype=np.float32)
    times_s = place_times_s(path, emitted.size / sample_rate)
    places = [_placement(receiver_m, position_m) for position_m in path.positions_m(times_s)]
    decays_ms, acoustics = measured_decays(room, places[0], seed=seed, sample_rate=sample_rate)
    # Near a source, a loud direct sound changes what is measured; the middle of the path stands for all of it.
    if len(places) > 1:
        decays_ms, _ = measured_decays(room, places[len(places) // 2], seed=seed, sample_rate=sample_rate)
    tail, responses = _responses(room, places, decays_ms, seed, sample_rate, order)
    octaves = OctaveSignals(emitted, sample_rate)
    # Silence follows when the tail of the last sample has ended.
    lasting = min(n_samples, emitted.size + tail.shape[1])
    direct, samples = render_first_images(
        octaves, room, receiver_m, path, decays_ms, n_samples=lasting, sample_rate=sample_rate, order=order
    )
    samples += direct
    samples += convolve(np.pad(emitted, (0, lasting - emitted.size)), tail)
    samples += render_later_images(octaves, responses, times_s, n_samples=lasting, sample_rate=sample_rate)
    silence = ((0, 0), (0, n_samples - lasting))
    return MovingSound(np.pad(samples, silence), np.pad(direct, silence), acoustics)


def _responses(
    room: Room, places: list[Placement], decays_ms: NDArray[np.float64], seed: int, sample_rate: int, order: int
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """The diffuse tail that all places have in common, and what each has besides, after the first reflections.

    The tail of a place fades in when its image sources fade out. What the tail of a near place has more of than that
    of the farthest one goes to the place, so that every place has the tail of a still source.
    """
    nearest, farthest = (choose(places, key=lambda place: place.distance_m) for choose in (min, max))
    diffuse = diffuse_tail(room, nearest, seed, sample_rate)
    tail = np.stack([diffuse.channel(channel, decays_ms) for channel in range((order + 1) ** 2)])
    # Until then the tails of the places differ.
    length = min(early_samples(crossfade_s(room, farthest.distance_m)[1], sample_rate), tail.shape[1])
    fades = [_tail_fade(room, place, length, sample_rate) for place in (nearest, farthest, *places)]
    shares = [np.divide(fade, fades[0], out=np.zeros(length), where=fades[0] > 0.0) for fade in fades[1:]]
    responses = later_responses(room, places, decays_ms, n_samples=length, sample_rate=sample_rate, order=order)
    for share, response in zip(shares[1:], responses, strict=True):
        response += (share - shares[0]).astype(np.float32) * tail[:, :length]
    tail[:, :length] *= shares[0].astype(np.float32)
    return tail, responses


def _tail_fade(room: Room, place: Placement, n_samples: int, sample_rate: int) -> NDArray[np.float64]:
    """The amplitude (n_samples,) with which the tail of a place fades in."""
    times_s = np.arange(n_samples) / sample_rate
    return np.asarray(np.sqrt(np.maximum(1.0 - fade_out(times_s, *crossfade_s(room, place.distance_m)) ** 2, 0.0)))


def _placement(receiver_m: Point, source_m: NDArray[np.float64]) -> Placement:
    """The positions of receiver and source, with the direction in degrees."""
    x, y, z = (source_m - np.array(receiver_m)).tolist()
    azimuth_deg, elevation_deg = math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))
    position_m = (float(source_m[0]), float(source_m[1]), float(source_m[2]))
    return Placement(receiver_m, position_m, azimuth_deg, elevation_deg, math.dist(position_m, receiver_m))
