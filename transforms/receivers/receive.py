"""What a receiver hears in a room: its response, the direct sound alone, its own noise, and a diffuse field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.receivers.receiver import Receiver
from transforms.records import Placement, Response, Room
from transforms.rooms.diffuse_tail import white_noise
from transforms.rooms.simulate_response import direct_response, simulate_response
from transforms.seeds import derive_seed


def receive_response(
    room: Room, placement: Placement, receiver: Receiver, *, seed: int, sample_rate: int = 48_000
) -> Response:
    """Simulates the response of a room from a source to the channels of a receiver.

    For ideal ambisonics it is that of `simulate_response`.

    Args:
        room: the room.
        placement: the positions of source and receiver.
        receiver: the receiver.
        seed: the seed of the diffuse noise.
        sample_rate: in hertz.

    Returns:
        Float32 samples (channels, samples), with what was measured on W of ideal ambisonics.

    Raises:
        ValueError: a sample rate outside its range; source and receiver at one point.
    """
    return simulate_response(room, placement, seed=seed, sample_rate=sample_rate, order=receiver.settings.order)


def receive_direct(
    room: Room, placement: Placement, receiver: Receiver, sample_rate: int = 48_000
) -> NDArray[np.float32]:
    """The direct sound in the response of `receive_response`, and nothing else of it, (channels, samples).

    Raises:
        ValueError: a sample rate outside its range; source and receiver at one point.
    """
    return direct_response(room, placement, sample_rate, receiver.settings.order)


def receive_noise(
    receiver: Receiver, row_seed: int, n_samples: int, sample_rate: int = 48_000
) -> NDArray[np.float32] | None:
    """The receiver's own noise (channels, n_samples), before the gain of the clip; None if it has none."""
    noise_db = receiver.settings.noise_db
    if noise_db is None:
        return None
    seed = derive_seed(row_seed, "receiver noise")
    level = np.float32(10.0 ** (noise_db / 20.0))
    return np.stack([white_noise(seed, channel, n_samples) for channel in range(receiver.channels)]) * level


def receive_diffuse(receiver: Receiver, noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """A diffuse field through the receiver.

    Args:
        receiver: the receiver.
        noise: independent channels (channels, n) in ACN order, with the variances of SN3D, at least as many as the
            receiver has.

    Returns:
        Samples (channels, n).
    """
    return noise[: receiver.channels]
