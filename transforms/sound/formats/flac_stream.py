"""The header of a FLAC file (RFC 9639): how long it says the sound is, and the same file without that length.

libsndfile decodes as many samples as the header says, even if more frames follow.
"""

from __future__ import annotations

from transforms.sound.formats import metadata_tags
from transforms.sound.formats.file_view import Piece, Source

_MAGIC = b"fLaC"
# The first block of metadata is STREAMINFO, of 34 bytes; it may be the only one.
_BEGINNINGS = (_MAGIC + b"\0\0\0\x22", _MAGIC + b"\x80\0\0\x22")
# The number of samples has 36 bits, from the middle of this byte on.
_TOTAL_AT, _TOTAL_BYTES = 21, 5


class FlacStream:
    """The STREAMINFO block of a FLAC file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._start = metadata_tags.leading_tags_end(source, 0, source.size)
        header = source.read(self._start, _TOTAL_AT + _TOTAL_BYTES)
        self._total = header[_TOTAL_AT:]
        #: Whether this is a FLAC file with a whole STREAMINFO block.
        self.is_understood = header.startswith(_BEGINNINGS) and len(self._total) == _TOTAL_BYTES

    @property
    def total_samples(self) -> int:
        """How many samples of each channel the header promises; 0 if it does not say."""
        return int.from_bytes(self._total, "big") & 0xF_FFFF_FFFF

    def without_length(self) -> tuple[Piece, ...]:
        """The pieces of a view without tags, whose header promises nothing, so that it is decoded to its last frame."""
        total_at = self._start + _TOTAL_AT
        end = metadata_tags.trailing_tags_start(self._source, self._start, self._source.size)
        uncounted = bytes([self._total[0] & 0xF0]) + bytes(_TOTAL_BYTES - 1)
        return (self._start, total_at), uncounted, (total_at + _TOTAL_BYTES, end)

    def holds_another(self) -> bool:
        """Whether a second FLAC begins somewhere in the file."""
        at = self._source.find(_MAGIC, self._start + 1, self._source.size)
        while at is not None and self._source.read(at, len(_BEGINNINGS[0])) not in _BEGINNINGS:
            at = self._source.find(_MAGIC, at + 1, self._source.size)
        return at is not None
