"""Write the shard: its answers and refusals beside the release, then its metadata.parquet, last and at once."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from transforms import storage
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

METADATA = "metadata.parquet"


def table_to_parquet(records: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    """Records as the bytes of a Parquet file; the same records give the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(records), schema), buffer, compression="zstd")
    return buffer.getvalue()


def write_shard(shard: Shard, release: str, *, caption_model: str, caption_prompt: str | None, run: str | None) -> None:
    """Writes what a shard leaves, in an order that a kill at any moment bears.

    A shard is done when its metadata.parquet is there, so that comes after everything else. A failed shard leaves a
    note for the end of the build and no metadata, so the next build does it again. A worker that outlived its build
    (`run`) leaves nothing in a release that another has taken over.
    """
    if not workspace.is_run(release, run):
        return
    if shard.failure is not None:
        workspace.write_failure(release, shard.path, shard.failure)
        return
    answers = table_to_parquet([answer_values(answer) for answer in shard.answers], ANSWER_SCHEMA)
    storage.write_bytes(workspace.shard_file(release, workspace.ANSWERS, shard.path), answers)
    rejected = table_to_parquet([rejection_values(rejection) for rejection in shard.rejections], REJECTION_SCHEMA)
    storage.write_bytes(workspace.shard_file(release, workspace.REJECTED, shard.path), rejected)
    rows = [row_values(row, caption_model=caption_model, caption_prompt=caption_prompt) for row in shard.rows]
    storage.write_bytes(storage.join(release, shard.path, METADATA), table_to_parquet(rows, ROW_SCHEMA))


@dataclass
class WriteShards(Stage):
    """Writes each finished shard, its metadata.parquet last; yields the shard's path."""

    name: ClassVar[str] = "write shards"
    release: str
    caption_model: str
    caption_prompt: str | None
    run: str | None
    """Name of the build; see `write_shard`."""

    def process(self, element: Shard) -> Iterator[str]:
        written = guarded(self.name, self._write, element)
        if written.failure is not None:
            self._write(written)
        self.count("written" if written.failure is None else "failed")
        yield element.path

    def _write(self, shard: Shard) -> Shard:
        model, prompt = self.caption_model, self.caption_prompt
        write_shard(shard, self.release, caption_model=model, caption_prompt=prompt, run=self.run)
        return shard
