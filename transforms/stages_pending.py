from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import apache_beam as beam

from transforms.each_shard import EachShard
from transforms.place_source import SceneDoesNotFit, place_source
from transforms.records import Rejection, Row, Shard
from transforms.sample_rooms import sample_room
from transforms.seeds import derive_seed
from transforms.simulate_response import simulate_response


# --- sample_rooms.py
def room_index_of(row_seed: int, count: int) -> int:
    """Which of a split's `count` rooms a row is in."""
    return derive_seed(row_seed, "room") % count


def give_rooms(shard: Shard, *, seed: int, counts: Mapping[str, int]) -> Shard:
    """The shard with a room for each row; a room that several rows share is sampled once."""
    indices = [room_index_of(row.seed, counts[shard.split]) for row in shard.rows]
    rooms = {index: sample_room(seed, shard.split, index) for index in sorted(set(indices))}
    return shard.with_rows(
        tuple(replace(row, room=rooms[index]) for row, index in zip(shard.rows, indices, strict=True))
    )


class SampleRooms(beam.PTransform):
    """Shards → shards whose rows have rooms; `counts` is how many rooms each split draws from."""

    def __init__(self, seed: int, counts: Mapping[str, int]) -> None:
        super().__init__()
        self.seed = seed
        self.counts = dict(counts)

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(EachShard("sample rooms", partial(give_rooms, seed=self.seed, counts=self.counts)))


# --- place_source.py
def give_scenes(shard: Shard) -> Shard:
    """The shard with a scene for each row; a row whose room cannot hold one is refused by name."""
    rows: list[Row] = []
    rejections: list[Rejection] = []
    for row in shard.rows:
        if row.room is None:
            raise ValueError(f"row {row.id} has no room")
        try:
            rows.append(replace(row, scene=place_source(row.seed, row.room)))
        except SceneDoesNotFit as error:
            clip = row.clip
            rejections.append(
                Rejection(clip.source_id, "place", "scene_does_not_fit", str(error), clip.split, clip.source_id)
            )
    return shard.with_rows(tuple(rows)).rejecting(*rejections)


class PlaceSources(beam.PTransform):
    """Shards whose rows have rooms → shards whose rows have a receiver and a source."""

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(EachShard("place sources", give_scenes))


# --- simulate_response.py
def give_responses(shard: Shard) -> Shard:
    """The shard with a response for each row, and what was measured on it."""
    return shard.with_rows(tuple(_give_response(row) for row in shard.rows))


def _give_response(row: Row) -> Row:
    if row.room is None or row.scene is None:
        raise ValueError(f"row {row.id} has no room or no scene")
    response = simulate_response(row.room, row.scene, seed=row.seed)
    return replace(row, response=response, acoustics=response.acoustics)


class SimulateResponses(beam.PTransform):
    """Placed shards → shards whose rows have first-order responses."""

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(EachShard("simulate responses", give_responses))
