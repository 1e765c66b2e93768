"""Progress: rows that are on the disk, and the time that is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.build.progress import Counter, progress_text


def test_rows_of_finished_shards_and_flacs_of_unfinished_ones_count(tmp_path: Path) -> None:
    for name in (
        "train/a/metadata.parquet",
        "train/a/1.flac",
        "train/b/1.flac",
        "train/b/2.flac",
        "train/b/.3.partial",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    look = Counter(str(tmp_path), {"train/a": 10, "train/b": 5, "train/c": 7})
    assert look.rows() == 12
    (tmp_path / "train/b/metadata.parquet").write_bytes(b"")
    assert look.rows() == 15
    assert look.rows() == 15


def test_on_remote_storage_one_listing_tells_the_finished_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def listing(folder: str) -> dict[str, int]:
        asked.append(folder)
        return {"train-a.parquet": 1}

    monkeypatch.setattr("transforms.storage.list_sizes", listing)
    assert Counter("s3://bucket/release", {"train/a": 10, "train/b": 5}).rows() == 10
    assert asked == ["s3://bucket/release/.elsa/rejected"]


def test_a_line_tells_rate_and_remaining_time() -> None:
    assert progress_text(120, 800, 30.0) == "120 of 800 rows, 4.0 rows/s, 2 min 50 s left"
    assert progress_text(0, 800, 30.0) == "0 of 800 rows, 0.0 rows/s, no rate yet"


def test_rooms_that_are_left_are_time_that_is_left() -> None:
    # Rows alone said "0 s left" for as long as rooms were measured, and nothing moved where rooms came first.
    assert progress_text(800, 800, 100.0, 400, 800) == "800 of 800 rows, 400 of 800 rooms, 8.0 rows/s, 11 s left"
    assert progress_text(0, 100, 10.0, 400, 400) == "0 of 100 rows, 400 of 400 rooms, 0.0 rows/s, 10 s left"


def test_rooms_are_counted_by_one_listing_and_none_once_all_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, found = [], ["00000.parquet"]

    def listing(folder: str) -> dict[str, int]:
        asked.append(folder)
        return dict.fromkeys(found, 1)

    monkeypatch.setattr("transforms.storage.list_sizes", listing)
    look = Counter("s3://bucket/release", {}, {"00000.parquet": 32, "00001.parquet": 7})
    assert look.rooms() == 32
    found.append("00001.parquet")
    assert [look.rooms(), look.rooms()] == [39, 39]
    assert asked == ["s3://bucket/release/.elsa/rooms"] * 2
