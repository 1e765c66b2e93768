"""Reading parts of an open file, and presenting them to libsndfile as a file."""

from __future__ import annotations

import bisect
import io
import itertools
import os
from collections.abc import Iterator, Sequence

_BLOCK_BYTES = 1 << 20
# libmpg123 reads this many bytes at the end of a file, where an ID3v1 tag stands.
_ID3V1_BYTES = 128


class Source:
    """An open file that is read at given offsets; the position of its descriptor is not moved."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`; fewer only at the end of the file."""
        if at >= self.size:
            return b""
        data = os.pread(self.descriptor, count, at)
        if not data or len(data) == count:
            return data
        blocks = [data]
        while (at := at + len(data)) < self.size and (count := count - len(data)):
            if not (data := os.pread(self.descriptor, count, at)):
                break
            blocks.append(data)
        return b"".join(blocks)

    def blocks(self, start: int, end: int, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        """Offsets and bytes of successive blocks; each begins with the last `overlap` bytes of the one before."""
        while start < end:
            data = self.read(start, min(_BLOCK_BYTES, end - start))
            if not data:
                return
            yield start, data
            if start + len(data) >= end:
                return
            start += max(len(data) - overlap, 1)

    def is_zero(self, start: int, end: int) -> bool:
        """Whether all bytes from `start` up to `end` are zero."""
        return all(not data.strip(b"\0") for _, data in self.blocks(start, end))

    def find(self, pattern: bytes, start: int, end: int) -> int | None:
        """The first offset of `pattern` between `start` and `end`; None if it does not occur there."""
        for at, data in self.blocks(start, end, overlap=len(pattern) - 1):
            within = data.find(pattern)
            if within >= 0:
                return at + within
        return None


#: A piece of a view: bytes, or the offsets in the source of a first byte and of the byte after the last.
Piece = bytes | tuple[int, int]


class FileView(io.RawIOBase):
    """A read-only file that consists of pieces of another file and of other bytes.

    The view claims to be `apparent_bytes` long, where that is more than the pieces have together. libmpg123 estimates
    the duration of an MP3 from the length of its file, and libsndfile reads no further than the estimate, so a file
    that claims to be longer is read to its real end. A read at that end returns nothing, as at the end of any file.
    """

    def __init__(self, source: Source, pieces: Sequence[Piece], apparent_bytes: int = 0) -> None:
        self._source = source
        self._pieces = [piece for piece in pieces if _length(piece)]
        self._ends = list(itertools.accumulate(map(_length, self._pieces)))
        self._length = self._ends[-1] if self._ends else 0
        self._apparent = max(self._length, apparent_bytes)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._apparent}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Fills `buffer`; returns how many bytes were read."""
        target, filled = memoryview(buffer), 0
        while filled < len(target) and self._position < self._length:
            number = bisect.bisect_right(self._ends, self._position)
            piece, left = self._pieces[number], self._ends[number] - self._position
            part = target[filled : filled + left]
            if isinstance(piece, bytes):
                part[:] = piece[len(piece) - left :][: len(part)]
                count = len(part)
            else:
                count = os.preadv(self._source.descriptor, [part], piece[1] - left)
            if not count:
                break
            filled += count
            self._position += count
        if not filled and self._length <= self._position and self._apparent - _ID3V1_BYTES <= self._position:
            filled = max(min(len(target), self._apparent - self._position), 0)
            target[:filled] = bytes(filled)
            self._position += filled
        return filled


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
