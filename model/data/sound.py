"""Reads sound files as ambisonics, whole or in part. Only the part is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from model.errors import SoundUnreadable, one_line
from model.files import FileRefused, open_file, open_typed

#: Samples of a file: 16-bit integers as stored, or float32 with full scale 1.
Samples = NDArray[Any]
#: Longest sound that is embedded as a whole, in seconds, and most samples of its channels together: ten minutes of
#: four channels at 48 kHz. A file of some kilobytes can hold hours of silence.
LONGEST_S, MOST_SAMPLES = 600.0, 115_200_000


@dataclass(frozen=True)
class RowSound:
    """The sound file of a row of a release.

    Attributes:
        release: its folder.
        name: of the file, below the release.
        sample_rate: that the row states, in hertz.
        duration_s: that the row states.
    """

    release: Path
    name: str
    sample_rate: int
    duration_s: float

    @property
    def path(self) -> Path:
        """The path of the file, for messages."""
        return self.release / self.name


def read_foa(
    path: Path, *, sample_rate: int, start: int = 0, frames: int = -1, folder: Path | None = None
) -> NDArray[np.float32]:
    """Reads a part of a sound file as ambisonics at any rate.

    Args:
        path: a file with four channels, AmbiX (W, Y, Z, X; SN3D), or with one channel, which is copied to all four.
        sample_rate: rate of the result, in hertz.
        start, frames: first sample and number of samples in the file; −1 reads to the end.
        folder: that the user typed, and that the file is in; None where the user typed the path of the file.

    Returns:
        (4, samples), float32, full scale 1.

    Raises:
        SoundUnreadable: a file that cannot be decoded, is empty, not finite or too long, or has another number of
            channels.
    """
    with _opened(path, folder) as file:
        if file.channels not in (1, 4):
            raise SoundUnreadable(f"{path}: {file.channels} channels; 4 (ambisonics W, Y, Z, X) or 1 are expected")
        wanted = file.frames - start if frames < 0 else frames
        if wanted > LONGEST_S * file.samplerate or wanted * file.channels > MOST_SAMPLES:
            raise SoundUnreadable(
                f"{path}: {wanted / file.samplerate:.0f} s of sound, more than the {LONGEST_S:g} s that are read whole"
            )
        foa = _at_rate(_read(file, path, start, frames, "float32"), file.samplerate, sample_rate)
    return np.ascontiguousarray(np.broadcast_to(foa.T, (4, len(foa))), dtype=np.float32)


def sound_length(path: Path, *, channels: int, folder: Path | None = None) -> tuple[int, int]:
    """The number of samples of a sound file and its rate in hertz, from its header.

    Raises:
        SoundUnreadable: a file that cannot be decoded, or has another number of channels.
    """
    with _opened(path, folder) as file:
        if file.channels != channels:
            raise SoundUnreadable(f"{path}: {file.channels} channels, {channels} are expected")
        return file.frames, file.samplerate


def read_crop(row: RowSound, *, position: float, clip_s: float, sample_rate: int) -> Samples:
    """Reads a crop of a release's sound file.

    Args:
        row: a file with four channels.
        position: 0 is the first possible crop of the file, 1 the last.
        clip_s: length in seconds. A shorter file is padded with zeros at its end.
        sample_rate: rate of the result, in hertz.

    Returns:
        (4, clip_s · sample_rate): int16 if the file has 16 bits and the rate of the result, otherwise float32.

    Raises:
        SoundUnreadable: a file that cannot be decoded, is empty or not finite, or does not match its row.
    """
    with _open_of_release(row) as file:
        frames = min(file.frames, round(clip_s * row.sample_rate))
        unchanged = file.subtype == "PCM_16" and row.sample_rate == sample_rate
        start = int(position * (file.frames - frames))
        samples = _read(file, row.path, start, frames, "int16" if unchanged else "float32")
    samples = _at_rate(samples, row.sample_rate, sample_rate)
    return to_length(np.ascontiguousarray(samples.T), round(clip_s * sample_rate))


def read_clip(row: RowSound, *, sample_rate: int) -> NDArray[np.int16]:
    """Reads a release's whole sound file at any rate, (4, ``clip_length``), as 16-bit integers.

    Raises:
        SoundUnreadable: as ``read_crop``, or a file that is longer than LONGEST_S.
    """
    with _open_of_release(row) as file:
        length = _length(file.frames, row.sample_rate, sample_rate)
        samples = _at_rate(_read(file, row.path, 0, file.frames, "float32"), row.sample_rate, sample_rate)
    integers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
    return to_length(np.ascontiguousarray(integers.T), length)


def clip_length(row: RowSound, *, sample_rate: int) -> int:
    """The number of samples that a release's sound file has at another rate, from its header.

    Raises:
        SoundUnreadable: a file that does not match its row, or is longer than LONGEST_S.
    """
    with _open_of_release(row) as file:
        if file.frames > LONGEST_S * row.sample_rate:
            raise SoundUnreadable(f"{row.path}: longer than {LONGEST_S:g} s, so set training.keep_decoded=false")
        return _length(file.frames, row.sample_rate, sample_rate)


def _length(frames: int, file_rate: int, sample_rate: int) -> int:
    return round(frames * sample_rate / file_rate)


@contextmanager
def _open_of_release(row: RowSound) -> Iterator[soundfile.SoundFile]:
    path = row.path
    with _opened(path, row.release) as file:
        if file.samplerate != row.sample_rate:
            raise SoundUnreadable(f"{path}: {file.samplerate} Hz, its row says {row.sample_rate}")
        if file.channels != 4:
            raise SoundUnreadable(f"{path}: {file.channels} channels, 4 are expected")
        # A header can state any length.
        if abs(file.frames - row.duration_s * row.sample_rate) > 1:
            raise SoundUnreadable(
                f"{path}: {file.frames / row.sample_rate:g} s of sound, its row says {row.duration_s:g}"
            )
        yield file


def to_length(foa: Samples, samples: int) -> Samples:
    """Cuts sound (4, n), or pads it with zeros, to (4, samples)."""
    return np.pad(foa[:, :samples], ((0, 0), (0, max(0, samples - foa.shape[1]))))


@contextmanager
def _opened(path: Path, folder: Path | None) -> Iterator[soundfile.SoundFile]:
    try:
        opening = open_typed(path) if folder is None else open_file(folder, path.relative_to(folder).as_posix())
        with opening as opened, soundfile.SoundFile(opened.fileno(), closefd=False) as file:
            yield file
    except FileRefused as error:
        raise SoundUnreadable(one_line(error)) from None
    except OSError as error:
        raise SoundUnreadable(f"{path}: cannot be read: {error.strerror}") from None
    except RuntimeError as error:
        # libsndfile names the descriptor, which tells a person nothing.
        reason = getattr(error, "error_string", None) or error
        raise SoundUnreadable(f"{path}: cannot be decoded: {one_line(reason)}") from None


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
