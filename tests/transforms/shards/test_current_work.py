"""A worker notes the shard that it works on while it works on it, and only then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms.records import Shard
from transforms.shards import workspace
from transforms.shards.current_work import CurrentWork, noted_work, read_current_work, write_notes_to
from transforms.shards.each_shard import guarded


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / workspace.CURRENT_WORK).mkdir(parents=True)
    write_notes_to(str(tmp_path))
    yield tmp_path
    write_notes_to(None)


def test_a_shard_is_noted_while_a_stage_works_on_it(notes: Path) -> None:
    seen: list[CurrentWork] = []

    def look(shard: Shard) -> Shard:
        seen.extend(read_current_work(str(notes)))
        raise ValueError("odd")

    assert guarded("render", look, Shard("train", 1, 2)).failure == "render: ValueError: odd"
    assert seen == [CurrentWork(os.getpid(), "render", "train/00001-of-00002")]
    assert read_current_work(str(notes)) == []


def test_a_note_that_is_half_written_or_cannot_be_written_stops_nothing(notes: Path) -> None:
    (notes / workspace.CURRENT_WORK / "1-1.json").write_text('{"pid": 1')
    (notes / workspace.CURRENT_WORK / "2-2.json").write_text("[]")
    assert read_current_work(str(notes)) == []
    # A worker that outlives its build makes no workspace in the finished release.
    shutil.rmtree(notes / workspace.FOLDER)
    with noted_work("render", "train/0"):
        pass
    assert list(notes.iterdir()) == []


def test_nothing_is_noted_where_nobody_asked_for_it(tmp_path: Path) -> None:
    with noted_work("render", "train/0"):
        assert list(tmp_path.iterdir()) == []
