"""An open file for libsndfile, which seeks where a damaged header sends it."""

from __future__ import annotations

import os
from typing import BinaryIO


class ClampedFile:
    """A file whose position stays inside it.

    soundfile prints a traceback when a file refuses to seek, and goes on. A damaged header may ask for bytes before the
    beginning, so the position is kept inside the file, and libsndfile finds out that nothing fits.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves the position as far as the file goes, and returns it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._size}.get(whence, 0)
        return self._file.seek(min(max(start + offset, 0), self._size))

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as many as there are."""
        return self._file.read(size)
