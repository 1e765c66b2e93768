"""The rooms of each split, sampled by seed or given by the user, and the choice of a room for each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from transforms.records import SPLITS, Room
from transforms.rooms.own_rooms import OwnRoom
from transforms.rooms.ranges import RoomRanges
from transforms.rooms.room_design import choose_materials, furnish_room, sample_room
from transforms.seeds import derive_seed

#: How many rooms a process caches, 2 KB each. Many rows use one room, and designing one takes some milliseconds.
CACHED_ROOMS = 16_384


@lru_cache(maxsize=CACHED_ROOMS)
def _cached_sampled(seed: int, split: str, index: int, ranges: RoomRanges) -> Room:
    return sample_room(seed, split, index, ranges)


@lru_cache(maxsize=CACHED_ROOMS)
def _cached_own(seed: int, room: OwnRoom) -> Room:
    size_m = (room.length_m, room.width_m, room.height_m)
    if room.floor and room.ceiling and room.walls:
        materials = (room.floor, room.ceiling, room.walls)
    else:
        materials = choose_materials(seed, room.room_id, size_m, room.t30_ms)
    return furnish_room(room.room_id, room.split, size_m, materials=materials, t30_ms=room.t30_ms)


@dataclass(frozen=True)
class RoomSupply:
    """The rooms of every split. No room is in two splits; a sampled room depends on the seed and its number alone."""

    seed: int
    counts: Mapping[str, int]
    """How many rooms each split samples. A split with rooms in `own` samples none."""
    ranges: RoomRanges
    own: tuple[OwnRoom, ...]

    def check(self) -> None:
        """Raises RoomDoesNotExist if no absorption gives a user's room its stated T30."""
        for split in SPLITS:
            for index in range(len(self._own_of_split[split])):
                self.room(split, index)

    def count(self, split: str) -> int:
        """How many rooms a split draws from."""
        return len(self._own_of_split[split]) or self.counts[split]

    def index_for(self, row_seed: int, split: str) -> int:
        """The index of a row's room among the rooms of its split."""
        return derive_seed(row_seed, "room") % self.count(split)

    def room(self, split: str, index: int) -> Room:
        """The room with number `index` of a split.

        Raises:
            RoomDoesNotExist: no absorption gives a user's room its stated T30.
        """
        own = self._own_of_split[split]
        return _cached_own(self.seed, own[index]) if own else _cached_sampled(self.seed, split, index, self.ranges)

    def room_for(self, row_seed: int, split: str) -> Room:
        """The room of a row of a split; raises as `room`."""
        return self.room(split, self.index_for(row_seed, split))

    @cached_property
    def _own_of_split(self) -> dict[str, list[OwnRoom]]:
        # Cached, because every row needs it.
        return {split: [room for room in self.own if room.split == split] for split in SPLITS}
