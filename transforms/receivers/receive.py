"""What a receiver hears in a room: its response, the direct sound alone, its own noise, and a diffuse field."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from transforms.receivers.mixing import filter_channels, mix_channels
from transforms.receivers.received_images import LEAD, ReceivedImages
from transforms.receivers.receiver import SAMPLE_RATE, Receiver
from transforms.records import Placement, Response, Room
from transforms.rooms.diffuse_tail import white_noise
from transforms.rooms.simulate_response import (
    crossfade_s,
    decays_of_tail,
    diffuse_tail,
    direct_response,
    simulate_response,
)
from transforms.seeds import derive_seed


def receive_response(
    room: Room, placement: Placement, receiver: Receiver, *, seed: int, sample_rate: int = SAMPLE_RATE
) -> Response:
    """Simulates the response of a room from a source to the channels of a receiver.

    For ideal ambisonics it is that of `simulate_response`. Any other receiver hears the same image sources, each
    through the filters of its direction, and a diffuse tail of the same decay with the coherence of its channels.

    Args:
        room: the room.
        placement: the positions of source and receiver.
        receiver: the receiver.
        seed: the seed of the diffuse noise.
        sample_rate: in hertz; 48 kHz unless the receiver is ideal.

    Returns:
        Float32 samples (channels, samples), with what was measured on W of ideal ambisonics in the same place, so that
        a room's acoustics do not depend on the receiver. Time zero is the emission.

    Raises:
        ValueError: a sample rate outside its range; source and receiver at one point.
    """
    if receiver.table is None:
        return simulate_response(room, placement, seed=seed, sample_rate=sample_rate, order=receiver.settings.order)
    _check_sample_rate(sample_rate)
    tail = diffuse_tail(room, placement, seed, sample_rate)
    decays_ms, acoustics = decays_of_tail(room, placement, tail)
    noise = np.stack([tail.channel(channel, decays_ms) for channel in range(receiver.channels)])
    samples = receive_diffuse(receiver, noise)
    early = _early(room, placement, receiver, decays_ms, sample_rate, direct_only=False)[:, : samples.shape[1]]
    samples[:, : early.shape[1]] += early
    return Response(samples, sample_rate, acoustics)


def receive_direct(
    room: Room, placement: Placement, receiver: Receiver, sample_rate: int = SAMPLE_RATE
) -> NDArray[np.float32]:
    """The direct sound in the response of `receive_response`, and nothing else of it, (channels, samples).

    Raises:
        ValueError: a sample rate outside its range; source and receiver at one point.
    """
    if receiver.table is None:
        return direct_response(room, placement, sample_rate, receiver.settings.order)
    _check_sample_rate(sample_rate)
    return _early(room, placement, receiver, np.array(room.t30_bands_ms), sample_rate, direct_only=True)


def receive_noise(
    receiver: Receiver, row_seed: int, n_samples: int, sample_rate: int = SAMPLE_RATE
) -> NDArray[np.float32] | None:
    """The receiver's own noise (channels, n_samples), before the gain of the clip; None if it has none.

    The noise of an array's capsules is encoded as their sound is, so that it rises where their gain does.
    """
    noise_db = receiver.settings.noise_db
    if noise_db is None:
        return None
    seed = derive_seed(row_seed, "receiver noise")
    level = np.float32(10.0 ** (noise_db / 20.0))
    noise = np.stack([white_noise(seed, channel, n_samples) for channel in range(receiver.channels)]) * level
    if receiver.noise_weights is not None:
        noise = np.einsum("cd,dn->cn", receiver.noise_weights.astype(np.float32), noise)
    return noise if receiver.equaliser is None else _equalised(receiver.equaliser, noise)


def receive_diffuse(receiver: Receiver, noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """A diffuse field through the receiver.

    Args:
        receiver: the receiver.
        noise: independent channels (channels, n) in ACN order, with the variances of SN3D, at least as many as the
            receiver has.

    Returns:
        Samples (channels, n).
    """
    heard = noise[: receiver.channels]
    if receiver.diffuse is None:
        return heard
    even = np.array([math.sqrt(2 * math.isqrt(channel) + 1) for channel in range(len(heard))], dtype=np.float32)
    return mix_channels(heard * even[:, None], receiver.diffuse, receiver.diffuse.shape[2] // 2)


def _early(
    room: Room,
    placement: Placement,
    receiver: Receiver,
    decays_ms: NDArray[np.float64],
    sample_rate: int,
    *,
    direct_only: bool,
) -> NDArray[np.float32]:
    """The image sources (channels, samples) from the emission on."""
    assert receiver.table is not None
    fade_s = crossfade_s(room, math.dist(placement.source_m, placement.receiver_m))
    images = ReceivedImages(room, placement, receiver.table, fade_s, sample_rate, direct_only=direct_only)
    after = 0 if receiver.equaliser is None else receiver.equaliser.shape[1] // 2
    early = np.zeros((receiver.channels, images.n_samples + after), dtype=np.float32)
    for channel in range(receiver.channels):
        early[channel, : images.n_samples] = images.channel(channel, decays_ms)
    if receiver.equaliser is not None:
        early = _equalised(receiver.equaliser, early)
    return early[:, LEAD:]


def _equalised(equaliser: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return filter_channels(samples, equaliser, equaliser.shape[1] // 2)


def _check_sample_rate(sample_rate: int) -> None:
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"sample_rate {sample_rate} Hz: arrays and heads hear at {SAMPLE_RATE} Hz")
