"""Decoding a clip's file with libsndfile; run as a program, this is the child of isolated_decoder.

It imports nothing of ours, and little else: it starts in 0.2 s, and knows nothing worth taking.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import re
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterator

import numpy as np
import soundfile
from numpy.typing import NDArray

#: Sample rates that recordings have, in hertz; the rates that a broken header names lie outside.
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
#: Where whole numbers of 32 bits end: floats that somebody forgot to scale are below, what would overflow is above.
LOUDEST = 2.0**32
#: Quieter than this (full scale is 0 dB) a whole clip counts as silent: half a step of 16 bits is −96.3 dB.
SILENCE_DBFS = -90.0
#: The longest that any recipe takes, in seconds, also one that names no end.
LONGEST_S = 86_400.0
#: What a file may lack of what its header promises, in seconds. Encoders of MP3 count a frame that holds no sound, and
#: the last ones may lean on what never comes; a frame of theirs has 24 to 72 ms.
MAY_LACK_S, MP3_MAY_LACK_S = 0.05, 0.25

#: Endings of the one format whose files may begin with anything at all.
_MP3_ENDINGS = (".mp3", ".mp2", ".mpga")
_MP3_SEARCHED_BYTES = 1 << 20
_BLOCK_BYTES = 64 << 20
# Recorders that cannot go back write a length that no file of 32 bits has.
_UNKNOWN_LENGTH_BYTES = 0x7FFF_0000
# Where libsndfile's log says that a file ends before its header does: bytes or frames promised, and found.
_PROMISED_AND_FOUND = (
    re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(0x[0-9A-Fa-f]+|\d+) \(should be (\d+)\)", re.MULTILINE),
    re.compile(r"Calculated frame count (?P<found>\d+) does not match value from 'ds64' chunk of (?P<promised>\d+)"),
)
_NO_LAST_PAGE = "Last page lacks an end-of-stream bit"
# What libsndfile says where it would mislead.
_CLEARER = {
    "": "its sound is damaged or breaks off",
    "Unspecified internal error.": "its header is damaged or breaks off",
    "Internal error : SF_INFO struct incomplete.": "its header names an impossible sample rate, length or format",
    "File does not exist or is not a regular file (possibly a pipe?).": "Format not recognised.",
}
# A FLAC that was written into a pipe does not know its own length; libsndfile then says 2⁶³ − 1.
_UNKNOWN_FRAMES = 2**62

#: A request: ending of the file's name, seconds that the recipe takes, seconds after which nobody waits any longer.
#: The open file comes beside it.
REQUEST = struct.Struct("<16sdd")
#: A reply: kind, rate in hertz, bytes that follow.
REPLY = struct.Struct("<IIQ")
READY, SAMPLES, REFUSAL, NO_MEMORY = range(4)


class ClipRefused(ValueError):
    """A clip that gives no row; `reason` is machine-readable, the message is for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def decode_file(descriptor: int, ending: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    """Decodes whatever libsndfile reads and mixes it down; the name's ending helps where the first bytes do not tell.

    Args:
        descriptor: an open file that can be sought; its position is moved.
        ending: such as ".mp3".
        max_duration_s: the longest clip that is taken, in seconds.

    Returns:
        Float32 mono samples (n,) and their rate in hertz.

    Raises:
        ClipRefused: empty, unreadable, truncated, chained, sample_rate, too_long, not_finite, out_of_range, silent.
        MemoryError: when it takes more than this process may have.
    """
    if not os.fstat(descriptor).st_size:
        raise ClipRefused("empty", "the file has no bytes")
    try:
        with _open(descriptor, ending) as file:
            max_duration_s = min(max_duration_s, LONGEST_S)
            if file.format == "OGG" and _is_chained(descriptor):
                raise ClipRefused("chained", "several Ogg streams after each other, of which the first alone is read")
            return _mix_down(file, max_duration_s), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, ValueError, OverflowError) as error:
        if isinstance(error, ClipRefused):
            raise
        message = (getattr(error, "error_string", str(error)).strip().splitlines() or [""])[0]
        if "malloc" in message.lower():
            raise MemoryError(message) from error
        raise ClipRefused("unreadable", _CLEARER.get(message, message)) from error


