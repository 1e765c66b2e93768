"""The receiver that a recipe's settings describe, with its filters; each process makes them once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from transforms.receivers.array_receiver import array_filters
from transforms.receivers.direction_table import DirectionTable
from transforms.receivers.head_file import HeadUnusable, read_head
from transforms.receivers.head_receiver import head_filters
from transforms.receivers.settings import ReceiverSettings
from transforms.records import MeasuredPlace, Room
from transforms.rooms.diffuse_tail import white_noise
from transforms.seeds import derive_seed

#: The sample rate that filters are made for.
SAMPLE_RATE = 48_000
#: How many specimens of an array a split has.
SPECIMENS = 4
# How many receivers a process keeps, 6 to 90 MB each.
_KEPT = 4


@dataclass(frozen=True)
class Receiver:
    """What hears in a room: ideal ambisonics, or filters over directions."""

    settings: ReceiverSettings
    table: DirectionTable | None = None
    """What each channel hears from each direction; None for ideal ambisonics."""
    equaliser: NDArray[np.float32] | None = None
    """The filter of each channel after the table, (channels, taps), around its middle tap; None for no filter."""
    diffuse: NDArray[np.float32] | None = None
    """Filters (channels, channels, taps), around their middle tap, from independent noise of unit power to a diffuse
    field, after the equaliser; None for ideal ambisonics."""
    noise_weights: NDArray[np.float64] | None = None
    """Weights (channels, channels) from independent noise to the receiver's own, before the equaliser; None if each
    channel has its own."""

    @property
    def channels(self) -> int:
        """How many channels come out."""
        return self.settings.channels


def receiver_of(settings: ReceiverSettings, seed: int, split: str, room_id: str) -> Receiver:
    """The receiver in a room.

    Args:
        settings: what the recipe says.
        seed: the recipe's seed, which draws the differences between specimens of an array.
        split: the split of the room; no specimen is in two splits.
        room_id: the room, which chooses the specimen.

    Raises:
        ValueError: the file of a head cannot be used any more.
    """
    if settings.is_ideal:
        return Receiver(settings)
    if not settings.tolerance_db:
        return _filtered_receiver(settings, None)
    specimen = derive_seed(seed, "specimen", split, room_id) % SPECIMENS
    return _filtered_receiver(settings, derive_seed(seed, "capsules", split, specimen))


@lru_cache(maxsize=_KEPT)
def _filtered_receiver(settings: ReceiverSettings, specimen_seed: int | None) -> Receiver:
    if settings.head is not None:
        try:
            of_head = head_filters(read_head(settings.head), SAMPLE_RATE)
        except HeadUnusable:
            raise
        except ValueError as error:
            raise HeadUnusable(f"{settings.head.path}: {error}") from error
        return Receiver(settings, of_head.table, diffuse=of_head.diffuse)
    array = settings.array_description
    assert array is not None
    gains_db = np.zeros(len(array.capsules))
    if specimen_seed is not None:
        gains_db = settings.tolerance_db * white_noise(specimen_seed, 0, gains_db.size).astype(np.float64)
    gains = np.round(10.0 ** (gains_db / 20.0), 6)
    filters = array_filters(array, settings.order, tuple(gains.tolist()), SAMPLE_RATE)
    return Receiver(settings, filters.table, filters.equaliser, filters.diffuse, filters.noise)


@dataclass(frozen=True)
class RoomReceivers:
    """Gives each room its receiver: specimens of one array differ from room to room."""

    settings: ReceiverSettings
    seed: int
    """The recipe's seed."""

    def in_room(self, room: Room | MeasuredPlace) -> Receiver:
        """The receiver in a room; raises as `receiver_of`."""
        return receiver_of(self.settings, self.seed, room.split, room.room_id)


#: Ideal ambisonics of the first order in every room.
FIRST_ORDER = RoomReceivers(ReceiverSettings(), 0)
