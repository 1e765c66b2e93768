"""Reads sound files as ambisonics, whole or in part. Only the part is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from model.errors import SoundUnreadable, one_line

#: Samples of a file: 16-bit integers as stored, or float32 with full scale 1.
Samples = NDArray[Any]


def read_foa(path: Path, *, sample_rate: int, start: int = 0, frames: int = -1) -> NDArray[np.float32]:
    """Reads a part of a sound file as ambisonics at any rate.

    Args:
        path: a file with four channels, AmbiX (W, Y, Z, X; SN3D), or with one channel, which is copied to all four.
        sample_rate: rate of the result, in hertz.
        start, frames: first sample and number of samples in the file; −1 reads to the end.

    Returns:
        (4, samples), float32, full scale 1.

    Raises:
        SoundUnreadable: a file that cannot be decoded, is empty, not finite or has another number of channels.
    """
    with _open(path) as file:
        if file.channels not in (1, 4):
            raise SoundUnreadable(f"{path}: {file.channels} channels; 4 (ambisonics W, Y, Z, X) or 1 are expected")
        samples, rate = _read(file, path, start, frames, "float32"), file.samplerate
    foa = _at_rate(samples, rate, sample_rate)
    return np.ascontiguousarray(np.broadcast_to(foa.T, (4, len(foa))), dtype=np.float32)


def read_crop(path: Path, *, position: float, clip_s: float, file_rate: int, sample_rate: int) -> Samples:
    """Reads a crop of a release's sound file.

    Args:
        path: a file with four channels at ``file_rate``.
        position: 0 is the first possible crop of the file, 1 the last.
        clip_s: length in seconds. A shorter file is padded with zeros at its end.
        file_rate: rate that the row states, in hertz.
        sample_rate: rate of the result, in hertz.

    Returns:
        (4, clip_s · sample_rate): int16 if the file has 16 bits and the rate of the result, otherwise float32.

    Raises:
        SoundUnreadable: a file that cannot be decoded, is empty or not finite, or does not match its row.
    """
    with _open_of_release(path, file_rate) as file:
        frames = min(file.frames, round(clip_s * file_rate))
        unchanged = file.subtype == "PCM_16" and file_rate == sample_rate
        start = int(position * (file.frames - frames))
        samples = _read(file, path, start, frames, "int16" if unchanged else "float32")
    samples = _at_rate(samples, file_rate, sample_rate)
    return to_length(np.ascontiguousarray(samples.T), round(clip_s * sample_rate))


def read_clip(path: Path, *, file_rate: int, sample_rate: int) -> NDArray[np.int16]:
    """Reads a release's whole sound file at any rate, (4, ``clip_length``), as 16-bit integers.

    Raises:
        SoundUnreadable: as ``read_crop``.
    """
    with _open_of_release(path, file_rate) as file:
        length = _length(file.frames, file_rate, sample_rate)
        samples = _at_rate(_read(file, path, 0, file.frames, "float32"), file_rate, sample_rate)
    integers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
    return to_length(np.ascontiguousarray(integers.T), length)


def clip_length(path: Path, *, file_rate: int, sample_rate: int) -> int:
    """The number of samples that a release's sound file has at another rate, from its header.

    Raises:
        SoundUnreadable: a file that does not match its row.
    """
    with _open_of_release(path, file_rate) as file:
        return _length(file.frames, file_rate, sample_rate)


def _length(frames: int, file_rate: int, sample_rate: int) -> int:
    return round(frames * sample_rate / file_rate)


@contextmanager
def _open_of_release(path: Path, file_rate: int) -> Iterator[soundfile.SoundFile]:
    with _open(path) as file:
        if file.samplerate != file_rate:
            raise SoundUnreadable(f"{path}: {file.samplerate} Hz, its row says {file_rate}")
        if file.channels != 4:
            raise SoundUnreadable(f"{path}: {file.channels} channels, 4 are expected")
        yield file


def to_length(foa: Samples, samples: int) -> Samples:
    """Cuts sound (4, n), or pads it with zeros, to (4, samples)."""
    return np.pad(foa[:, :samples], ((0, 0), (0, max(0, samples - foa.shape[1]))))


@contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise SoundUnreadable(f"{path}: cannot be decoded: {one_line(error)}") from None


def _read(file: soundfile.SoundFile, path: Path, start: int, frames: int, kind: str) -> Samples:
    """Reads (frames, channels); with −1 frames, all that follow ``start``."""
    file.seek(start)
    samples = file.read(frames, dtype=kind, always_2d=True)
    wanted = max(1, frames)
    if len(samples) < wanted:
        raise SoundUnreadable(f"{path}: {len(samples)} samples from {start} on, at least {wanted} are expected")
    if samples.dtype != np.int16 and not np.isfinite(samples).all():
        raise SoundUnreadable(f"{path}: samples that are not finite")
    return samples


def _at_rate(samples: Samples, rate: int, wanted: int) -> Samples:
    if rate == wanted:
        return samples
    # Quality LQ would take a fifth less time, with half the accuracy in the pass band.
    return soxr.resample(samples, rate, wanted, quality="HQ")
