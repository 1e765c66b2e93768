"""The stage that gives each row of a shard its room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from transforms.records import Row, Shard
from transforms.rooms.room_supply import RoomSupply
from transforms.shards.each_shard import EachShard


def assign_rooms(shard: Shard, supply: RoomSupply) -> Shard:
    """Assigns a room to each row of a shard that is not in a measured one.

    Raises:
        RoomDoesNotExist: no absorption gives a user's room its stated T30.
    """
    return shard.with_rows(tuple(_with_room(row, supply, shard.split) for row in shard.rows))


def _with_room(row: Row, supply: RoomSupply, split: str) -> Row:
    return row if row.measured is not None else replace(row, room=supply.room_for(row.seed, split))


@dataclass
class SampleRooms(EachShard):
    """Gives each row its room (ELSA, section 3.2)."""

    name: ClassVar[str] = "sample rooms"
    supply: RoomSupply

    def apply(self, shard: Shard) -> Shard:
        return assign_rooms(shard, self.supply)
