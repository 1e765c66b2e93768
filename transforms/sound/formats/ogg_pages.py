"""Checking the pages of an Ogg file (RFC 3533): its sound has to be one stream, and whole.

libsndfile decodes only the first of several streams that follow each other. It ignores a page that breaks off.
"""

from __future__ import annotations

from transforms.sound.formats.file_view import Source
from transforms.sound.refusal import ClipRefused

_HEADER_BYTES = 27
_FIRST_PAGE, _LAST_PAGE = 2, 4
_MAGIC = b"OggS\0"


def check_pages(source: Source) -> None:
    """Refuses a file of which libsndfile would decode a part without an error.

    Raises:
        ClipRefused: chained, if another stream begins after the sound of the first; truncated, if the file ends within
            a page, or without a page that ends a stream.
    """
    at: int | None = 0
    sounding, flags, pages = False, 0, 0
    while at is not None:
        header = source.read(at, _HEADER_BYTES + 255)
        if not header.startswith(_MAGIC):
            at = source.find(_MAGIC, at + 1, source.size)
            continue
        segments = header[_HEADER_BYTES:][: header[26]] if len(header) >= _HEADER_BYTES else b""
        if len(header) < _HEADER_BYTES or len(segments) < header[26]:
            raise ClipRefused("truncated", f"it breaks off within its page {pages + 1}")
        flags, pages = header[5], pages + 1
        if flags & _FIRST_PAGE and sounding:
            raise ClipRefused("chained", "several Ogg streams follow each other, and libsndfile reads the first alone")
        sounding = sounding or not flags & _FIRST_PAGE
        at += _HEADER_BYTES + len(segments) + sum(segments)
        if at > source.size:
            raise ClipRefused("truncated", f"it breaks off within its page {pages}")
        at = None if at == source.size else at
    if pages and not flags & _LAST_PAGE:
        raise ClipRefused("truncated", "it breaks off without the page that ends an Ogg stream")
