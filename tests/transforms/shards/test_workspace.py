"""The workspace of a release says which build it belongs to."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from transforms.shards import workspace


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

    def refuse(path: str) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files", path)

    monkeypatch.setattr(workspace.storage, "read_bytes", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        workspace.is_run(str(tmp_path), run)


def test_a_budget_on_a_disk_without_locks_is_dealt_to_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every request failed at the lock of the file that counts them.
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    assert workspace.ledger_path(str(tmp_path)) == str(tmp_path / ".elsa" / "spending.json")
    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert workspace.ledger_path(str(tmp_path)) is None
    assert workspace.ledger_path("gs://bucket/release") is None
    assert list((tmp_path / ".elsa").iterdir()) == []
