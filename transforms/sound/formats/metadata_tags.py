"""Finding tags of metadata (ID3, APE, Lyrics3) before, between and after the sound of a file."""

from __future__ import annotations

from transforms.sound.formats.file_view import Source

_ID3V1_BYTES, _ENHANCED_ID3V1_BYTES = 128, 227
_LONGEST_LYRICS_BYTES = 5_200
_MOST_TAGS = 100


def tag_end(source: Source, at: int, end: int) -> int | None:
    """The offset after the tag that begins at `at`; None if there is no tag, or if it ends after `end`."""
    data = source.read(at, 32)
    after = None
    if data.startswith(b"ID3") and len(data) >= 10 and max(data[6:10]) < 0x80:
        footer_bytes = 10 if data[5] & 0x10 else 0
        after = at + 10 + _synchsafe(data[6:10]) + footer_bytes
    elif data.startswith(b"APETAGEX") and len(data) == 32:
        after = at + 32 + int.from_bytes(data[12:16], "little")
    elif data.startswith(b"TAG+"):
        after = at + _ENHANCED_ID3V1_BYTES
    elif data.startswith(b"TAG"):
        after = at + _ID3V1_BYTES
    return after if after is not None and after <= end else None


def leading_tags_end(source: Source, start: int, end: int) -> int:
    """The offset after all tags that follow each other at `start`; `start` itself if there are none."""
    for _ in range(_MOST_TAGS):
        after = tag_end(source, start, end)
        if after is None:
            break
        start = after
    return start


def trailing_tags_start(source: Source, start: int, end: int) -> int:
    """The offset of the first of all tags that follow each other up to `end`; `end` itself if there are none."""
    for _ in range(_MOST_TAGS):
        before = _last_tag_start(source, end)
        if before is None or before < start:
            break
        end = before
    return end


def _last_tag_start(source: Source, end: int) -> int | None:
    """The offset of the tag that ends at `end`; None if there is none."""
    data = source.read(max(end - _ENHANCED_ID3V1_BYTES, 0), min(_ENHANCED_ID3V1_BYTES, end))
    if data[-_ID3V1_BYTES:].startswith(b"TAG") and len(data) >= _ID3V1_BYTES:
        return end - _ID3V1_BYTES
    if data.startswith(b"TAG+"):
        return end - _ENHANCED_ID3V1_BYTES
    footer = data[-32:]
    if footer.startswith(b"APETAGEX"):
        # The size includes the footer. Bit 31 says whether the tag has a header, which is as long as the footer.
        header_bytes = 32 if footer[23] & 0x80 else 0
        return end - int.from_bytes(footer[12:16], "little") - header_bytes
    if data[-10:].startswith(b"3DI") and max(data[-4:]) < 0x80:
        return end - 20 - _synchsafe(data[-4:])
    if data.endswith(b"LYRICS200") and data[-15:-9].isdigit():
        return end - 15 - int(data[-15:-9])
    if data.endswith(b"LYRICSEND"):
        lyrics = source.read(max(end - _LONGEST_LYRICS_BYTES, 0), min(_LONGEST_LYRICS_BYTES, end))
        begins = lyrics.find(b"LYRICSBEGIN")
        return end - len(lyrics) + begins if begins >= 0 else None
    return None


def _synchsafe(four: bytes) -> int:
    """A number of 28 bits, seven in each byte, as ID3v2 writes it."""
    return four[0] << 21 | four[1] << 14 | four[2] << 7 | four[3]
