"""Temporary folders of killed processes are removed by the next build, and nobody else's."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from pathlib import Path

import pytest

from transforms.storage import temporary
from transforms.storage.temporary import files_in_temporary_folder, remove_abandoned, temporary_folder


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def leave_behind(purpose: str = "plan") -> Path:
    """A folder with a file in it that a killed process has left."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        with temporary_folder(purpose) as folder:
            (Path(folder) / "half").write_bytes(b"a row")
            os.write(write_end, folder.encode())
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(write_end)
    with open(read_end, encoding="utf-8") as file:
        return Path(file.read())


def test_a_folder_is_private_and_gone_at_the_end(base: Path) -> None:
    with temporary_folder("plan") as folder:
        assert os.stat(folder).st_mode & 0o777 == 0o700
        assert Path(folder).parent == base
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("has_locks", [True, False])
def test_what_a_killed_build_left_is_removed_by_the_next(
    has_locks: bool, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if not has_locks:
        monkeypatch.setattr(temporary.fcntl, "flock", no_locks)
    left = leave_behind()
    assert (left / "half").exists()
    with temporary_folder("plan") as in_use:
        remove_abandoned()
        assert list(base.iterdir()) == [Path(in_use)]


def test_what_is_not_ours_stays(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "elsa-plan-mytrials").mkdir()
    (base / "elsa-notes.txt").write_text("mine")
    elsewhere = base / "elsewhere"
    leave_behind().rename(elsewhere)
    (base / "elsa-plan-abcdefgh").symlink_to(elsewhere)
    new = base / "elsa-plan-ijklmnop"
    new.mkdir()
    # Its owner has not taken the lock yet.
    (new / ".elsa-temporary").write_bytes(b"")
    before = sorted(base.rglob("*"))
    remove_abandoned()
    assert sorted(base.rglob("*")) == before
    left = leave_behind()
    monkeypatch.setattr(os, "getuid", lambda: left.stat().st_uid + 1)
    remove_abandoned()
    assert left.exists()


def test_temporary_files_of_libraries_are_in_a_folder_that_goes_with_them(base: Path) -> None:
    with files_in_temporary_folder("build"):
        made = Path(tempfile.mkdtemp(prefix="beam-pipeline-temp"))
        assert made.parent.parent == base
    assert not made.exists()
    assert tempfile.gettempdir() == str(base)
