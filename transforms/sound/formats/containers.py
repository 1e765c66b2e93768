"""Finding the sound in WAV, RF64, BW64, W64, AIFF, CAF and AU files, and correcting their headers.

A recorder that crashes, or a program that writes into a pipe, leaves a header that was never completed. libsndfile then
reads nothing, or a part of the sound, or bytes that are no sound, and reports no error. This module reads the header
first. If it would mislead libsndfile, libsndfile is given a view of the file with a corrected header.

The formats are those of Microsoft (RIFF), EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), Sony (Wave64), Apple (AIFF, Core
Audio Format) and Sun (AU).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from transforms.sound.formats import metadata_tags
from transforms.sound.formats.file_view import Piece, Source
from transforms.sound.refusal import ClipRefused

_MOST_CHUNKS = 10_000
_RIFF_KINDS = (b"RIFF", b"RF64", b"BW64")
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_SUFFIX = bytes.fromhex("f3acd3118cd100c04f8edb8a")
# Format tags of WAV: MPEG layers I and II, and MPEG layer III. The extensible tag says that the real one follows later.
_MPEG_TAGS, _EXTENSIBLE_TAG = (0x50, 0x55), 0xFFFE
#: Chunks of metadata that programs write beside the sound.
_METADATA_IDS = frozenset(
    {
        b"LIST", b"INFO", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"_PMX", b"cue ", b"plst", b"smpl", b"inst",
        b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR", b"fact", b"afsp", b"DISP", b"acid", b"strc", b"chna", b"cart",
        b"r64m", b"levl", b"link", b"minf", b"elm1", b"regn", b"umid", b"DGDA", b"MARK", b"COMT", b"INST", b"NAME",
        b"AUTH", b"(c) ", b"ANNO", b"APPL", b"MIDI", b"AESD", b"SAXL", b"FVER", b"chan", b"free", b"info", b"strg",
        b"mark", b"midi", b"uuid", b"kuki", b"pakt", b"peak", b"ovvw",
    }
)  # fmt: skip
_REQUIRED_IDS = frozenset({b"fmt ", b"data", b"ds64", b"COMM", b"SSND", b"desc"})


@dataclass(frozen=True)
class SoundChunk:
    """The sound of a file and its length.

    Attributes:
        start: offset of the first byte of sound.
        end: offset of the byte after the last one.
        promised_bytes: the length that the header gives; None if it gives none.
        surplus_bytes: how many bytes after the sound belong to no chunk and no tag.
        is_mpeg: whether the sound is a stream of MPEG audio.
        pieces: the pieces of a view of the file with a corrected header; None if the header is right.
    """

    start: int
    end: int
    promised_bytes: int | None
    surplus_bytes: int
    is_mpeg: bool
    pieces: tuple[Piece, ...] | None


def find_sound(source: Source) -> SoundChunk | None:
    """Finds the sound of a file by its header.

    Returns:
        The sound; None for other formats, and for headers that libsndfile refuses by itself.

    Raises:
        ClipRefused: empty; chained if another file begins after the sound; unreadable if the sound is in several
            chunks, or is too long for a corrected header.
    """
    head = source.read(0, 40)
    if head[:4] in (b".snd", b"dns."):
        return _find_in_au(source, head)
    layout = _layout_of(head)
    # libsndfile knows BW64 by its former name.
    edits = [_Edit(0, 4, b"RF64")] if head.startswith(b"BW64") else []
    return None if layout is None else _find_in_chunks(source, layout, edits)


@dataclass(frozen=True)
class _Layout:
    """How the chunks of a format follow each other.

    Attributes:
        first_at: offset of the first chunk.
        id_bytes: length of a chunk's id.
        size: the type of a chunk's size.
        size_counts_header: whether the size includes the id and the size itself.
        alignment: the length of every chunk is padded to a multiple of this.
        sound_id: the id of the chunk that holds the sound.
        lead_bytes: how many bytes of that chunk precede the sound.
    """

    first_at: int
    id_bytes: int
    size: struct.Struct
    size_counts_header: bool
    alignment: int
    sound_id: bytes
    lead_bytes: int = 0


_LITTLE_32, _BIG_32, _LITTLE_64, _BIG_64 = (struct.Struct(kind) for kind in ("<I", ">I", "<Q", ">Q"))
_RIFF = _Layout(12, 4, _LITTLE_32, False, 2, b"data")
_RIFX = _Layout(12, 4, _BIG_32, False, 2, b"data")
_AIFF = _Layout(12, 4, _BIG_32, False, 2, b"SSND", 8)
_CAF = _Layout(8, 4, _BIG_64, False, 1, b"data", 4)
_W64 = _Layout(40, 16, _LITTLE_64, True, 8, b"data" + _W64_SUFFIX)


def _layout_of(head: bytes) -> _Layout | None:
    kind, form = head[:4], head[8:12]
    if form == b"WAVE" and kind in (*_RIFF_KINDS, b"RIFX"):
        return _RIFX if kind == b"RIFX" else _RIFF
    if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        return _AIFF
    if kind == b"caff":
        return _CAF
    return _W64 if head.startswith(_W64_RIFF) else None


@dataclass(frozen=True)
class _Chunk:
    """A chunk by its header.

    Attributes:
        id: its id.
        at: offset of its header.
        body: offset of the first byte after its header.
        size: how many bytes follow from there, as its header says.
    """

    id: bytes
    at: int
    body: int
    size: int


@dataclass(frozen=True)
class _Edit:
    """A change of a file: how many bytes are removed at an offset, and what is inserted there."""

    at: int
    removed: int
    inserted: bytes


def _find_in_chunks(source: Source, layout: _Layout, edits: list[_Edit]) -> SoundChunk | None:
    """Walks over the chunks up to the sound; `edits` are those that correct the header so far."""
    at, format_tag, ds64 = layout.first_at, 0, None
    for _ in range(_MOST_CHUNKS):
        chunk = _read_chunk(source, layout, at)
        if chunk is None:
            return None
        if chunk.id == layout.sound_id:
            return _describe(source, layout, chunk, ds64, edits, is_mpeg=format_tag in _MPEG_TAGS)
        if chunk.body + chunk.size > source.size:
            return None
        if chunk.id in (b"fmt ", b"fmt " + _W64_SUFFIX) and layout is not _RIFX:
            format_tag = _format_tag(source, chunk)
        if chunk.id == b"ds64":
            ds64 = chunk
        at, edit = _next_chunk(source, layout, chunk)
        edits += [edit] if edit else []
    return None


def _describe(
    source: Source, layout: _Layout, chunk: _Chunk, ds64: _Chunk | None, edits: list[_Edit], *, is_mpeg: bool
) -> SoundChunk | None:
    """Describes the sound in a chunk, and completes the edits that correct the header."""
    size, size_at, size_field = chunk.size, chunk.body - layout.size.size, layout.size
    if ds64 is not None and ds64.size >= 16 and size == 0xFFFF_FFFF:
        size_at, size_field = ds64.body + 8, _LITTLE_64
        (size,) = size_field.unpack(source.read(size_at, 8))
    lead_bytes = layout.lead_bytes
    if layout is _AIFF:
        # The chunk begins with an offset from there to the sound.
        lead_bytes += int.from_bytes(source.read(chunk.body, 4), "big")
    start = chunk.body + lead_bytes
    if start > source.size:
        return None
    promised = max(size - lead_bytes, 0)
    surplus = _surplus(source, layout, _Chunk(chunk.id, chunk.at, chunk.body, size))
    if not promised and not surplus:
        raise ClipRefused("empty", "the file holds no samples")
    # A length of zero, followed by sound, should have been replaced at the end of the recording.
    known = bool(promised) and not _is_unknown(size, size_field, source.size - chunk.body)
    end = min(start + promised, source.size) if known else source.size
    if end - start != promised:
        counted = chunk.body - chunk.at if layout.size_counts_header else 0
        edits.append(_Edit(size_at, size_field.size, _packed(size_field, end - start + lead_bytes + counted)))
    pieces = None
    # libsndfile decodes all bytes after the sound of a W64, too.
    if edits or (layout is _W64 and end < source.size):
        pieces = _edited(edits, end)
    return SoundChunk(start, end, promised if known else None, surplus if known else 0, is_mpeg, pieces)


def _find_in_au(source: Source, head: bytes) -> SoundChunk | None:
    if len(head) < 24:
        return None
    size = _BIG_32 if head.startswith(b".snd") else _LITTLE_32
    (start,), (promised,) = size.unpack(head[4:8]), size.unpack(head[8:12])
    if not 24 <= start < source.size:
        return None
    known = bool(promised) and not _is_unknown(promised, size, source.size - start)
    end = min(start + promised, source.size) if known else source.size
    if source.read(end, 4) == head[:4]:
        raise _another_file("AU")
    surplus = 0 if source.is_zero(end, source.size) else source.size - end
    edits = [_Edit(8, 4, _packed(size, end - start))] if end - start != promised else []
    pieces = _edited(edits, end) if edits else None
    return SoundChunk(start, end, promised if known else None, surplus, False, pieces)


def _is_unknown(size: int, field: struct.Struct, available_bytes: int) -> bool:
    """Whether a length means that its writer did not know it: about 2³¹, about 2³², or nearly 2⁶⁴."""
    if size <= available_bytes:
        return False
    near_2_to_31 = 0x7FFF_0000 <= size <= 0x8000_FFFF
    near_2_to_32 = 0xFFFF_0000 <= size <= 0xFFFF_FFFF
    return near_2_to_31 or near_2_to_32 or (field.size == 8 and size >= 1 << 62)


def _packed(field: struct.Struct, size: int) -> bytes:
    try:
        return field.pack(size)
    except struct.error:
        raise ClipRefused(
            "unreadable", "the header was never closed, and the sound is too long for any header of this format (4 GB)"
        ) from None


def _edited(edits: Sequence[_Edit], end: int) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    kept_from = 0
    for edit in sorted(edits, key=lambda edit: edit.at):
        pieces += [(kept_from, edit.at), edit.inserted]
        kept_from = edit.at + edit.removed
    return (*pieces, (kept_from, end))


def _read_chunk(source: Source, layout: _Layout, at: int) -> _Chunk | None:
    """Reads the header of the chunk at an offset; None if there is none."""
    header_bytes = layout.id_bytes + layout.size.size
    header = source.read(at, header_bytes)
    if len(header) < header_bytes:
        return None
    name = header[: layout.id_bytes]
    (size,) = layout.size.unpack(header[layout.id_bytes :])
    if layout.size_counts_header:
        size = max(size - header_bytes, 0)
    if layout.id_bytes == 4 and not all(0x20 <= byte < 0x7F for byte in name):
        return None
    return _Chunk(name, at, at + header_bytes, size)


def _next_chunk(source: Source, layout: _Layout, chunk: _Chunk) -> tuple[int, _Edit | None]:
    """The offset of the next chunk, and the edit that moves it to where libsndfile expects it.

    Some programs omit the byte that makes the length of a chunk even, or write one that is not needed.
    """
    end = chunk.body + chunk.size
    expected = end + -chunk.size % layout.alignment
    if layout.alignment == 2:
        for at in (expected, end, end + 1):
            following = _read_chunk(source, layout, at)
            if following is not None and following.id in _METADATA_IDS | _REQUIRED_IDS:
                if at < expected:
                    return at, _Edit(end, 0, b"\0")
                return at, _Edit(expected, at - expected, b"") if at > expected else None
    return expected, None


def _surplus(source: Source, layout: _Layout, sound: _Chunk) -> int:
    """How many bytes after the sound belong to no chunk and no tag; 0 if they are all zero.

    Raises:
        ClipRefused: chained, unreadable.
    """
    chunk = sound
    for _ in range(_MOST_CHUNKS):
        end = chunk.body + chunk.size
        at, _ = _next_chunk(source, layout, chunk)
        if at >= source.size:
            return 0
        for start in {end, at}:
            if _layout_of(source.read(start, 40)) is not None:
                raise _another_file("file of this kind")
        following = _read_chunk(source, layout, at)
        if following is None:
            break
        if following.id == layout.sound_id and following.size:
            raise ClipRefused("unreadable", "its sound is in several chunks, of which libsndfile reads one")
        if following.body + following.size > source.size:
            # If only metadata breaks off, no sound is missing.
            if following.id in _METADATA_IDS:
                return 0
            break
        chunk = following
    rest_end = metadata_tags.trailing_tags_start(source, end, source.size)
    return 0 if source.is_zero(end, rest_end) else rest_end - end


def _another_file(kind: str) -> ClipRefused:
    return ClipRefused("chained", f"another {kind} begins after its sound, and libsndfile reads the first alone")


def _format_tag(source: Source, chunk: _Chunk) -> int:
    """The format tag in a chunk `fmt `."""
    tag = int.from_bytes(source.read(chunk.body, 2), "little")
    if tag == _EXTENSIBLE_TAG and chunk.size >= 26:
        tag = int.from_bytes(source.read(chunk.body + 24, 2), "little")
    return tag
