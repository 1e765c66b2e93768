"""Sample rooms: the rooms that a split draws from, sampled by seed or a user's own, and which of them a row is in."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

from transforms.records import SPLITS, Room, Shard
from transforms.rooms.room_design import RoomRanges, absorption_exponents, choose_materials, furnish_room, sample_room
from transforms.seeds import derive_seed
from transforms.shards.each_shard import EachShard

#: Rooms that a process keeps, 2 KB each: a room is in many rows, and takes as long to design as five rows take to word.
ROOMS_KEPT = 16_384

_SURFACES = ("floor", "ceiling", "walls")
_NUMBERS = ("length_m", "width_m", "height_m", "t30_ms")


class OwnRoomsUnusable(ValueError):
    """A user's list of rooms that cannot be used; one line that names the room and the column."""


@dataclass(frozen=True)
class OwnRoom:
    """A room of the user's: its size in metres and the full-band T30 that it has; materials may be left to us."""

    room_id: str
    split: str
    length_m: float
    width_m: float
    height_m: float
    t30_ms: float
    floor: str | None = None
    ceiling: str | None = None
    walls: str | None = None
    """Names in pyroomacoustics' database; all three or none."""

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise OwnRoomsUnusable(f"room {self.room_id!r}: split {self.split!r} is none of {', '.join(SPLITS)}")
        for name in _NUMBERS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise OwnRoomsUnusable(f"room {self.room_id!r}: {name} {value} is not a positive number")
        named = [material for material in (self.floor, self.ceiling, self.walls) if material]
        if len(named) not in (0, len(_SURFACES)):
            raise OwnRoomsUnusable(f"room {self.room_id!r}: name all of {', '.join(_SURFACES)}, or none")
        for material in named:
            try:
                absorption_exponents(material)
            except ValueError as error:
                raise OwnRoomsUnusable(f"room {self.room_id!r}: {error}") from error


def own_rooms_of(records: Sequence[Mapping[str, Any]]) -> tuple[OwnRoom, ...]:
    """Rooms from plain values, checked together: a name is of one room.

    Raises:
        OwnRoomsUnusable: naming the room and the column.
    """
    rooms = []
    for number, record in enumerate(records, 1):
        missing = [name for name in ("room_id", *_NUMBERS) if not str(record.get(name) or "").strip()]
        if missing:
            raise OwnRoomsUnusable(f"room {number} of the list has no {missing[0]}")
        unknown = set(record) - {"room_id", "split", *_NUMBERS, *_SURFACES}
        if unknown:
            raise OwnRoomsUnusable(f"room {number} of the list: no column is named {sorted(map(str, unknown))[0]}")
        try:
            numbers = {name: float(record[name]) for name in _NUMBERS}
        except (TypeError, ValueError) as error:
            raise OwnRoomsUnusable(f"room {record['room_id']!r}: {error}") from error
        floor, ceiling, walls = (record.get(name) or None for name in _SURFACES)
        name, split = str(record["room_id"]), record.get("split") or "train"
        rooms.append(OwnRoom(name, split, **numbers, floor=floor, ceiling=ceiling, walls=walls))
    twice = [name for name, count in Counter(room.room_id for room in rooms).items() if count > 1]
    if twice:
        raise OwnRoomsUnusable(f"room {twice[0]!r} is in the list twice")
    return tuple(rooms)


def read_own_rooms(path: str) -> list[dict[str, Any]]:
    """The rooms of a CSV file as plain values: room_id, split, length_m, width_m, height_m, t30_ms, and materials.

    Raises:
        OwnRoomsUnusable: when it cannot be read, or a room in it cannot be used.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            records = [dict(record) for record in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OwnRoomsUnusable(f"{path} cannot be read: {error}") from error
    rooms = own_rooms_of(records)
    if not rooms:
        raise OwnRoomsUnusable(f"{path} lists no room")
    return [{name: value for name, value in vars(room).items() if value is not None} for room in rooms]


@lru_cache(maxsize=ROOMS_KEPT)
def _kept_sampled(seed: int, split: str, index: int, ranges: RoomRanges) -> Room:
    return sample_room(seed, split, index, ranges)


@lru_cache(maxsize=ROOMS_KEPT)
def _kept_own(seed: int, room: OwnRoom) -> Room:
    size_m = (room.length_m, room.width_m, room.height_m)
    if room.floor and room.ceiling and room.walls:
        materials = (room.floor, room.ceiling, room.walls)
    else:
        materials = choose_materials(seed, room.room_id, size_m, room.t30_ms)
    return furnish_room(room.room_id, room.split, size_m, materials=materials, t30_ms=room.t30_ms)


@dataclass(frozen=True)
class RoomSupply:
    """The rooms of every split; a room is of one split, and sampled from the seed and its number alone."""

    seed: int
    counts: Mapping[str, int]
    """How many rooms each split samples; a split that has rooms of its own uses those and samples none."""
    ranges: RoomRanges = field(default_factory=RoomRanges)
    own: tuple[OwnRoom, ...] = ()

    def check(self) -> None:
        """Raises RoomDoesNotExist where a user's room cannot have the T30 that it is said to have."""
        for split in SPLITS:
            for index in range(len(self._own_of_split[split])):
                self.room(split, index)

    def count(self, split: str) -> int:
        """How many rooms a split draws from."""
        return len(self._own_of_split[split]) or self.counts[split]

    def index_for(self, row_seed: int, split: str) -> int:
        """Which of a split's rooms a row is in."""
        return derive_seed(row_seed, "room") % self.count(split)

    def room(self, split: str, index: int) -> Room:
        """Room `index` of a split.

        Raises:
            RoomDoesNotExist: when no absorption gives a user's room the T30 that it is said to have.
        """
        own = self._own_of_split[split]
        return _kept_own(self.seed, own[index]) if own else _kept_sampled(self.seed, split, index, self.ranges)

    @cached_property
    def _own_of_split(self) -> dict[str, list[OwnRoom]]:
        # Kept: it is asked for with every row.
        return {split: [room for room in self.own if room.split == split] for split in SPLITS}


def assign_rooms(shard: Shard, supply: RoomSupply) -> Shard:
    """The shard with a room for each row; a room that several rows share is sampled once."""
    indices = [supply.index_for(row.seed, shard.split) for row in shard.rows]
    rooms = {index: supply.room(shard.split, index) for index in sorted(set(indices))}
    return shard.with_rows(
        tuple(replace(row, room=rooms[index]) for row, index in zip(shard.rows, indices, strict=True))
    )


@dataclass
class SampleRooms(EachShard):
    """Gives each row its room (ELSA, section 3.2)."""

    name: ClassVar[str] = "sample rooms"
    supply: RoomSupply

    def apply(self, shard: Shard) -> Shard:
        return assign_rooms(shard, self.supply)
