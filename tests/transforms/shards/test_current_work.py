"""What a worker has in hand is noted while it works on it, and only then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms.records import Shard
from transforms.shards.current_work import InHand, all_in_hand, in_hand, keep_in
from transforms.shards.each_shard import guarded


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    keep_in(str(tmp_path))
    yield tmp_path
    keep_in(None)


def test_a_shard_is_in_hand_while_a_stage_works_on_it(notes: Path) -> None:
    seen: list[InHand] = []

    def look(shard: Shard) -> Shard:
        seen.extend(all_in_hand(str(notes)))
        raise ValueError("odd")

    assert guarded("render", look, Shard("train", 1, 2)).failure == "render: ValueError: odd"
    assert seen == [InHand(os.getpid(), "render", "train/00001-of-00002")]
    assert all_in_hand(str(notes)) == []


def test_a_note_that_is_half_written_or_cannot_be_written_stops_nothing(notes: Path) -> None:
    (notes / "1-1.json").write_text('{"pid": 1')
    (notes / "2-2.json").write_text("[]")
    assert all_in_hand(str(notes)) == []
    shutil.rmtree(notes)
    with in_hand("render", "train/0"):
        pass


def test_nothing_is_noted_where_nobody_asked_for_it(tmp_path: Path) -> None:
    with in_hand("render", "train/0"):
        assert list(tmp_path.iterdir()) == []
