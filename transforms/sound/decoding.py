"""Decoding the file of a clip with libsndfile, to its end, or refusing it with the reason."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from transforms.sound.formats import containers, mpeg_frames, ogg_pages, rare_formats
from transforms.sound.formats.containers import SoundChunk
from transforms.sound.formats.file_view import FileView, Piece, Source
from transforms.sound.formats.flac_stream import FlacStream
from transforms.sound.formats.mpeg_frames import MpegStream
from transforms.sound.mix_down import UNKNOWN_FRAMES, MixDown, check_header
from transforms.sound.refusal import ClipRefused

#: The longest clip that any recipe may take, in seconds.
LONGEST_S = 86_400.0
#: How much less than its header promises a file may hold, in seconds. Encoders of MP3 count a frame that holds no
#: sound, and the last frames may refer to bytes that never come; a frame has 24 to 72 ms.
MAY_LACK_S, MP3_MAY_LACK_S = 0.05, 0.25

# An MP3 may begin with anything at all, so its name helps to recognise it.
_MP3_ENDINGS = (".mp3", ".mp2", ".mpga")
# A view of MPEG audio claims to be so many times as long as it is, so that libmpg123 never estimates too few frames.
_MPEG_LENGTH_FACTOR = 1_000
# What libsndfile says, and what it means.
_CLEARER = {
    "": "its sound is damaged or breaks off",
    "Error : flac decoder lost sync.": "its sound is damaged or breaks off (flac decoder lost sync)",
    "Unspecified internal error.": "its header is damaged or breaks off",
    "Internal error : SF_INFO struct incomplete.": "its header names an impossible sample rate, length or format",
    "File does not exist or is not a regular file (possibly a pipe?).": "Format not recognised.",
}


def decode_file(descriptor: int, ending: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    """Decodes a file of any format that libsndfile reads, and mixes its channels down by their mean.

    Args:
        descriptor: an open file that can be sought; its position is moved.
        ending: the ending of the file's name, such as ".mp3", for files whose first bytes do not show their format.
        max_duration_s: the longest clip that is taken, in seconds.

    Returns:
        Float32 mono samples (n,) and their rate in hertz.

    Raises:
        ClipRefused: empty, unreadable, truncated, unclosed, chained, sample_rate, too_long, not_finite, out_of_range,
            silent.
        MemoryError: when it takes more than this process may have.
    """
    max_duration_s = min(max_duration_s, LONGEST_S)
    with _refusing(), _recognised(Source(descriptor), ending, max_duration_s) as found:
        if found.stream is not None:
            samples = _decode_mpeg(found, found.stream, max_duration_s)
            return samples, found.stream.rate
        assert found.file is not None
        if found.flac is not None:
            samples = _decode_flac(found, found.flac, max_duration_s)
        else:
            samples = _decode_others(found, found.file, max_duration_s)
        return samples, found.file.samplerate


def read_header(descriptor: int, ending: str = "", *, max_duration_s: float) -> tuple[int | None, int, int]:
    """Reads the length, rate and channels of a file from its headers, without decoding it.

    Args:
        descriptor: an open file that can be sought; its position is moved.
        ending: the ending of the file's name.
        max_duration_s: the longest clip that is taken, in seconds.

    Returns:
        Samples of each channel (None if the file does not say), sample rate in hertz, number of channels.

    Raises:
        ClipRefused: as decode_file, with the reasons that can be known without decoding.
    """
    max_duration_s = min(max_duration_s, LONGEST_S)
    with _refusing(), _recognised(Source(descriptor), ending, max_duration_s) as found:
        if found.stream is not None:
            stream = found.stream
            return stream.frames * stream.samples_a_frame, stream.rate, stream.parts[0].channels
        assert found.file is not None
        frames = found.file.frames if found.flac is None else found.flac.total_samples
        check_header(frames or UNKNOWN_FRAMES, found.file.samplerate, max_duration_s)
        known = 0 < frames < UNKNOWN_FRAMES
        return frames if known else None, found.file.samplerate, found.file.channels


@dataclass
class _Recognised:
    """A file and what its headers say.

    Attributes:
        source: the file.
        file: the file as libsndfile opened it, with a corrected header if it needs one; None if only the frames of MPEG
            audio are known.
        chunk: the sound, if it is in a chunk.
        flac: the header, if the file is a FLAC.
        stream: the frames, if the sound is MPEG audio.
    """

    source: Source
    file: soundfile.SoundFile | None = None
    chunk: SoundChunk | None = None
    flac: FlacStream | None = None
    stream: MpegStream | None = None


@contextlib.contextmanager
def _recognised(source: Source, ending: str, max_duration_s: float) -> Iterator[_Recognised]:
    """Reads the headers of a file and opens it.

    Raises:
        ClipRefused: empty, unreadable, truncated, chained, too_long.
        soundfile.LibsndfileError: the format is not recognised, or the header is damaged.
    """
    if not source.size:
        raise ClipRefused("empty", "the file has no bytes")
    found = _Recognised(source, chunk=containers.find_sound(source))
    chunk, flac = found.chunk, FlacStream(source)
    if chunk is not None and chunk.is_mpeg:
        found.stream = _scan(source, chunk.start, chunk.end, max_duration_s)
        if found.stream is None:
            raise ClipRefused("unreadable", "its header names MPEG audio, and no frames of it follow each other")
        _check_chunk(chunk, found.stream.duration_s)
        yield found
        return
    try:
        if flac.is_understood:
            found.flac, found.file = flac, _open(source, flac.without_length())
        else:
            found.file = _open(source, () if chunk is None else chunk.pieces or ())
    except soundfile.LibsndfileError:
        if ending.lower() in _MP3_ENDINGS:
            found.stream = _scan(source, 0, source.size, max_duration_s)
        if found.stream is None:
            raise
        yield found
        return
    with found.file:
        if found.file.format == "MP3":
            found.stream = _scan(source, 0, source.size, max_duration_s)
            if found.stream is None:
                raise ClipRefused("unreadable", "no frames of MPEG audio follow each other near its beginning")
        elif found.file.format == "OGG":
            ogg_pages.check_pages(source)
        yield found


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turns errors of libsndfile into ClipRefused with a message that says what is wrong with the file."""
    try:
        yield
    except (soundfile.LibsndfileError, RuntimeError, ValueError, OverflowError) as error:
        if isinstance(error, ClipRefused):
            raise
        message = (getattr(error, "error_string", str(error)).strip().splitlines() or [""])[0]
        if "malloc" in message.lower():
            raise MemoryError(message) from error
        raise ClipRefused("unreadable", _CLEARER.get(message, message)) from error


