"""Read clips: a shard's number becomes its rows, read from the plan; sound is decoded where it is rendered."""

from __future__ import annotations

import io
from collections.abc import Iterator

import apache_beam as beam
import pyarrow.parquet as pq

from transforms import storage
from transforms.records import Shard
from transforms.shards.each_shard import guarded
from transforms.shards.plan_shards import read_planned_shard, rows_of


class _ReadPlan(beam.DoFn):
    def __init__(self, plan_path: str, seed: int, augmentations: dict[str, int]) -> None:
        self.plan_path = plan_path
        self.seed = seed
        self.augmentations = augmentations
        self._plan: pq.ParquetFile | None = None

    def setup(self) -> None:
        # A local plan is read a row group at a time; a remote one is fetched once a worker.
        source = io.BytesIO(storage.read_bytes(self.plan_path)) if storage.is_remote(self.plan_path) else self.plan_path
        self._plan = pq.ParquetFile(source)

    def process(self, element: int) -> Iterator[Shard]:
        assert self._plan is not None
        planned = read_planned_shard(self._plan, element)
        yield guarded(
            "read clips",
            lambda _: rows_of(planned, seed=self.seed, augmentations=self.augmentations),
            Shard(planned.split, planned.index, planned.count),
        )


class ReadClips(beam.PTransform):
    """Numbers of shards in the plan → shards with a row for each augmentation of each clip."""

    def __init__(self, plan_path: str, *, seed: int, augmentations: dict[str, int]) -> None:
        super().__init__()
        self.plan_path = plan_path
        self.seed = seed
        self.augmentations = augmentations

    def expand(self, numbers: beam.PCollection) -> beam.PCollection:
        return numbers | beam.ParDo(_ReadPlan(self.plan_path, self.seed, self.augmentations))
