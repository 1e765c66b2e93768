"""One build at a time in a release: a second build is refused with a line that names the first."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pipeline.build.planning import BuildError
from transforms import storage
from transforms.bounds.json_values import parse_json
from transforms.errors import one_line
from transforms.shards import workspace
from transforms.storage import folder_files

logger = logging.getLogger(__name__)

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without POSIX locks
    fcntl = None  # type: ignore[assignment]

#: Seconds between two renewals of a dated lock, and the age at which it is void.
RENEW_EVERY_S, VOID_AFTER_S = 60.0, 300.0
#: Seconds after which the holder of a dated lock checks whether another build wrote it at the same moment.
SETTLE_S = 2.0
#: Seconds to wait for workers of a killed build; they end as soon as they notice that it is gone.
WORKERS_END_WITHIN_S = 60.0
#: Errors of a file system that has no locks, such as some network mounts.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class ReleaseLocked(BuildError):
    """Another build works in the release; the message names it."""


@dataclass(frozen=True)
class Holder:
    """The process that builds in a release, and when it was last seen (seconds since 1970)."""

    name: str
    pid: int
    host: str
    since: str
    seen_s: float

    @classmethod
    def this_process(cls) -> Holder:
        """This process, seen now."""
        since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        return cls(uuid.uuid4().hex, os.getpid(), socket.gethostname(), since, time.time())


@contextlib.contextmanager
def release_lock(release: str) -> Iterator[None]:
    """Locks a release for this build.

    On a local disk the kernel locks a file, and frees it when the process dies; workers that a killed build left behind
    are waited for. On remote storage, and on a disk without locks, a file with a date is the lock: its holder renews
    the date, and a build that finds an old date takes over. If two builds begin within SETTLE_S, the last writer stays.

    Raises:
        ReleaseLocked: if another build has locked it.
        OSError: if the release cannot be written.
    """
    with _dated_lock(release) if _is_dated(release) else _kernel_lock(release):
        yield


def refuse_if_locked(release: str) -> None:
    """Raises ReleaseLocked if another build has locked the release; writes nothing."""
    if storage.is_remote(release):
        _refuse_young(release)
        return
    # Without the file there is no lock.
    absent = contextlib.suppress(FileNotFoundError, NotADirectoryError)
    with absent, folder_files.open_file(release, workspace.LOCK) as file:
        locked = _try_lock(file.fileno(), shared=True)
        if locked is None:
            _refuse_young(release)
        elif not locked:
            raise _refusal(release, _read(release))


def lock_as_worker(release: str) -> None:
    """Holds the workers' shared lock of a local release until this process ends, so that a later build can wait for it.

    Raises:
        OSError: if the file of the lock does not exist.
    """
    with folder_files.open_file(release, workspace.WORKERS_LOCK) as file:
        # The copy stays open on purpose: the kernel closes it when the process ends.
        _try_lock(os.dup(file.fileno()), shared=True)


def _is_dated(release: str) -> bool:
    """Whether the lock of a release is a date: on remote storage, and where the file system has no locks."""
    if storage.is_remote(release):
        return True
    descriptor = folder_files.open_for_writing(release, workspace.LOCK, os.O_RDWR)
    try:
        return _try_lock(descriptor, shared=True) is None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _kernel_lock(release: str) -> Iterator[None]:
    descriptor = _lock_file(release)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(Holder.this_process())).encode(), 0)
        _wait_for_workers(release)
        yield
    finally:
        os.close(descriptor)


def _lock_file(release: str) -> int:
    """A descriptor of the locked file. A build that ends removes the file, so the name is checked once more."""
    while True:
        descriptor = folder_files.open_for_writing(release, workspace.LOCK, os.O_RDWR)
        try:
            if not _try_lock(descriptor):
                raise _refusal(release, _read(release))
            # A build that has just ended may have removed it.
            with contextlib.suppress(FileNotFoundError), folder_files.open_file(release, workspace.LOCK) as now:
                if os.path.samestat(os.fstat(descriptor), os.fstat(now.fileno())):
                    return descriptor
        except BaseException:
            # Also after an interrupt, because an open file may hold the lock. The error goes on.
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait_for_workers(release: str) -> None:
    deadline = time.monotonic() + WORKERS_END_WITHIN_S
    descriptor = folder_files.open_for_writing(release, workspace.WORKERS_LOCK, os.O_RDWR)
    try:
        while _try_lock(descriptor) is False:
            if time.monotonic() > deadline:
                raise ReleaseLocked(f"workers of a killed build still run in {release}: end them, and build again")
            time.sleep(0.05)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Whether the file is locked now; None if this system or this file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _read(release: str) -> Holder | None:
    """The holder that a lock names; None if the file has been removed, or is not what a build writes.

    Raises:
        OSError: if the file is there and cannot be read.
    """
    try:
        return Holder(**parse_json(folder_files.read_bytes(release, workspace.LOCK)))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _refusal(release: str, holder: Holder | None, *, dated: bool = False) -> ReleaseLocked:
    who = "another process"
    if holder is not None:
        who = f"process {holder.pid} on {holder.host}, since {holder.since}"
        if dated:
            who += f", last seen {max(0, round(time.time() - holder.seen_s))} s ago (void after {VOID_AFTER_S:.0f} s)"
    return ReleaseLocked(f"{release} is being built by {who}: wait for it, or end it and build again")


def _refuse_young(release: str) -> None:
    """Raises ReleaseLocked if the date of a dated lock is not void yet."""
    holder = _dated_holder(release)
    if holder is not None and time.time() - holder.seen_s < VOID_AFTER_S:
        raise _refusal(release, holder, dated=True)


@contextlib.contextmanager
def _dated_lock(release: str) -> Iterator[None]:
    mine = Holder.this_process()
    _refuse_young(release)
    _write_date(release, mine)
    time.sleep(SETTLE_S)
    now = _dated_holder(release)
    if now is not None and now.name != mine.name:
        raise _refusal(release, now, dated=True)
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_EVERY_S):
            try:
                _write_date(release, mine)
            except OSError as error:
                # A store that does not answer now may answer next time; the date may miss some renewals.
                logger.error(
                    "the lock of %s was not renewed (%s); after %.0f s without renewal another build may take over",
                    release, one_line(error), VOID_AFTER_S,
                )  # fmt: skip

    thread = threading.Thread(target=renew, name="lock-renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        try:
            # A finished release has no workspace any more.
            if folder_files.exists(release, workspace.LOCK):
                folder_files.remove_files(release, [workspace.LOCK])
        except OSError as error:
            # The work is done, and its result must not change for this.
            logger.error("the lock of %s stays for %.0f s: %s", release, VOID_AFTER_S, one_line(error))


def _write_date(release: str, holder: Holder) -> None:
    folder_files.write_bytes(release, workspace.LOCK, json.dumps({**asdict(holder), "seen_s": time.time()}).encode())


def _dated_holder(release: str) -> Holder | None:
    return _read(release) if folder_files.exists(release, workspace.LOCK) else None