class _ReadOn(soundfile.SoundFile):
    """A file that is only read forwards; soundfile would seek after each block, which is not exact in an MP3."""

    def seekable(self) -> bool:
        return False


def _open(source: Source, pieces: Sequence[Piece] = (), apparent_bytes: int = 0) -> soundfile.SoundFile:
    """Opens a view that consists of pieces of a file, or the file itself if there are none."""
    if pieces:
        return _ReadOn(FileView(source, pieces, apparent_bytes))
    os.lseek(source.descriptor, 0, os.SEEK_SET)
    return _ReadOn(source.descriptor, closefd=False)


def _decode_others(found: _Recognised, file: soundfile.SoundFile, max_duration_s: float) -> NDArray[np.float32]:
    """Decodes a file that is neither FLAC nor MPEG audio, and compares its length with its header."""
    mix = MixDown(max_duration_s)
    mix.add(file, file.frames)
    samples = mix.samples()
    _check_frames(file.frames, len(samples), file.samplerate)
    if found.chunk is not None:
        _check_chunk(found.chunk, len(samples) / file.samplerate)
    else:
        _check_frames(*rare_formats.promised_and_found(found.source, file, len(samples)), file.samplerate)
    return samples


def _decode_flac(found: _Recognised, flac: FlacStream, max_duration_s: float) -> NDArray[np.float32]:
    """Decodes a FLAC to its last frame, even if its header promises fewer samples."""
    assert found.file is not None
    rate, promised = found.file.samplerate, flac.total_samples or UNKNOWN_FRAMES
    check_header(promised, rate, max_duration_s)
    mix = MixDown(max_duration_s)
    try:
        mix.add(found.file, UNKNOWN_FRAMES, expected_frames=promised)
    except soundfile.LibsndfileError:
        if flac.holds_another():
            raise _chained("FLAC") from None
        # Other bytes may follow the samples that the header promises, but no more samples.
        if promised >= UNKNOWN_FRAMES or mix.count > promised:
            raise
        mix = MixDown(max_duration_s)
        with _open(found.source) as file:
            mix.add(file, promised)
    samples = mix.samples()
    _check_frames(promised, len(samples), rate)
    return samples


