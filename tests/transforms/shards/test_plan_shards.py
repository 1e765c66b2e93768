"""Shards: every clip in one, their sizes even, and nothing of the list's order in them."""

from __future__ import annotations

import io
from dataclasses import replace

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from transforms.records import Clip
from transforms.shards.plan_shards import (
    deal_clips,
    input_sha256,
    plan_shards,
    plan_to_parquet,
    read_planned_shard,
    rows_of,
)

AUGMENTATIONS = {"train": 3, "validation": 1, "test": 0}
#: The hash of a clip of a list from before labels.
BEFORE_LABELS = "2052f1e1a4da2b73cf64f7f4bd0175a943ac222b99dabaed4e1d5e62f11527a0"


def clips_of(count: int, split: str = "train") -> list[Clip]:
    return [Clip("d", split, f"{split}{number}.wav", f"/x/{number}.wav", ("a sound",)) for number in range(count)]


@given(st.integers(0, 60), st.integers(1, 20), st.randoms(use_true_random=False))
def test_every_clip_is_in_one_shard_whatever_the_order(count: int, rows_per_shard: int, random) -> None:  # type: ignore[no-untyped-def]
    clips = clips_of(count) + clips_of(count // 2, "validation")
    planned = plan_shards(clips, seed=1, rows_per_shard=rows_per_shard, augmentations=AUGMENTATIONS)
    assert sorted(clip.source_id for shard in planned for clip in shard.clips) == sorted(c.source_id for c in clips)
    sizes = [len(shard.clips) for shard in planned if shard.split == "train"]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(size * 3 <= max(rows_per_shard, 3) for size in sizes)
    random.shuffle(clips)
    assert plan_shards(clips, seed=1, rows_per_shard=rows_per_shard, augmentations=AUGMENTATIONS) == planned


def test_a_split_without_augmentations_has_no_shard() -> None:
    assert plan_shards(clips_of(5, "test"), seed=1, rows_per_shard=2, augmentations=AUGMENTATIONS) == []


def test_a_plan_comes_back_from_parquet_a_shard_at_a_time() -> None:
    planned = plan_shards(clips_of(10), seed=1, rows_per_shard=6, augmentations=AUGMENTATIONS)
    file = pq.ParquetFile(io.BytesIO(plan_to_parquet(planned)))
    assert [read_planned_shard(file, number) for number in range(file.num_row_groups)] == planned


def test_a_plan_keeps_labels_and_a_plan_from_before_labels_is_read() -> None:
    planned = plan_shards(clips_of(3), seed=1, rows_per_shard=99, augmentations=AUGMENTATIONS)
    labelled = [replace(planned[0], clips=tuple(replace(clip, label="dog") for clip in planned[0].clips))]
    file = pq.ParquetFile(io.BytesIO(plan_to_parquet(labelled)))
    assert [read_planned_shard(file, 0)] == labelled
    before = io.BytesIO()
    pq.write_table(file.read().drop_columns(["label"]), before)
    assert [read_planned_shard(pq.ParquetFile(before), 0)] == planned


def test_rows_have_seeds_of_their_own_that_the_name_decides() -> None:
    (planned,) = plan_shards(clips_of(4), seed=1, rows_per_shard=99, augmentations=AUGMENTATIONS)
    shard, other = (rows_of(planned, seed=seed, augmentations=AUGMENTATIONS) for seed in (1, 2))
    assert len({row.seed for row in (*shard.rows, *other.rows)}) == 24
    assert shard.path == "train/00000-of-00001"


@given(st.integers(1, 40))
def test_a_limit_takes_the_splits_in_turn(limit: int) -> None:
    clips = clips_of(20) + clips_of(3, "test")
    dealt = deal_clips(clips, limit)
    assert len(dealt) == min(limit, 23)
    assert sum(clip.split == "test" for clip in dealt) == min(3, limit // 2) or limit >= 23


def test_the_input_s_hash_knows_captions_but_not_places() -> None:
    one = Clip("d", "train", "a.wav", "/x/a.wav", ("a sound",))
    moved = Clip("d", "train", "a.wav", "/y/a.wav", ("a sound",))
    reworded = Clip("d", "train", "a.wav", "/x/a.wav", ("another sound",))
    assert input_sha256([one]) == input_sha256([moved]) != input_sha256([reworded])


def test_labels_change_the_input_s_hash_only_where_they_are_asked_for() -> None:
    plain = Clip("d", "train", "a.wav", "/x/a.wav", ("a sound",))
    labelled = replace(plain, label="dog")
    assert input_sha256([plain]) == input_sha256([labelled]) == BEFORE_LABELS
    assert input_sha256([plain], labels=True) != input_sha256([labelled], labels=True)
