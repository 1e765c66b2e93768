"""A clip's file, opened so that nothing can hang or fill memory: the file itself, or a copy of what lies elsewhere."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator

from transforms import storage
from transforms.records import Clip
from transforms.sound.isolated_decoder import in_memory
from transforms.sound.refusal import ClipRefused

#: What lies in a tar or on another machine is held in memory twice: 1 GB is five minutes of 16 channels at 48 kHz.
MOST_FETCHED_BYTES = 1_000_000_000

_NOT_A_FILE = "a folder or a special file has that name"


def read_clip(clip: Clip) -> bytes:
    """The whole encoded file of a clip; of a tar, the piece that holds it and no more.

    Raises:
        OSError: when it cannot be read, or a tar ends before the clip does.
    """
    if clip.offset_bytes is None:
        return storage.read_bytes(clip.path)
    assert clip.size_bytes is not None
    data = storage.read_range(clip.path, clip.offset_bytes, clip.size_bytes)
    if len(data) != clip.size_bytes:
        raise OSError(f"{clip.path} ends within {clip.member}")
    return data


@contextlib.contextmanager
def open_clip(clip: Clip) -> Iterator[int]:
    """A descriptor of a clip's encoded file, for reading and seeking.

    Raises:
        ClipRefused: missing, not_a_file, unreadable, too_large.
    """
    if storage.is_remote(clip.path) or clip.offset_bytes is not None:
        with in_memory(_fetch(clip)) as descriptor:
            yield descriptor
        return
    try:
        # A pipe that nobody writes to would be waited for; without waiting it opens, and shows what it is.
        descriptor = os.open(clip.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ClipRefused("missing", "it was there when the input was listed, and is gone") from error
    except (OSError, ValueError) as error:
        # A socket cannot be opened at all.
        if isinstance(error, OSError) and error.errno == errno.ENXIO:
            raise ClipRefused("not_a_file", _NOT_A_FILE) from error
        raise ClipRefused("unreadable", getattr(error, "strerror", None) or str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ClipRefused("not_a_file", _NOT_A_FILE)
        yield descriptor
    finally:
        os.close(descriptor)


def _fetch(clip: Clip) -> bytes:
    if clip.size_bytes is not None and clip.size_bytes > MOST_FETCHED_BYTES:
        size = f"{clip.size_bytes / 1e9:.1f} GB"
        raise ClipRefused("too_large", f"{size}; what lies in a tar or elsewhere is read at once, up to 1 GB")
    try:
        return read_clip(clip)
    except OSError as error:
        raise ClipRefused("unreadable", error.strerror or str(error) or type(error).__name__) from error


def sha256_of(descriptor: int) -> str:
    """SHA-256 of the whole file, wherever its position is.

    Raises:
        ClipRefused: unreadable.
    """
    try:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ClipRefused("unreadable", error.strerror or type(error).__name__) from error
