"""Companions: of the same split, drawn by the row's seed from all clips, and no recording twice."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.transforms.scenes.scenes import MadeSounds, clip_of, noise
from transforms.records import Row, Shard
from transforms.scenes.clip_pool import ListedPool, StoredPool, pool_to_parquet
from transforms.scenes.gather_sounds import gather_shard, gather_sounds, level_db
from transforms.scenes.settings import SceneSettings
from transforms.shards.plan_shards import make_row
from transforms.sound.refusal import ClipRefused

NAMES = [f"clip {number}" for number in range(150)]
CLIPS = [clip_of(name, split) for split in ("train", "test") for name in NAMES]
THREE = SceneSettings(sources_min=3, sources_max=3, duration_s=5.0)
REFUSAL = ClipRefused("silent", "nothing is heard")
ALL = MadeSounds({name: noise(number, 0.05) for number, name in enumerate(NAMES)}, REFUSAL)


def names_of(row: Row) -> list[str]:
    return [sound.clip.source_id for sound in row.sounds]


def test_companions_are_of_the_split_and_no_recording_is_there_twice() -> None:
    pool = ListedPool(CLIPS)
    for clip in CLIPS[100:200]:
        row = gather_sounds(make_row(clip, 0, 1), THREE, pool, ALL)
        assert row.sounds[0].clip == clip
        assert len(set(names_of(row))) == 3
        assert {sound.clip.split for sound in row.sounds} == {clip.split}


def test_the_order_of_the_list_changes_no_companion_and_a_stored_pool_is_the_same() -> None:
    row = make_row(CLIPS[0], 0, 1)
    stored = StoredPool(pq.ParquetFile(io.BytesIO(pool_to_parquet(reversed(CLIPS)))))
    pools = (ListedPool(CLIPS), ListedPool(reversed(CLIPS)), stored)
    assert len({tuple(names_of(gather_sounds(row, THREE, pool, ALL))) for pool in pools}) == 1
    for split in ("train", "test"):
        in_file = [stored.clip(split, index) for index in range(stored.count(split))]
        assert in_file == [pools[0].clip(split, index) for index in range(150)]
    assert stored.count("validation") == 0


def test_a_companion_that_cannot_be_decoded_gives_way_to_the_next() -> None:
    pool = ListedPool(CLIPS[:150])
    row = gather_sounds(make_row(CLIPS[0], 0, 1), THREE, pool, ALL)
    second = row.sounds[1].clip.source_id
    fewer = MadeSounds({name: samples for name, samples in ALL.sounds.items() if name != second}, REFUSAL)
    again = gather_sounds(make_row(CLIPS[0], 0, 1), THREE, pool, fewer)
    assert len(again.sounds) == 3
    assert second not in names_of(again)


def test_one_recording_under_two_names_is_not_its_own_companion() -> None:
    same = MadeSounds(dict.fromkeys(NAMES, noise(1, 0.05)), REFUSAL)
    with pytest.raises(ClipRefused, match="only 1 was found"):
        gather_sounds(make_row(CLIPS[0], 0, 1), THREE, ListedPool(CLIPS), same)
    one_or_more = replace(THREE, sources_min=1)
    assert len(gather_sounds(make_row(CLIPS[0], 0, 1), one_or_more, ListedPool(CLIPS), same).sounds) == 1


def test_a_clip_that_cannot_be_decoded_is_rejected_once_with_all_of_its_rows() -> None:
    rows = tuple(make_row(clip, version, 1) for clip in CLIPS[:2] for version in range(2))
    fewer = MadeSounds({name: ALL.sounds[name] for name in NAMES[1:]}, REFUSAL)
    shard = gather_shard(Shard("train", 0, 1, rows), THREE, ListedPool(CLIPS), fewer)
    assert [row.clip.source_id for row in shard.rows] == ["clip 1", "clip 1"]
    assert [(each.source_id, each.reason, each.stage) for each in shard.rejections] == [("clip 0", "silent", "render")]


def test_the_number_of_sounds_is_uniform() -> None:
    some = SceneSettings(sources_min=1, sources_max=3, duration_s=5.0)
    counts = [len(gather_sounds(make_row(clip, 0, 8), some, ListedPool(CLIPS), ALL).sounds) for clip in CLIPS]
    assert {count: counts.count(count) for count in (1, 2, 3)} == pytest.approx({1: 100, 2: 100, 3: 100}, abs=30)


def test_the_level_is_that_of_the_loudest_part() -> None:
    tone = (0.5 * np.sin(np.arange(48_000) * 0.1)).astype(np.float32)
    quiet = np.concatenate([np.zeros(96_000, dtype=np.float32), tone, np.zeros(48_000, dtype=np.float32)])
    assert level_db(tone) == pytest.approx(-9.03, abs=0.02)
    assert level_db(quiet) == pytest.approx(level_db(tone), abs=0.02)
    assert level_db(2 * quiet) == pytest.approx(level_db(quiet) + 6.021, abs=0.002)
    assert level_db(tone[:480]) == pytest.approx(-9.0, abs=0.5)
