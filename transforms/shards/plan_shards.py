"""Distributes clips over shards by a keyed hash; the plan is a Parquet file with one row group for each shard."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.records import SPLITS, Clip, Row, Shard
from transforms.seeds import derive_seed

#: A clip as a record of a table.
CLIP_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("split", pa.string()),
        ("source_id", pa.string()),
        ("path", pa.string()),
        ("captions", pa.list_(pa.string())),
        ("license", pa.string()),
        ("attribution", pa.string()),
        ("source_url", pa.string()),
        ("member", pa.string()),
        ("offset_bytes", pa.int64()),
        ("size_bytes", pa.int64()),
        ("target", pa.string()),
        ("modified_ns", pa.int64()),
        ("label", pa.string()),
    ]
)
PLAN_SCHEMA = pa.schema(
    [("shard_split", pa.string()), ("shard_index", pa.int32()), ("shard_count", pa.int32()), *CLIP_SCHEMA]
)
_CLIP_FIELDS = CLIP_SCHEMA.names
#: A clip that is moved stays the same clip.
_LOCATION_FIELDS = ("path", "member", "offset_bytes", "size_bytes", "target", "modified_ns")
#: A label is hashed only where it is asked for, so that an input keeps its hash when it is given labels.
_CONTENT_FIELDS = [name for name in _CLIP_FIELDS if name not in (*_LOCATION_FIELDS, "label")]


@dataclass(frozen=True)
class PlannedShard:
    """A shard as planned: its clips, before any of them is read."""

    split: str
    index: int
    count: int
    clips: tuple[Clip, ...]

    @property
    def path(self) -> str:
        """The folder of the shard, relative to the release."""
        return Shard(self.split, self.index, self.count).path


def pool_beside(plan: str) -> str:
    """The name of the file with the clips that companions are drawn from, beside the plan of this name."""
    return _beside(plan, "companions")


def responses_beside(plan: str) -> str:
    """The name of the index of measured responses, beside the plan of this name."""
    return _beside(plan, "responses")


def _beside(plan: str, what: str) -> str:
    stem, dot, ending = plan.rpartition(".")
    return f"{stem}-{what}.{ending}" if dot and "/" not in ending else f"{plan}-{what}"


def deal_clips(clips: Sequence[Clip], limit: int | None) -> list[Clip]:
    """The first `limit` clips, taken from the splits in turn so that each split has some; None takes all."""
    if limit is None or limit >= len(clips):
        return list(clips)
    ranks: dict[str, int] = {}
    ranked = []
    for clip in clips:
        ranks[clip.split] = ranks.get(clip.split, -1) + 1
        ranked.append((ranks[clip.split], SPLITS.index(clip.split), clip))
    return [clip for _, _, clip in sorted(ranked, key=lambda entry: entry[:2])[:limit]]


def plan_shards(
    clips: Sequence[Clip], *, seed: int, rows_per_shard: int, augmentations: dict[str, int]
) -> list[PlannedShard]:
    """Shards of about `rows_per_shard` rows; all augmentations of a clip are in one shard, so it is decoded once.

    The order within a split is a keyed hash of the clip's name. So a shard is a fair sample of its split, and the order
    of the list does not matter.
    """
    planned = []
    for split in SPLITS:
        versions = augmentations[split]
        of_split = [clip for clip in clips if clip.split == split] if versions else []
        of_split.sort(key=lambda clip: (derive_seed(seed, "order", clip.source_id), clip.source_id))
        clips_per_shard = max(1, rows_per_shard // max(1, versions))
        count = -(-len(of_split) // clips_per_shard)
        for index in range(count):
            start, end = index * len(of_split) // count, (index + 1) * len(of_split) // count
            planned.append(PlannedShard(split, index, count, tuple(of_split[start:end])))
    return planned


def input_sha256(clips: Iterable[Clip], *, labels: bool = False) -> str:
    """Hash of the clips as the list describes them; neither their order nor their location changes it.

    Labels count where a release has them in its digest: in scenes.
    """
    fields = [*_CONTENT_FIELDS, "label"] if labels else _CONTENT_FIELDS
    entries = [json.dumps({name: getattr(clip, name) for name in fields}, sort_keys=True) for clip in clips]
    digest = hashlib.sha256()
    for line in sorted(entries):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def record_of_clip(clip: Clip) -> dict[str, Any]:
    """A clip as a record of a table with CLIP_SCHEMA."""
    return {name: getattr(clip, name) for name in _CLIP_FIELDS}


def clip_of_record(record: Mapping[str, Any]) -> Clip:
    """The clip of a record of a table with CLIP_SCHEMA, or of one from before labels."""
    values = {"label": None, **record}
    return Clip(**{**{name: values[name] for name in _CLIP_FIELDS}, "captions": tuple(values["captions"])})


def plan_to_parquet(planned: Sequence[PlannedShard]) -> bytes:
    """The plan as a Parquet file whose row group i is shard i."""
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, PLAN_SCHEMA) as writer:
        for shard in planned:
            records = [
                {
                    "shard_split": shard.split,
                    "shard_index": shard.index,
                    "shard_count": shard.count,
                    **record_of_clip(clip),
                }
                for clip in shard.clips
            ]
            writer.write_table(pa.Table.from_pylist(records, PLAN_SCHEMA))
    return buffer.getvalue()


def read_planned_shard(plan: pq.ParquetFile, row_group: int) -> PlannedShard:
    """The shard with number `row_group` of a plan."""
    records = plan.read_row_group(row_group).to_pylist()
    clips = tuple(clip_of_record(record) for record in records)
    first = records[0]
    return PlannedShard(first["shard_split"], first["shard_index"], first["shard_count"], clips)


def row_id(clip: Clip, augmentation: int) -> str:
    """The name of a row, unique in a release."""
    return f"{clip.split}/{clip.source_id}#{augmentation}"


def row_seed(seed: int, name: str) -> int:
    """The seed of the row called `name` (see `row_id`); 63 bits, because some readers take no more."""
    return derive_seed(seed, "row", name) >> 1


def make_row(clip: Clip, augmentation: int, seed: int) -> Row:
    """A row before any stage, with the seed that follows from the recipe's `seed` and the row's name."""
    name = row_id(clip, augmentation)
    return Row(name, clip, augmentation, row_seed(seed, name))


def rows_of(planned: PlannedShard, *, seed: int, augmentations: dict[str, int]) -> Shard:
    """The shard with a row for every augmentation of each clip."""
    rows = tuple(
        make_row(clip, augmentation, seed)
        for clip in planned.clips
        for augmentation in range(augmentations[planned.split])
    )
    return Shard(planned.split, planned.index, planned.count, rows)
