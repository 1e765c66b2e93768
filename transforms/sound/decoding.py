"""Decoding a clip's file with libsndfile, and refusing what it would decode in part or wrongly."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Sequence

import numpy as np
import soundfile
from numpy.typing import NDArray

from transforms.sound import containers, mpeg_frames, ogg_pages
from transforms.sound.containers import SoundChunk
from transforms.sound.file_view import FileView, Piece, Source
from transforms.sound.flac_stream import FlacStream
from transforms.sound.mpeg_frames import MpegStream
from transforms.sound.refusal import ClipRefused

#: Sample rates that recordings have, in hertz; a rate outside comes from a broken header.
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
#: Full scale of 32-bit integers: floats that were never scaled to ±1 stay below, and no recording is louder.
LOUDEST = 2.0**32
#: A clip whose samples all lie below this level, in dB of full scale, is silent: half a step of 16 bits is −96.3 dB.
SILENCE_DBFS = -90.0
#: The longest clip that any recipe may take, in seconds.
LONGEST_S = 86_400.0
#: How much less than its header promises a file may hold, in seconds. Encoders of MP3 count a frame that holds no
#: sound, and the last frames may refer to bytes that never come; a frame has 24 to 72 ms.
MAY_LACK_S, MP3_MAY_LACK_S = 0.05, 0.25

# An MP3 may begin with anything at all, so its name helps to recognise it.
_MP3_ENDINGS = (".mp3", ".mp2", ".mpga")
_BLOCK_BYTES = 64 << 20
# A file of MPEG audio claims to be this much longer than it is, so that libmpg123 estimates no less than it holds.
_MPEG_LENGTH_FACTOR = 1_000
# libsndfile gives 2⁶³ − 1 frames where a FLAC does not know its own length.
_UNKNOWN_FRAMES = 2**62
# Where libsndfile's log shows that a file of a rare format holds less than its header promises: both numbers have the
# same unit, whichever it is.
_PROMISED_AND_FOUND = (
    re.compile(r"^\s*BODY\s*:\s*(?P<promised>\d+) \(should be (?P<found>\d+)\)", re.MULTILINE),
    re.compile(r"File seems to be truncated\. (?P<found>\d+) <--> (?P<promised>\d+)"),
    re.compile(r"Data length (?P<promised>\d+) should be (?P<found>\d+)"),
)
_LOGGED_FRAMES = re.compile(r"\b(?:Frames|Cols)\s*:\s*(\d+)")
_FORMATS_THAT_LOG_PROMISE = ("AVR", "MPC2K", "MAT4", "MAT5")
_NIST_FRAMES = re.compile(rb"^sample_count -i (\d+)", re.MULTILINE)
_VOC_IS_CUT = "Seems to be a truncated file"
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
    source = Source(descriptor)
    if not source.size:
        raise ClipRefused("empty", "the file has no bytes")
    try:
        return _decode(source, ending, min(max_duration_s, LONGEST_S))
    except (soundfile.LibsndfileError, RuntimeError, ValueError, OverflowError) as error:
        if isinstance(error, ClipRefused):
            raise
        message = (getattr(error, "error_string", str(error)).strip().splitlines() or [""])[0]
        if "malloc" in message.lower():
            raise MemoryError(message) from error
        raise ClipRefused("unreadable", _CLEARER.get(message, message)) from error


def _decode(source: Source, ending: str, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    chunk = containers.find_sound(source)
    if chunk is not None and chunk.is_mpeg:
        return _decode_mpeg(source, chunk.start, chunk.end, max_duration_s, chunk=chunk)
    flac = FlacStream(source)
    if flac.is_understood:
        return _decode_flac(source, flac, max_duration_s)
    try:
        file = _open(source, () if chunk is None else chunk.pieces or ())
    except soundfile.LibsndfileError:
        if ending.lower() in _MP3_ENDINGS:
            with contextlib.suppress(_NoFrames):
                return _decode_mpeg(source, 0, source.size, max_duration_s)
        raise
    with file:
        if file.format == "MP3":
            return _decode_mpeg(source, 0, source.size, max_duration_s, opened=file)
        if file.format == "OGG":
            ogg_pages.check_pages(source)
        mix = _MixDown(max_duration_s)
        mix.add(file, file.frames)
        samples = mix.samples()
        _check_frames(file.frames, len(samples), file.samplerate)
        if chunk is not None:
            _check_chunk(chunk, len(samples) / file.samplerate)
        else:
            _check_log(source, file, len(samples))
        return samples, file.samplerate


class _ReadOn(soundfile.SoundFile):
    """A file that is read from its beginning to its end: a seek after each block is not exact in MP3, or fails."""

    def seekable(self) -> bool:
        return False


def _open(source: Source, pieces: Sequence[Piece] = (), apparent_bytes: int = 0) -> soundfile.SoundFile:
    """Opens the file itself, or the view of it that consists of these pieces."""
    if pieces:
        return _ReadOn(FileView(source, pieces, apparent_bytes))
    os.lseek(source.descriptor, 0, os.SEEK_SET)
    return _ReadOn(source.descriptor, closefd=False)


class _MixDown:
    """Reads files in blocks, one file after the other, and keeps the mean of their channels."""

    def __init__(self, max_duration_s: float) -> None:
        self._max_duration_s = max_duration_s
        self._blocks: list[NDArray[np.float32]] = []
        self.count = 0
        self._channels = 0
        self._loudest = self._loudest_mixed = 0.0

    def add(self, file: soundfile.SoundFile, frames: int, expected_frames: int = _UNKNOWN_FRAMES) -> None:
        """Reads a file to its end.

        Args:
            file: the file, at its beginning.
            frames: how many frames it holds at most, _UNKNOWN_FRAMES where its header does not say.
            expected_frames: how many it probably holds.

        Raises:
            ClipRefused: sample_rate, too_long, not_finite, out_of_range.
        """
        rate, channels = file.samplerate, file.channels
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise ClipRefused("sample_rate", f"{rate} Hz; recordings have {LOWEST_RATE} to {HIGHEST_RATE} Hz")
        self.check_length(frames, rate)
        # A broken header may promise any length, so one sample more than the recipe takes is read at most.
        left = min(math.ceil(self._max_duration_s * rate) + 1 - self.count, frames)
        block_frames = max(_BLOCK_BYTES // (4 * channels), 1)
        if frames >= _UNKNOWN_FRAMES:
            # A block that is mostly empty costs time, and so do many small ones.
            block_frames = min(block_frames, rate if expected_frames >= _UNKNOWN_FRAMES else expected_frames + 1)
        while left > 0:
            block = file.read(min(left, block_frames), dtype="float32", always_2d=True)
            if not len(block):
                break
            self._add_block(block)
            left -= len(block)
        self._channels = max(self._channels, channels)
        if self.count > self._max_duration_s * rate:
            raise ClipRefused("too_long", f"longer than the {self._max_duration_s:g} s that the recipe takes")

    def check_length(self, frames: int, rate: int) -> None:
        """Raises ClipRefused (too_long) where this many frames are more than the recipe takes."""
        if self._max_duration_s * rate < frames < _UNKNOWN_FRAMES:
            raise ClipRefused("too_long", f"{frames / rate:.0f} s; the recipe takes {self._max_duration_s:g} s")

    def _add_block(self, block: NDArray[np.float32]) -> None:
        peak = _peak(block)
        if not math.isfinite(peak):
            raise ClipRefused("not_finite", "samples that are infinite or not a number")
        if peak > LOUDEST:
            raise ClipRefused("out_of_range", f"a sample of {peak:.3g}; full scale is 1, and no recording is that loud")
        mono = _mean_of_channels(block)
        self._loudest = max(self._loudest, peak)
        self._loudest_mixed = max(self._loudest_mixed, peak if block.shape[1] == 1 else _peak(mono))
        self._blocks.append(mono)
        self.count += len(mono)

    def samples(self) -> NDArray[np.float32]:
        """All samples, as float32 (n,).

        Raises:
            ClipRefused: empty, silent.
        """
        if not self.count:
            raise ClipRefused("empty", "the file holds no samples")
        if self._loudest_mixed < 10 ** (SILENCE_DBFS / 20) <= self._loudest:
            raise ClipRefused("silent", f"its {self._channels} channels cancel each other when they are mixed down")
        return self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)


def _mean_of_channels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    if channels > 7:
        return np.asarray(block.mean(axis=1))
    # NumPy adds fewer than eight numbers in this order too, and takes five times as long for such short rows.
    total = block[:, 0] + block[:, 1]
    for channel in range(2, channels):
        total += block[:, channel]
    total /= np.float32(channels)
    return total


def _peak(samples: NDArray[np.float32]) -> float:
    # If any sample is not a number, both the maximum and the minimum are.
    return max(float(samples.max()), -float(samples.min()))


class _NoFrames(ClipRefused):
    """A file in which no frames of MPEG audio follow each other."""

    def __init__(self) -> None:
        super().__init__("unreadable", "no frames of MPEG audio follow each other near its beginning")


def _decode_mpeg(
    source: Source,
    start: int,
    end: int,
    max_duration_s: float,
    *,
    opened: soundfile.SoundFile | None = None,
    chunk: SoundChunk | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Decodes all frames of MPEG audio between two offsets.

    `opened` is the whole file, where libsndfile could open it; it is read as it is if libsndfile knows how long it is.
    """
    stream = mpeg_frames.scan(source, start, end, max_duration_s=max_duration_s)
    if stream is None:
        raise _NoFrames
    if stream.duration_s > max_duration_s:
        raise ClipRefused("too_long", f"longer than the {max_duration_s:g} s that the recipe takes")
    _check_stream(stream)
    if chunk is not None:
        _check_chunk(chunk, stream.duration_s)
    mix = _MixDown(max_duration_s)
    if opened is not None and stream.is_plain and opened.frames >= stream.fewest_samples:
        mix.add(opened, opened.frames)
    else:
        for part in stream.parts:
            with _open(source, part.pieces(), part.bytes * _MPEG_LENGTH_FACTOR) as file:
                mix.add(file, _UNKNOWN_FRAMES, expected_frames=part.frames * stream.samples_a_frame)
    samples = mix.samples()
    if len(samples) < stream.fewest_samples - MP3_MAY_LACK_S * stream.rate:
        decoded_s = len(samples) / stream.rate
        raise ClipRefused("unreadable", f"its frames last {stream.duration_s:.2f} s; {decoded_s:.2f} s can be decoded")
    return samples, stream.rate


