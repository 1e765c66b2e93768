"""Measure rooms: every room that a release uses, at a reference position of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from transforms import storage
from transforms.rooms.sample_rooms import RoomSupply
from transforms.rooms.simulate_response import measure_room
from transforms.shards import workspace
from transforms.shards.each_shard import failure_of
from transforms.shards.release_rows import ROOM_SCHEMA, room_values
from transforms.shards.write_shard import table_to_parquet

#: A chunk of rooms: its number, and each room as (split, index).
Chunk = tuple[int, tuple[tuple[str, int], ...]]
#: Its number, and its rows of rooms.parquet, or why there are none.
Measured = tuple[int, list[dict[str, Any]] | str]


def measured_rooms(rooms: Sequence[tuple[str, int]], supply: RoomSupply) -> list[dict[str, Any]]:
    """The rooms as rows of rooms.parquet, sampled and measured."""
    sampled = [supply.room(split, index) for split, index in rooms]
    return [room_values(room, measure_room(room, seed=supply.seed)) for room in sampled]


class _MeasureChunk(beam.DoFn):
    def __init__(self, supply: RoomSupply) -> None:
        self.supply = supply

    def process(self, element: Chunk) -> Iterator[Measured]:
        number, rooms = element
        try:
            yield number, measured_rooms(rooms, self.supply)
        except Exception as error:
            yield number, failure_of("measure rooms", workspace.chunk_path(number), error)


class MeasureRooms(beam.PTransform):
    """Chunks of rooms → the same chunks as rows of rooms.parquet; an exception costs its own chunk."""

    def __init__(self, supply: RoomSupply) -> None:
        super().__init__()
        self.supply = supply

    def expand(self, chunks: beam.PCollection) -> beam.PCollection:
        return chunks | beam.ParDo(_MeasureChunk(self.supply))


class _WriteChunk(beam.DoFn):
    def __init__(self, release: str) -> None:
        self.release = release

    def process(self, element: Measured) -> Iterator[int]:
        number, rows = element
        failure = rows if isinstance(rows, str) else self._write(number, rows)
        if failure is not None:
            workspace.write_failure(self.release, workspace.chunk_path(number), failure)
        yield number

    def _write(self, number: int, rows: list[dict[str, Any]]) -> str | None:
        try:
            storage.write_bytes(workspace.rooms_path(self.release, number), table_to_parquet(rows, ROOM_SCHEMA))
        except Exception as error:
            return failure_of("write rooms", workspace.chunk_path(number), error)
        return None


class WriteRooms(beam.PTransform):
    """Measured chunks → their numbers, once each is written beside the release, or noted as failed."""

    def __init__(self, release: str) -> None:
        super().__init__()
        self.release = release

    def expand(self, chunks: beam.PCollection) -> beam.PCollection:
        return chunks | beam.ParDo(_WriteChunk(self.release))
