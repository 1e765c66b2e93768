"""The workspace of a release says which build it belongs to."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from transforms.shards import workspace
from transforms.storage import folder_files


def test_a_release_belongs_to_the_build_that_has_begun_last(tmp_path: Path) -> None:
    first = workspace.begin_run(str(tmp_path))
    assert workspace.is_run(str(tmp_path), first)
    second = workspace.begin_run(str(tmp_path))
    assert not workspace.is_run(str(tmp_path), first)
    assert workspace.is_run(str(tmp_path), second)
    assert not workspace.is_run(str(tmp_path / "none"), second)


def test_a_shard_is_not_dropped_without_a_word_where_its_build_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.begin_run(str(tmp_path))

    def refuse(release: str, name: str) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files", name)

    monkeypatch.setattr(folder_files, "read_bytes", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        workspace.is_run(str(tmp_path), run)