def _check_stream(stream: MpegStream) -> None:
    """Refuses a stream of which a part is missing.

    Raises:
        ClipRefused: truncated, unreadable.
    """
    counted = True
    for part in stream.parts:
        if part.promised_frames is None:
            counted = False
            continue
        # A wrong count beside a right length in bytes shows no loss, nor does a count of all parts together.
        has_all_bytes = part.promised_bytes is not None and 0 < part.promised_bytes <= part.bytes
        counts_all_parts = part.promised_frames < stream.frames + len(stream.parts)
        lacking_s = stream.seconds(part.promised_frames - part.frames)
        if lacking_s > MP3_MAY_LACK_S and not has_all_bytes and not counts_all_parts:
            raise _truncated(stream.seconds(part.promised_frames), stream.seconds(part.frames))
    if stream.stray_s > MP3_MAY_LACK_S and not counted:
        raise ClipRefused(
            "unreadable",
            f"its frames last {stream.duration_s:.2f} s, and {stream.stray_bytes} bytes beside them are no MPEG audio",
        )


def _decode_flac(source: Source, stream: FlacStream, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    """Decodes a FLAC to its last frame, also where its header counts fewer."""
    promised = stream.total_samples or _UNKNOWN_FRAMES
    mix = _MixDown(max_duration_s)
    try:
        with _open(source, stream.without_length()) as file:
            rate = file.samplerate
            mix.check_length(promised, rate)
            mix.add(file, _UNKNOWN_FRAMES, expected_frames=promised)
    except soundfile.LibsndfileError:
        if stream.holds_another():
            raise ClipRefused(
                "chained", "another FLAC begins after the first, and libsndfile reads the first alone"
            ) from None
        # Something that is no FLAC may follow the frames that the header counts, but no more frames.
        if promised >= _UNKNOWN_FRAMES or mix.count > promised:
            raise
        mix = _MixDown(max_duration_s)
        with _open(source) as file:
            rate = file.samplerate
            mix.add(file, promised)
    samples = mix.samples()
    _check_frames(promised, len(samples), rate)
    return samples, rate


def _check_frames(promised: int, count: int, rate: int) -> None:
    """Raises ClipRefused where the file breaks off before what its header promises, as half a download does."""
    if promised < _UNKNOWN_FRAMES and promised - count > MAY_LACK_S * rate:
        raise _truncated(promised / rate, count / rate)


def _check_chunk(chunk: SoundChunk, held_s: float) -> None:
    """Raises ClipRefused where the chunk of the sound is shorter or longer than its header says."""
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


def _check_log(source: Source, file: soundfile.SoundFile, count: int) -> None:
    """Raises ClipRefused where a file of a rare format is shorter than its header says, by libsndfile's log."""
    log, rate = file.extra_info, file.samplerate
    promised = 0.0
    for pattern in _PROMISED_AND_FOUND:
        for match in pattern.finditer(log):
            promised = max(promised, count * int(match["promised"]) / max(int(match["found"]), 1))
    logged = [int(number) for number in _LOGGED_FRAMES.findall(log)]
    if file.format in _FORMATS_THAT_LOG_PROMISE:
        promised = max([promised, *logged])
    if file.format == "SDS" and logged:
        # libsndfile fills up with zeros what the blocks lack, and logs how many frames these hold.
        promised, count = file.frames, logged[-1]
    if file.format == "NIST" and (counted := _NIST_FRAMES.search(source.read(0, 1024))):
        promised = int(counted[1])
    if promised - count > MAY_LACK_S * rate:
        raise _truncated(promised / rate, count / rate)
    if _VOC_IS_CUT in log:
        raise ClipRefused("truncated", f"it breaks off after {count / rate:.2f} s, before what its header promises")


def _truncated(promised_s: float, held_s: float) -> ClipRefused:
    return ClipRefused("truncated", f"its header promises {promised_s:.2f} s, {held_s:.2f} s are there")
