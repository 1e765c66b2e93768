"""Measuring every room that a release uses, at reference positions of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from transforms.rooms.room_supply import RoomSupply
from transforms.rooms.simulate_response import measure_room
from transforms.shards import workspace
from transforms.shards.each_shard import Stage, failure_of
from transforms.shards.release_rows import ROOM_SCHEMA, room_values
from transforms.shards.write_shard import table_to_parquet
from transforms.storage import folder_files

#: A chunk of rooms: its number, and its rooms as (split, index).
Chunk = tuple[int, tuple[tuple[str, int], ...]]
#: A measured chunk: its number, and its rows of rooms.parquet, or the error that prevented them.
Measured = tuple[int, list[dict[str, Any]] | str]


def measured_rooms(
    rooms: Sequence[tuple[str, int]],
    supply: RoomSupply,
    known: Mapping[tuple[str, int], dict[str, Any]] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Makes and measures rooms, given as (split, index); returns their rows of rooms.parquet.

    `known` holds the rows of rooms that are not made, because they are real.

    Raises:
        RoomDoesNotExist: a room cannot have its T30.
    """

    def row_of(split: str, index: int) -> dict[str, Any]:
        found = known.get((split, index))
        if found is not None:
            return found
        room = supply.room(split, index)
        return room_values(room, measure_room(room, seed=supply.seed))

    return [row_of(split, index) for split, index in rooms]


@dataclass
class MeasureRooms(Stage):
    """Turns chunks of rooms into rows of rooms.parquet; an exception affects its own chunk alone."""

    name: ClassVar[str] = "measure rooms"
    supply: RoomSupply
    known: Mapping[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    """The rows of real rooms."""

    def process(self, element: Chunk) -> Iterator[Measured]:
        number, rooms = element
        try:
            measured = measured_rooms(rooms, self.supply, self.known)
        # Whatever is wrong with a chunk is noted with it, and the build ends with 1.
        except Exception as error:
            self.count("failed")
            yield number, failure_of(self.name, workspace.chunk_path(number), error)
            return
        self.count("rooms", len(measured))
        yield number, measured


@dataclass
class WriteRooms(Stage):
    """Writes each measured chunk beside the release, or notes the error; yields the number of the chunk."""

    name: ClassVar[str] = "write rooms"
    release: str

    def process(self, element: Measured) -> Iterator[int]:
        number, rows = element
        failure = rows if isinstance(rows, str) else self._write(number, rows)
        if failure is not None:
            workspace.write_failure(self.release, workspace.chunk_path(number), failure)
        self.count("written" if failure is None else "failed")
        yield number

    def _write(self, number: int, rows: list[dict[str, Any]]) -> str | None:
        try:
            folder_files.write_bytes(self.release, workspace.rooms_file(number), table_to_parquet(rows, ROOM_SCHEMA))
        except Exception as error:
            return failure_of(self.name, workspace.chunk_path(number), error)
        return None
