"""A file that is read in small pieces which lie far apart: of a remote one, what lies between is not fetched."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, cast

from transforms import storage
from transforms.storage import folder_files

#: What one request fetches at least: a header, the next few, and the sidecars between them.
WINDOW_BYTES = 64 * 1024

#: Where requests go through Beam's own file systems: that is what they fetch for the smallest read.
BEAM_WINDOW_BYTES = 16 * 1024 * 1024


def open_ranged(path: str, size_bytes: int) -> BinaryIO:
    """A file of `size_bytes` bytes for reading and seeking.

    Raises:
        OSError: when it cannot be opened; a remote one says so when it is read.
    """
    if not storage.is_remote(path):
        return open(folder_files.open_listed(path), "rb")
    window = WINDOW_BYTES if path.startswith("s3://") else BEAM_WINDOW_BYTES
    return cast(BinaryIO, io.BufferedReader(_Ranges(path, size_bytes), window))


class _Ranges(io.RawIOBase):
    def __init__(self, path: str, size_bytes: int) -> None:
        super().__init__()
        self._path, self._size_bytes, self._at = path, size_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size_bytes - self._at)
        if length <= 0:
            return 0
        data = storage.read_range(self._path, self._at, length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