class _ReadOn(soundfile.SoundFile):
    """A file that is read from its beginning to its end: a seek after each block is not exact in MP3, or fails."""

    def seekable(self) -> bool:
        return False


@contextlib.contextmanager
def _open(descriptor: int, ending: str) -> Iterator[soundfile.SoundFile]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        file = _ReadOn(descriptor, closefd=False)
    except soundfile.LibsndfileError:
        if ending.lower() not in _MP3_ENDINGS:
            raise
        # An MP3 whose tag is odd is known by its ending alone.
        with open(descriptor, "rb", closefd=False) as source:
            source.seek(0)
            data = source.read()
        start = _first_mp3_frame(data)
        if start is None:
            raise
        file = _ReadOn(io.BytesIO(data[start:]))
    with file:
        yield file


def _mix_down(file: soundfile.SoundFile, max_duration_s: float) -> NDArray[np.float32]:
    rate, channels = file.samplerate, file.channels
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ClipRefused("sample_rate", f"{rate} Hz; recordings have {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if max_duration_s * rate < file.frames < _UNKNOWN_FRAMES:
        raise ClipRefused("too_long", f"{file.frames / rate:.0f} s; the recipe takes {max_duration_s:g} s")
    # A broken header may promise any length: read no more than the recipe takes, and see whether more comes.
    left = min(math.ceil(max_duration_s * rate) + 1, file.frames)
    together = max(_BLOCK_BYTES // (4 * channels), 1)
    if file.frames >= _UNKNOWN_FRAMES:
        # What is asked for and not there is filled with zeros first, which takes its time.
        together = min(together, rate)
    blocks: list[NDArray[np.float32]] = []
    loudest = loudest_mixed = 0.0
    while left:
        block = file.read(min(left, together), dtype="float32", always_2d=True)
        if not len(block):
            break
        peak = _peak(block)
        if not math.isfinite(peak):
            raise ClipRefused("not_finite", "samples that are infinite or not a number")
        if peak > LOUDEST:
            raise ClipRefused("out_of_range", f"a sample of {peak:.3g}; full scale is 1, and no recording is that loud")
        mono = _mean_of_channels(block)
        loudest, loudest_mixed = max(loudest, peak), max(loudest_mixed, peak if channels == 1 else _peak(mono))
        blocks.append(mono)
        left -= len(block)
    count = sum(map(len, blocks))
    if count > max_duration_s * rate:
        raise ClipRefused("too_long", f"longer than the {max_duration_s:g} s that the recipe takes")
    if not count:
        raise ClipRefused("empty", "the file holds no samples")
    _refuse_truncated(file, count)
    if loudest_mixed < 10 ** (SILENCE_DBFS / 20) <= loudest:
        raise ClipRefused("silent", f"its {channels} channels cancel each other when they are mixed down")
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _mean_of_channels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    if channels > 7:
        return np.asarray(block.mean(axis=1))
    # NumPy adds fewer than eight in their order too, and takes five times as long over each short row.
    total = block[:, 0] + block[:, 1]
    for channel in range(2, channels):
        total += block[:, channel]
    total /= np.float32(channels)
    return total


def _peak(samples: NDArray[np.float32]) -> float:
    # Not a number is neither the larger nor the smaller one: both show it.
    return max(float(samples.max()), -float(samples.min()))


def _refuse_truncated(file: soundfile.SoundFile, count: int) -> None:
    """Raises ClipRefused where the file breaks off before what its header promises, as half a download does."""
    held_s = count / file.samplerate
    lacking_s = file.frames / file.samplerate - held_s if file.frames < _UNKNOWN_FRAMES else 0.0
    log = file.extra_info
    for pattern in _PROMISED_AND_FOUND:
        for match in pattern.finditer(log):
            promised, found = (match["promised"], match["found"]) if match.re.groupindex else match.groups()
            length = int(promised, 0)
            if length < _UNKNOWN_LENGTH_BYTES and int(found):
                lacking_s = max(lacking_s, held_s * (length / int(found) - 1))
    if lacking_s > (MP3_MAY_LACK_S if file.format == "MP3" else MAY_LACK_S):
        promised_s = held_s + lacking_s
        raise ClipRefused("truncated", f"its header promises {promised_s:.2f} s, {held_s:.2f} s are there")
    if _NO_LAST_PAGE in log:
        raise ClipRefused("truncated", f"it breaks off after {held_s:.2f} s, without the page that ends an Ogg file")


def _is_chained(descriptor: int) -> bool:
    """Whether an Ogg file begins a stream after another has begun to sound."""
    with open(descriptor, "rb", closefd=False) as file:
        position = file.tell()
        file.seek(0)
        sounding = False
        while len(header := file.read(27)) == 27 and header.startswith(b"OggS"):
            begins = bool(header[5] & 2)
            if begins and sounding:
                break
            sounding = sounding or not begins
            file.seek(sum(file.read(header[26])), os.SEEK_CUR)
        else:
            begins = False
        file.seek(position)
    return begins


# Kilobits a second of layer III, by the four bits of a frame's header: MPEG 1, then MPEG 2 and 2.5.
_KILOBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
_MPEG_RATES = (44_100, 48_000, 32_000, 0)


def _first_mp3_frame(data: bytes) -> int | None:
    """Where the first of three MP3 frames in a row begins; None where there is none near the beginning."""
    start = data.find(b"\xff", 0, _MP3_SEARCHED_BYTES)
    while start >= 0:
        at, frames = start, 0
        while frames < 3 and (length := _mp3_frame_bytes(data[at : at + 4])):
            at, frames = at + length, frames + 1
        if frames == 3:
            return start
        start = data.find(b"\xff", start + 1, _MP3_SEARCHED_BYTES)
    return None


def _mp3_frame_bytes(header: bytes) -> int:
    """How long the frame with this header of four bytes is; 0 where it is none of layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version = header[1] >> 3 & 3
    kilobits = _KILOBITS[version != 3][header[2] >> 4]
    rate = _MPEG_RATES[header[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}.get(version, 32)
    if not kilobits or not rate:
        return 0
    return (144_000 if version == 3 else 72_000) * kilobits // rate + (header[2] >> 1 & 1)


def serve(connection: socket.socket) -> None:
    """Decodes what comes over the connection, one file after the other, until its other end is gone."""
    memory_bytes = _confine()
    connection.sendall(REPLY.pack(READY, 0, 0))
    while True:
        request, descriptors, _, _ = socket.recv_fds(connection, REQUEST.size, 1)
        if len(request) < REQUEST.size or not descriptors:
            return
        ending, max_duration_s, give_up_s = REQUEST.unpack(request)
        # Should the parent be gone, nobody else stops a library that never returns.
        signal.setitimer(signal.ITIMER_REAL, give_up_s)
        if memory_bytes:
            # A block as it is read and its mean, twice over, and the longest clip that is taken.
            allowed = (1 << 30) + round(max_duration_s * HIGHEST_RATE) * 4
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes + allowed, resource.RLIM_INFINITY))
        try:
            samples, rate = decode_file(
                descriptors[0], ending.rstrip(b"\0").decode(errors="replace"), max_duration_s=max_duration_s
            )
        except MemoryError:
            # What the library holds by now is anyone's guess: a new process is cheaper than finding out.
            connection.sendall(REPLY.pack(NO_MEMORY, 0, 0))
            return
        except Exception as error:
            reason = error.reason if isinstance(error, ClipRefused) else "unreadable"
            text = json.dumps([reason, str(error) or type(error).__name__]).encode()
            connection.sendall(REPLY.pack(REFUSAL, 0, len(text)) + text)
        else:
            connection.sendall(REPLY.pack(SAMPLES, rate, samples.nbytes))
            connection.sendall(np.ascontiguousarray(samples).data.cast("B"))
            del samples
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.close(descriptors[0])


def _confine() -> int:
    """Takes from this process what decoding does not need; returns the bytes of memory that it has by now, or 0."""
    # Ctrl-C is for the parent, whose end is ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a decoder's library writes to stderr by itself is not for anyone.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    with socket.socket(fileno=0) as parent, contextlib.suppress(ConnectionError):
        serve(parent)
    sys.exit(0)
