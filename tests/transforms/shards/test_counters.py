"""Each stage counts its outcomes, by reason, where every runner shows them."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from transforms.records import Clip, Shard
from transforms.rooms.measure_rooms import MeasureRooms, WriteRooms
from transforms.rooms.place_source import PlaceSources
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_supply import RoomSupply
from transforms.rooms.sample_rooms import SampleRooms
from transforms.shards.plan_shards import make_row
from transforms.shards.write_shard import WriteShards

SUPPLY = RoomSupply(1, {"train": 2, "validation": 0, "test": 0}, RoomRanges(), ())


def counted(pipeline: beam.Pipeline) -> dict[tuple[str, str], int]:
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query()["counters"]
    return {(counter.key.metric.namespace, counter.key.metric.name): counter.committed for counter in found}


def test_rows_rejections_rooms_and_shards_are_counted(tmp_path: Path) -> None:
    clip = Clip("d", "train", "a.wav", "a.wav", ("A dog barks",))
    rows = tuple(make_row(clip, augmentation, 1) for augmentation in range(5))
    pipeline = beam.Pipeline(runner="FnApiRunner", options=PipelineOptions([]))
    # No room holds a source 40 m away, the split test has no rooms, and no split is called nosuch.
    far = SceneRanges(distance_min_m=40.0, distance_max_m=40.0)
    (
        pipeline
        | "Shards" >> beam.Create([Shard("train", 0, 2, rows), Shard("test", 1, 2, rows)])
        | SampleRooms(SUPPLY)
        | PlaceSources(far)
        | WriteShards(str(tmp_path), "template", None)
    )
    (
        pipeline
        | "Rooms" >> beam.Create([(0, (("train", 0), ("train", 1))), (1, (("nosuch", 0),))])
        | MeasureRooms(SUPPLY)
        | WriteRooms(str(tmp_path))
    )
    counts = counted(pipeline)
    assert {name: count for name, count in counts.items() if count} == {
        ("sample rooms", "rows"): 5,
        ("sample rooms", "failed"): 1,
        ("place sources", "rejected_scene_does_not_fit"): 5,
        ("write shards", "written"): 1,
        ("write shards", "failed"): 1,
        ("measure rooms", "rooms"): 2,
        ("measure rooms", "failed"): 1,
        ("write rooms", "written"): 1,
        ("write rooms", "failed"): 1,
    }
