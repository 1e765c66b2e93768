"""Describe places: each row's words for its position and room, from the values that were measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from transforms.records import Row, Shard
from transforms.shards.each_shard import EachShard
from transforms.words import words_of


def describe_place(row: Row) -> Row:
    """The row with its words.

    Raises:
        ValueError: when the row has not been placed and measured.
    """
    if row.room is None or row.placement is None or row.acoustics is None:
        raise ValueError(f"row {row.id} has no room, placement or measurement")
    words = words_of(
        azimuth_deg=row.placement.azimuth_deg,
        elevation_deg=row.placement.elevation_deg,
        distance_m=row.placement.distance_m,
        floor_area_m2=row.room.floor_area_m2,
        t30_ms=row.acoustics.t30_ms,
    )
    return replace(row, words=words)


@dataclass
class DescribePlaces(EachShard):
    """Gives each row, which has been measured, its words (ELSA, section 3.2)."""

    name: ClassVar[str] = "describe places"

    def apply(self, shard: Shard) -> Shard:
        return shard.with_rows(tuple(describe_place(row) for row in shard.rows))
