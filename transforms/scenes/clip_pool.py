"""The clips that companions of a scene are drawn from: all clips of each split, whatever the limit of a build."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.records import SPLITS, Clip
from transforms.seeds import derive_seed
from transforms.shards.plan_shards import CLIP_SCHEMA, clip_of_record, record_of_clip
from transforms.storage import folder_files

# A companion is read with its row group.
_CLIPS_OF_A_GROUP = 64
_CACHED_GROUPS = 64


class ClipPool(Protocol):
    """The clips of each split in an order that neither the list nor a limit changes."""

    def count(self, split: str) -> int:
        """The number of clips of a split."""

    def clip(self, split: str, index: int) -> Clip:
        """The clip of a split with this number."""


def in_pool_order(clips: Iterable[Clip]) -> dict[str, list[Clip]]:
    """The clips of each split in the order of a hash of their names."""
    of_split: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for clip in clips:
        of_split[clip.split].append(clip)
    for of_one in of_split.values():
        of_one.sort(key=lambda clip: (derive_seed("pool", clip.source_id), clip.source_id))
    return of_split


class ListedPool:
    """A pool in memory."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        self._of_split = in_pool_order(clips)

    def count(self, split: str) -> int:
        """The number of clips of a split."""
        return len(self._of_split[split])

    def clip(self, split: str, index: int) -> Clip:
        """The clip of a split with this number."""
        return self._of_split[split][index]


class StoredPool:
    """A pool in a Parquet file by `pool_to_parquet`, of which a few clips at a time are in memory."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        counts = parse_counts(self._file.schema_arrow.metadata)
        self._counts = dict(zip(SPLITS, counts, strict=True))
        self._group = lru_cache(maxsize=_CACHED_GROUPS)(self._read_group)

    def count(self, split: str) -> int:
        """The number of clips of a split."""
        return self._counts[split]

    def clip(self, split: str, index: int) -> Clip:
        """The clip of a split with this number."""
        before = SPLITS[: SPLITS.index(split)]
        group = sum(-(-self._counts[name] // _CLIPS_OF_A_GROUP) for name in before) + index // _CLIPS_OF_A_GROUP
        return self._group(group)[index % _CLIPS_OF_A_GROUP]

    def _read_group(self, group: int) -> tuple[Clip, ...]:
        return tuple(clip_of_record(record) for record in self._file.read_row_group(group).to_pylist())


def open_pool(folder: str, name: str) -> StoredPool:
    """The pool in a file of a folder; a remote one is fetched once.

    Raises:
        OSError: when it cannot be read.
    """
    return StoredPool(pq.ParquetFile(folder_files.open_file(folder, name)))


def parse_counts(metadata: dict[bytes, bytes] | None) -> Sequence[int]:
    """The numbers of clips by split, as `pool_to_parquet` writes them."""
    return [int(number) for number in (metadata or {})[b"clips"].decode().split()]


def pool_to_parquet(clips: Iterable[Clip]) -> bytes:
    """A pool as a Parquet file, whose row groups hold 64 clips of one split each."""
    of_split = in_pool_order(clips)
    counts = " ".join(str(len(of_split[split])) for split in SPLITS)
    schema = CLIP_SCHEMA.with_metadata({b"clips": counts.encode()})
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema) as writer:
        for split in SPLITS:
            for start in range(0, len(of_split[split]), _CLIPS_OF_A_GROUP):
                records = [record_of_clip(clip) for clip in of_split[split][start : start + _CLIPS_OF_A_GROUP]]
                writer.write_table(pa.Table.from_pylist(records, schema))
    return buffer.getvalue()
