"""Files are whole or not there, on a local disk and on a Beam file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.memory_filesystem import MemoryFileSystem
from transforms import storage
from transforms.storage import folder_files


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


def test_a_file_that_is_being_written_is_no_file_yet(tmp_path: Path) -> None:
    # What a killed worker left beside a chunk of rooms was read as a chunk.
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / ".00000.parquet.77.partial").write_bytes(b"PAR1")
    (tmp_path / "rooms" / "00001.parquet").write_bytes(b"whole")
    assert storage.list_sizes(str(tmp_path)) == {"rooms/00001.parquet": 5}
    assert storage.list_files(str(tmp_path / "rooms")) == ["00001.parquet"]
    folder_files.remove_partials(str(tmp_path / "rooms"))
    assert [path.name for path in (tmp_path / "rooms").iterdir()] == ["00001.parquet"]


def test_a_range_of_a_local_file_is_as_many_bytes_as_there_are(tmp_path: Path) -> None:
    path = str(tmp_path / "file.bin")
    storage.write_bytes(path, b"0123456789")
    assert [storage.read_range(path, *span) for span in ((2, 3), (8, 100), (3, 0), (0, 10))] == [
        b"234",
        b"89",
        b"",
        b"0123456789",
    ]


def test_files_of_several_kinds_are_removed_together(tmp_path: Path) -> None:
    storage.write_bytes(str(tmp_path / "a"), b"x")
    storage.remove_files([str(tmp_path / "a"), str(tmp_path / "never")])
    assert storage.list_files(str(tmp_path)) == []
    with pytest.raises(OSError, match="nosuch:// needs a file system"):
        storage.remove_files(["nosuch://bucket/a"])


def test_an_error_of_a_file_system_that_is_there_is_not_called_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    address = MemoryFileSystem.fresh("memory://bucket", {})

    def refuse(*_: object) -> None:
        raise ValueError("the name of a bucket has no space")

    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    with pytest.raises(OSError, match="the name of a bucket has no space"):
        storage.read_bytes(f"{address}/a b")
