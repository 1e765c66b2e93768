"""One build at a time in a release: a second is refused with the name of the first, a dead one locks nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pipeline.build import lock
from pipeline.build.lock import ReleaseLocked, lock_as_worker, refuse_if_locked, release_lock
from pipeline.command import main
from tests.commands import FORKS, start_fork
from transforms.shards import workspace

pytestmark = pytest.mark.slow


def hold(release: str, locked: Event) -> None:
    with release_lock(release):
        locked.set()
        time.sleep(600)


def hold_as_worker(release: str, locked: Event) -> None:
    lock_as_worker(release)
    locked.set()
    time.sleep(600)


@contextmanager
def held_elsewhere(holder: Callable[[str, Event], None], release: Path) -> Iterator[BaseProcess]:
    """A process that holds a lock until it is killed."""
    locked = FORKS.Event()
    process = FORKS.Process(target=holder, args=(str(release), locked))
    start_fork(process)
    assert locked.wait(200)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def test_a_second_build_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    release = str(tmp_path / "r")
    refuse_if_locked(release)
    assert not Path(release).exists()
    with release_lock(release):
        for second in (lambda: release_lock(release).__enter__(), lambda: refuse_if_locked(release)):
            with pytest.raises(ReleaseLocked, match=f"process {os.getpid()} on .*, since 2") as refused:
                second()
            assert "\n" not in str(refused.value)
    with release_lock(release):
        pass


def test_a_second_command_ends_with_2_and_one_line(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "folder", "--input", str(recordings), "--output", str(tmp_path / "r")]
    with release_lock(str(tmp_path / "r")):
        assert main([*arguments, "--set", "caption.writer=template"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"is being built by process {os.getpid()}" in line


def test_a_killed_process_locks_nothing(tmp_path: Path) -> None:
    with held_elsewhere(hold, tmp_path) as process, pytest.raises(ReleaseLocked, match=f"process {process.pid} "):
        release_lock(str(tmp_path)).__enter__()
    with release_lock(str(tmp_path)):
        pass


def test_a_release_whose_workspace_was_removed_while_it_was_locked_can_be_locked_again(tmp_path: Path) -> None:
    with release_lock(str(tmp_path)):
        shutil.rmtree(tmp_path / workspace.FOLDER)
        refuse_if_locked(str(tmp_path))
    with release_lock(str(tmp_path)), pytest.raises(ReleaseLocked):
        refuse_if_locked(str(tmp_path))


def test_workers_of_a_killed_build_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with release_lock(str(tmp_path)):
        pass
    with held_elsewhere(hold_as_worker, tmp_path) as worker:
        monkeypatch.setattr(lock, "WORKERS_END_WITHIN_S", 0.2)
        with pytest.raises(ReleaseLocked, match="workers of a killed build"), release_lock(str(tmp_path)):
            pass
        monkeypatch.setattr(lock, "WORKERS_END_WITHIN_S", 60.0)
        worker.kill()
        with release_lock(str(tmp_path)):
            pass
    with pytest.raises(FileNotFoundError):
        lock_as_worker(str(tmp_path / "none"))


def test_a_file_system_without_locks_takes_a_date_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # "cannot be written: No locks available", on network mounts and in some containers.
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    monkeypatch.setattr(lock, "SETTLE_S", 0.0)
    release, path = str(tmp_path), tmp_path / workspace.LOCK
    with release_lock(release):
        assert json.loads(path.read_text())["pid"] == os.getpid()
        for second in (lambda: release_lock(release).__enter__(), lambda: refuse_if_locked(release)):
            with pytest.raises(ReleaseLocked, match=r"last seen \d+ s ago"):
                second()
        (tmp_path / workspace.WORKERS_LOCK).touch()
        lock_as_worker(release)
    refuse_if_locked(release)


class Store:
    """An object store in a dict."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def exists(self, path: str) -> bool:
        return path in self.objects

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            del self.objects[path]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(lock, "SETTLE_S", 0.0)
    monkeypatch.setattr(lock.storage, "exists", store.exists)
    monkeypatch.setattr(lock.storage, "remove_files", store.delete)
    monkeypatch.setattr(lock.storage, "read_bytes", store.objects.__getitem__)
    monkeypatch.setattr(lock.storage, "write_bytes", store.objects.__setitem__)
    return store


def test_on_remote_storage_a_dated_object_keeps_a_second_build_out(store: Store) -> None:
    release, path = "s3://bucket/r", "s3://bucket/r/.elsa/lock.json"
    with release_lock(release):
        with pytest.raises(ReleaseLocked, match=r"last seen \d+ s ago \(void after 300 s\)"), release_lock(release):
            pass
        assert path in store.objects
    assert not store.objects


def test_a_remote_holder_that_renews_its_date_no_more_is_taken_over(store: Store) -> None:
    release, path = "s3://bucket/r", "s3://bucket/r/.elsa/lock.json"
    with release_lock(release):
        old = json.loads(store.objects[path])
    store.objects[path] = json.dumps({**old, "seen_s": old["seen_s"] - 301}).encode()
    with release_lock(release):
        assert json.loads(store.objects[path])["name"] != old["name"]


def test_of_two_that_come_at_once_to_remote_storage_the_last_who_wrote_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "s3://bucket/r/.elsa/lock.json"

    def other_writes(_: float) -> None:
        other = {**json.loads(store.objects[path]), "name": "other", "pid": 7}
        store.objects[path] = json.dumps(other).encode()

    monkeypatch.setattr(lock.time, "sleep", other_writes)
    with pytest.raises(ReleaseLocked, match="process 7 "), release_lock("s3://bucket/r"):
        pass
    assert json.loads(store.objects[path])["name"] == "other"


def test_a_remote_lock_that_cannot_be_read_is_not_taken_for_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> bytes:
        raise PermissionError(errno.EACCES, "Access denied", path)

    with release_lock("s3://bucket/r"):
        held = dict(store.objects)
        monkeypatch.setattr(lock.storage, "read_bytes", refuse)
        with pytest.raises(PermissionError), release_lock("s3://bucket/r"):
            pass
        assert store.objects == held


def test_a_remote_lock_that_is_not_renewed_is_reported_and_ends_no_build(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = threading.Event()

    def write(path: str, data: bytes) -> None:
        if store.objects:
            tried.set()
            raise OSError
        store.objects[path] = data

    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.001)
    monkeypatch.setattr(lock.storage, "write_bytes", write)
    with release_lock("s3://bucket/r"):
        assert tried.wait(10)
    assert "the lock of s3://bucket/r was not renewed (OSError)" in caplog.text
    assert not store.objects


def test_a_remote_lock_that_cannot_be_removed_is_reported_and_changes_no_result(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(paths: list[str]) -> None:
        raise OSError(errno.EIO, "no answer")

    monkeypatch.setattr(lock.storage, "remove_files", refuse)
    with release_lock("s3://bucket/r"):
        pass
    assert "the lock of s3://bucket/r stays for 300 s: [Errno 5] no answer" in caplog.text
