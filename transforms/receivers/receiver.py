"""The receiver that a recipe's settings describe, made once in each process."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.receivers.settings import ReceiverSettings


@dataclass(frozen=True)
class Receiver:
    """What is heard in a room: how many channels, and how they come about."""

    settings: ReceiverSettings

    @property
    def channels(self) -> int:
        """How many channels come out."""
        return self.settings.channels

    @property
    def is_ideal(self) -> bool:
        """Whether its responses are those of ideal ambisonics."""
        return self.settings.is_ideal


def receiver_of(settings: ReceiverSettings, seed: int, split: str, room_id: str) -> Receiver:
    """The receiver in a room.

    Args:
        settings: what the recipe says.
        seed: the recipe's seed, which draws the differences between specimens of an array.
        split: the split of the room.
        room_id: the room, which chooses the specimen.
    """
    return Receiver(settings)
