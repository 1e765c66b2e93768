"""Progress: rows that are on the disk, and the time that is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.progress import Look, duration_text, progress_line


def test_rows_of_finished_shards_and_sounds_of_those_in_hand_count(tmp_path: Path) -> None:
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
    look = Look(str(tmp_path), {"train/a": 10, "train/b": 5, "train/c": 7})
    assert look.rows() == 12
    (tmp_path / "train/b/metadata.parquet").write_bytes(b"")
    assert look.rows() == 15
    assert look.rows() == 15


def test_on_remote_storage_one_listing_tells_the_finished_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def listing(folder: str) -> list[str]:
        asked.append(folder)
        return ["train-a.parquet"]

    monkeypatch.setattr("transforms.storage.list_files", listing)
    assert Look("s3://bucket/release", {"train/a": 10, "train/b": 5}).rows() == 10
    assert asked == ["s3://bucket/release/.elsa/rejected"]


def test_a_line_tells_rate_and_remaining_time() -> None:
    assert progress_line(120, 800, 30.0) == "build: 120 of 800 rows, 4.0 rows/s, 2 min 50 s left"
    assert progress_line(0, 800, 30.0) == "build: 0 of 800 rows, 0.0 rows/s, no rate yet"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min 0 s"), (3600, "1 h 0 min"), (7322, "2 h 2 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