def _scan(source: Source, start: int, end: int, max_duration_s: float) -> MpegStream | None:
    """Finds the frames of MPEG audio between two offsets, and refuses a stream if a part of it is missing."""
    stream = mpeg_frames.scan(source, start, end, max_duration_s=max_duration_s)
    if stream is None:
        return None
    if not stream.frames:
        raise ClipRefused("empty", "the file holds no samples")
    if stream.duration_s > max_duration_s:
        raise ClipRefused("too_long", f"longer than the {max_duration_s:g} s that the recipe takes")
    counted = True
    for part in stream.parts:
        if part.promised_frames is None:
            counted = False
            continue
        # Nothing is missing if all bytes are there and only the count is wrong, or if it counts all parts together.
        has_all_bytes = part.promised_bytes is not None and 0 < part.promised_bytes <= part.bytes
        counts_all_parts = abs(part.promised_frames - stream.frames) <= len(stream.parts)
        lacking_s = stream.seconds(part.promised_frames - part.frames)
        if lacking_s > MP3_MAY_LACK_S and not has_all_bytes and not counts_all_parts:
            raise _truncated(stream.seconds(part.promised_frames), stream.seconds(part.frames))
    if stream.stray_s > MP3_MAY_LACK_S and not counted:
        raise ClipRefused(
            "unreadable",
            f"its frames last {stream.duration_s:.2f} s, and {stream.stray_bytes} bytes beside them are no MPEG audio",
        )
    return stream


def _decode_mpeg(found: _Recognised, stream: MpegStream, max_duration_s: float) -> NDArray[np.float32]:
    """Decodes all frames of MPEG audio, from views of the file if libsndfile would decode fewer."""
    mix = MixDown(max_duration_s)
    file = found.file
    if file is not None and stream.is_plain and file.frames >= stream.fewest_samples:
        mix.add(file, min(file.frames, stream.frames * stream.samples_a_frame))
    else:
        for part in stream.parts:
            with _open(found.source, part.pieces(), part.bytes * _MPEG_LENGTH_FACTOR) as view:
                mix.add(view, UNKNOWN_FRAMES, expected_frames=part.frames * stream.samples_a_frame)
    samples = mix.samples()
    if len(samples) < stream.fewest_samples - MP3_MAY_LACK_S * stream.rate:
        decoded_s = len(samples) / stream.rate
        raise ClipRefused("unreadable", f"its frames last {stream.duration_s:.2f} s; {decoded_s:.2f} s can be decoded")
    return samples


def _check_frames(promised: int, count: int, rate: int) -> None:
    """Refuses a file that breaks off, such as half a download, and so has fewer samples than its header promises."""
    if promised < UNKNOWN_FRAMES and promised - count > MAY_LACK_S * rate:
        raise _truncated(promised / rate, count / rate)


def _check_chunk(chunk: SoundChunk, held_s: float) -> None:
    """Refuses a file whose sound is shorter or longer than its header says."""
    held_bytes = chunk.end - chunk.start
    if chunk.promised_bytes is None or not held_bytes:
        return
    second_bytes = held_bytes / held_s
    if (chunk.promised_bytes - held_bytes) / second_bytes > MAY_LACK_S:
        raise _truncated(chunk.promised_bytes / second_bytes, held_s)
    surplus_s = chunk.surplus_bytes / second_bytes
    if surplus_s > MAY_LACK_S:
        raise ClipRefused(
            "unclosed", f"the header was never closed: it counts {held_s:.2f} s of sound, {surplus_s:.2f} s more follow"
        )


def _truncated(promised_s: float, held_s: float) -> ClipRefused:
    return ClipRefused("truncated", f"its header promises {promised_s:.2f} s, {held_s:.2f} s are there")


def _chained(kind: str) -> ClipRefused:
    return ClipRefused("chained", f"another {kind} begins after the first, and libsndfile reads the first alone")
