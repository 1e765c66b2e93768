"""Writes the sound of a row as 16-bit WAV, at its own sample rate or at another one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

#: A WAV file counts its bytes with 32 bits.
MOST_WAV_BYTES = (1 << 32) - 4096
SAMPLE_BYTES = 2
_FULL_SCALE = 32_768
#: What is decoded at a time: five seconds.
_FRAMES_AT_A_TIME = 1 << 18


def write_wav(sound: soundfile.SoundFile, file: BinaryIO, sample_rate: int) -> bool:
    """Writes all channels of an open sound, in their order.

    A filter overshoots where the sound is near full scale. What would clip is turned down as a whole, by one gain for
    all channels, so that directions stay.

    Args:
        sound: the sound.
        file: an empty file that can be sought.
        sample_rate: of the WAV, in hertz.

    Returns:
        Whether it was turned down.
    """
    peak = _write(sound, file, sample_rate, 1.0)
    # Half a step over full scale rounds to full scale.
    if peak * _FULL_SCALE <= _FULL_SCALE + 0.5:
        return False
    file.seek(0)
    file.truncate()
    _write(sound, file, sample_rate, (_FULL_SCALE - 1) / _FULL_SCALE / peak)
    return True


def pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples in [−1, 1) as integers of 16 bit; exact for those that were integers of 16 bit."""
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def _write(sound: soundfile.SoundFile, file: BinaryIO, sample_rate: int, gain: float) -> float:
    """Writes the sound; the largest sample before the gain.

    The file is written here and not by libsndfile, which says no more than that something failed when a disk is full.
    """
    file.write(wav_header(0, sound.channels, sample_rate))
    peak, size = 0.0, 0
    for block in _blocks(sound, sample_rate):
        if len(block):
            peak = max(peak, float(np.abs(block).max()))
            data = pcm16(block * np.float32(gain)).astype("<i2").tobytes()
            file.write(data)
            size += len(data)
    file.seek(0)
    file.write(wav_header(size, sound.channels, sample_rate))
    return peak


def wav_header(size_bytes: int, channels: int, sample_rate: int) -> bytes:
    """The beginning of a WAV file with so many bytes of 16-bit samples."""
    frame_bytes = channels * SAMPLE_BYTES
    form = struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + size_bytes, b"WAVE", b"fmt ", len(form))
    return head + form + struct.pack("<4sI", b"data", size_bytes)


def _blocks(sound: soundfile.SoundFile, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    sound.seek(0)
    left = sound.frames
    resampler = None
    if sample_rate != sound.samplerate:
        resampler = soxr.ResampleStream(sound.samplerate, sample_rate, sound.channels, "float32", "HQ")
    while left:
        block = sound.read(min(left, _FRAMES_AT_A_TIME), dtype="float32", always_2d=True)
        if not len(block):
            raise ValueError("it ends before its length")
        left -= len(block)
        yield block if resampler is None else resampler.resample_chunk(block, last=not left)
