"""Writes a shard: its answers and rejections into the workspace, then its metadata.parquet, last and at once."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.records import Shard
from transforms.shards import workspace
from transforms.shards.each_shard import Stage, guarded
from transforms.shards.release_rows import (
    ANSWER_SCHEMA,
    REJECTION_SCHEMA,
    ROW_SCHEMA,
    answer_values,
    rejection_values,
    row_values,
)
from transforms.storage import folder_files

METADATA = "metadata.parquet"


def table_to_parquet(records: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    """Records as the bytes of a Parquet file; the same records give the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(records), schema), buffer, compression="zstd")
    return buffer.getvalue()


def write_shard(shard: Shard, release: str, *, caption_model: str, run: str | None) -> None:
    """Writes the files of a shard in an order in which a kill at any moment does no harm.

    A shard is done when its metadata.parquet exists, so that file comes last. A failed shard leaves a note and no
    metadata.parquet, so the next build tries it again. A worker that outlives its build writes nothing.

    Args:
        shard: the finished or failed shard.
        release: the folder or address of the release.
        caption_model: the value of the column `caption_model`.
        run: the name of the build; None writes whatever build the release belongs to.
    """
    if not workspace.is_run(release, run):
        return
    if shard.failure is not None:
        workspace.write_failure(release, shard.path, shard.failure)
        return
    answers = table_to_parquet([answer_values(answer) for answer in shard.answers], ANSWER_SCHEMA)
    folder_files.write_bytes(release, workspace.shard_file(workspace.ANSWERS, shard.path), answers)
    rejected = table_to_parquet([rejection_values(rejection) for rejection in shard.rejections], REJECTION_SCHEMA)
    folder_files.write_bytes(release, workspace.shard_file(workspace.REJECTED, shard.path), rejected)
    rows = [row_values(row, caption_model=caption_model) for row in shard.rows]
    folder_files.write_bytes(release, f"{shard.path}/{METADATA}", table_to_parquet(rows, ROW_SCHEMA))


@dataclass
class WriteShards(Stage):
    """Writes each finished shard, its metadata.parquet last; yields the shard's path."""

    name: ClassVar[str] = "write shards"
    release: str
    caption_model: str
    run: str | None
    """Name of the build; see `write_shard`."""

    def process(self, element: Shard) -> Iterator[str]:
        written = guarded(self.name, self._write, element)
        if written.failure is not None:
            self._write(written)
        self.count("written" if written.failure is None else "failed")
        yield element.path

    def _write(self, shard: Shard) -> Shard:
        write_shard(shard, self.release, caption_model=self.caption_model, run=self.run)
        return shard
