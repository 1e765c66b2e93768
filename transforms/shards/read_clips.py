"""Reads a shard's clips from the plan; their sound is decoded later, where it is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow.parquet as pq

from transforms.records import Shard
from transforms.shards.each_shard import Stage, guarded
from transforms.shards.plan_shards import read_planned_shard, rows_of
from transforms.storage import folder_files


@dataclass
class ReadClips(Stage):
    """Turns the number of a shard in the plan into the shard, with a row for each augmentation of each clip."""

    name: ClassVar[str] = "read clips"
    folder: str
    plan: str
    """The name of the plan in the folder."""
    seed: int
    augmentations: dict[str, int]
    _plan: pq.ParquetFile | None = field(default=None, init=False, repr=False)

    def setup(self) -> None:
        # A local plan is read one row group at a time; each worker fetches a remote one once.
        self._plan = pq.ParquetFile(folder_files.open_file(self.folder, self.plan))

    def process(self, element: int) -> Iterator[Shard]:
        assert self._plan is not None
        planned = read_planned_shard(self._plan, element)
        yield guarded(
            self.name,
            lambda _: rows_of(planned, seed=self.seed, augmentations=self.augmentations),
            Shard(planned.split, planned.index, planned.count),
        )
