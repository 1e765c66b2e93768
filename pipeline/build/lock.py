"""One build at a time in a release: the second is told who holds it."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.build.planning import BuildError
from transforms import storage
from transforms.shards import workspace

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without POSIX locks: there nobody is kept out
    fcntl = None  # type: ignore[assignment]

#: Remote storage has no locks that a kernel takes back: there the holder renews a date, and one as old as this is void.
RENEW_EVERY_S, VOID_AFTER_S = 60.0, 300.0
#: Seconds after which a remote holder looks whether another came at the same moment: the last who wrote stays.
SETTLE_S = 2.0
#: Seconds that a build waits for workers of a killed one; they end as soon as they see that it is gone.
WORKERS_END_WITHIN_S = 60.0


class ReleaseHeld(BuildError):
    """Another build works in the release; one line that says which."""


@dataclass(frozen=True)
class Holder:
    """Who builds: a process of a host, since when, and when it was last seen (seconds since 1970)."""

    name: str
    pid: int
    host: str
    since: str
    seen_s: float

    @classmethod
    def this_process(cls) -> Holder:
        since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        return cls(uuid.uuid4().hex, os.getpid(), socket.gethostname(), since, time.time())


@contextlib.contextmanager
def held(release: str) -> Iterator[None]:
    """Holds a release for this build.

    Local: a lock of the kernel's on a file, which a killed process gives back at once; workers that it left behind are
    waited for. Remote: an object with a date that is renewed. It keeps out a build that begins while another runs; of
    two that begin within SETTLE_S it keeps out one as far as the store lists what was just written.

    Raises:
        ReleaseHeld: when another build holds it.
        OSError: when the release cannot be written.
    """
    with _held_remote(release) if storage.is_remote(release) else _held_local(release):
        yield


def refuse_if_held(release: str) -> None:
    """Raises ReleaseHeld when another build holds the release now; writes nothing."""
    if storage.is_remote(release):
        holder = _remote_holder(workspace.lock_path(release))
        if holder is not None and time.time() - holder.seen_s < VOID_AFTER_S:
            raise _refusal(release, holder)
        return
    path = workspace.lock_path(release)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), open(path, "rb") as file:
        if not _lock(file.fileno(), shared=True):
            raise _refusal(release, _read(path))


@contextlib.contextmanager
def _held_local(release: str) -> Iterator[None]:
    path = workspace.lock_path(release)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = _lock_file(release, path)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(Holder.this_process())).encode(), 0)
        _wait_for_workers(release)
        yield
    finally:
        os.close(descriptor)


def _lock_file(release: str, path: str) -> int:
    """A descriptor of the locked file; a build that ends removes the file, so it has to be the one that is there."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock(descriptor):
                raise _refusal(release, _read(path))
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        Path(path).parent.mkdir(parents=True, exist_ok=True)


def _wait_for_workers(release: str) -> None:
    deadline = time.monotonic() + WORKERS_END_WITHIN_S
    with open(workspace.workers_lock_path(release), "ab") as file:
        while not _lock(file.fileno()):
            if time.monotonic() > deadline:
                raise ReleaseHeld(f"workers of a killed build still run in {release}: end them, and build again")
            time.sleep(0.05)


def hold_as_worker(path: str) -> None:
    """Holds a shared lock on the file at `path` until this process ends, so that a later build waits for that.

    Raises:
        OSError: when the file is not there.
    """
    # The descriptor stays open on purpose: the kernel closes it with the process.
    _lock(os.open(path, os.O_RDWR), shared=True)


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: str) -> Holder | None:
    try:
        return Holder(**json.loads(storage.read_bytes(path)))
    except (OSError, ValueError, TypeError):
        return None


def _refusal(release: str, holder: Holder | None) -> ReleaseHeld:
    who = "another process"
    if holder is not None:
        who = f"process {holder.pid} on {holder.host}, since {holder.since}"
        if storage.is_remote(release):
            who += f", last seen {max(0, round(time.time() - holder.seen_s))} s ago (void after {VOID_AFTER_S:.0f} s)"
    return ReleaseHeld(f"{release} is being built by {who}: wait for it, or end it and build again")


@contextlib.contextmanager
def _held_remote(release: str) -> Iterator[None]:
    path, mine = workspace.lock_path(release), Holder.this_process()
    refuse_if_held(release)
    _write_remote(path, mine)
    time.sleep(SETTLE_S)
    now = _remote_holder(path)
    if now is not None and now.name != mine.name:
        raise _refusal(release, now)
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_EVERY_S):
            # A store that does not answer now may at the next time; the date bears some misses.
            with contextlib.suppress(Exception):
                _write_remote(path, mine)

    thread = threading.Thread(target=renew, name="lock-renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        # A finished release has no workspace any more.
        with contextlib.suppress(Exception):
            if storage.exists(path):
                storage.remove_files([path])


def _write_remote(path: str, holder: Holder) -> None:
    storage.write_bytes(path, json.dumps({**asdict(holder), "seen_s": time.time()}).encode())


def _remote_holder(path: str) -> Holder | None:
    return _read(path) if storage.exists(path) else None
