"""Temporary folders. What a killed process leaves of them in the system's folder, the next build removes."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without POSIX locks
    fcntl = None  # type: ignore[assignment]

_PREFIX = "elsa-"
#: A file in each of our folders. Its owner holds a lock on it, and has written its process id into it.
_MARK = ".elsa-temporary"


@contextlib.contextmanager
def temporary_folder(purpose: str, base: str | None = None) -> Iterator[str]:
    """Yields a new folder that only this user can read; it is removed at the end.

    Args:
        purpose: a part of its name, such as `plan`.
        base: the folder that it is made in; None is the system's for temporary files.
    """
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-", dir=base)
    try:
        mark = os.open(os.path.join(folder, _MARK), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # The kernel frees the lock when the process ends, in whatever way.
            _try_lock(mark)
            os.write(mark, str(os.getpid()).encode())
            yield folder
        finally:
            os.close(mark)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def files_in_temporary_folder(purpose: str) -> Iterator[None]:
    """Puts what libraries of this process write as temporary files into one folder, which is removed at the end."""
    before = tempfile.tempdir
    with temporary_folder(purpose) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def remove_abandoned() -> None:
    """Removes the folders that killed processes of this user left in the system's folder for temporary files."""
    # A folder that cannot be read or removed stays, and the work goes on.
    with contextlib.suppress(OSError):
        for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
            with contextlib.suppress(OSError):
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return
    # Without the mark it is not ours, whatever it is called.
    mark = os.open(folder / _MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        locked = _try_lock(mark)
        owner = os.read(mark, 32)
        # Its owner writes its id after it has taken the lock, so an empty mark is a new one.
        if locked is False or not owner.isdigit() or (locked is None and _is_alive(int(owner))):
            return
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(mark)


def _try_lock(descriptor: int) -> bool | None:
    """Whether the file is locked now; None where this system or this file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
