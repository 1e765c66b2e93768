"""Describe places: each row's words for its position and room, from the values that were measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from transforms.records import Acoustics, MeasuredPlace, Placement, Room, Row, Shard
from transforms.shards.each_shard import EachShard
from transforms.words import SpatialWords, words_of


def describe_place(row: Row) -> Row:
    """The row with its words; the row of a scene has the words of the room, and each of its sources has its own.

    Raises:
        ValueError: when the row has not been placed and measured.
    """
    if row.measured is not None and row.acoustics is not None:
        return replace(row, words=_words(row.measured, row.measured, row.acoustics))
    if row.room is None or row.placement is None or row.acoustics is None:
        raise ValueError(f"row {row.id} has no room, placement or measurement")
    words = _words(row.placement, row.room, row.acoustics)
    if row.scene is None:
        return replace(row, words=words)
    sources = tuple(
        replace(source, words=_without_room(_words(source.placement, row.room, row.acoustics)))
        for source in row.scene.sources
    )
    if not row.scene.is_one_still_source:
        words = SpatialWords(room_size=words.room_size, reverberation=words.reverberation)
    return replace(row, words=words, scene=replace(row.scene, sources=sources))


def _words(placement: Placement | MeasuredPlace, room: Room | MeasuredPlace, acoustics: Acoustics) -> SpatialWords:
    return words_of(
        azimuth_deg=placement.azimuth_deg,
        elevation_deg=placement.elevation_deg,
        distance_m=placement.distance_m,
        floor_area_m2=room.floor_area_m2,
        t30_ms=acoustics.t30_ms,
    )


def _without_room(words: SpatialWords) -> SpatialWords:
    return replace(words, room_size=None, reverberation=None)


@dataclass
class DescribePlaces(EachShard):
    """Gives each row, which has been measured, its words (ELSA, section 3.2)."""

    name: ClassVar[str] = "describe places"

    def apply(self, shard: Shard) -> Shard:
        return shard.with_rows(tuple(describe_place(row) for row in shard.rows))
