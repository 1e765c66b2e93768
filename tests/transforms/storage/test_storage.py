"""Files are whole or not there, on a local disk and on a Beam file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms import storage


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "file.bin")
    storage.write_bytes(path, b"one")
    storage.write_bytes(path, b"two")
    assert storage.read_bytes(path) == b"two"
    assert storage.list_files(str(tmp_path)) == ["deep/file.bin"]
    storage.remove_folder(str(tmp_path / "deep"))
    assert not storage.exists(path)
    storage.remove_folder(str(tmp_path / "deep"))


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "file.bin").mkdir()
    with pytest.raises(OSError, match=r"file\.bin"):
        storage.write_bytes(str(tmp_path / "file.bin"), b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_joined_paths_keep_their_scheme() -> None:
    assert storage.join("gs://bucket/release/", "train", "a.flac") == "gs://bucket/release/train/a.flac"
    assert storage.is_remote("s3://bucket")
    assert not storage.is_remote("/a/b")
