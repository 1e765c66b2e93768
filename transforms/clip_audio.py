"""Decoding and preparing a clip: mix down, resample, strip silence, repeat (ELSA, section 3.2)."""

from __future__ import annotations

import contextlib
import io
import math
import os
import tempfile
from collections.abc import Iterator

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 48_000

#: Frame and hop of the silence detector, in samples at 48 kHz: 43 ms and 11 ms.
_FRAME, _HOP = 2048, 512
_HOPS_A_FRAME = _FRAME // _HOP


class ClipRefused(ValueError):
    """A clip that gives no row; `reason` is machine-readable, the message is for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def decode_clip(data: bytes, name: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    """Decodes whatever libsndfile reads and mixes it down; the file's name helps where its first bytes do not tell.

    Returns:
        Float32 mono samples (n,) and their rate in hertz.

    Raises:
        ClipRefused: empty, unreadable, too_long, not_finite.
    """
    if not data:
        raise ClipRefused("empty", "the file has no bytes")
    try:
        with _open(data, name) as file:
            rate = file.samplerate
            if file.frames > max_duration_s * rate:
                raise ClipRefused("too_long", f"{file.frames / rate:.0f} s; the recipe takes {max_duration_s:g} s")
            # A broken header may promise any length: read no more than the recipe takes, and see whether more comes.
            samples = file.read(math.ceil(max_duration_s * rate) + 1, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        if isinstance(error, ClipRefused):
            raise
        raise ClipRefused("unreadable", (str(error).splitlines() or ["libsndfile cannot read it"])[0]) from error
    if len(samples) > max_duration_s * rate:
        raise ClipRefused("too_long", f"longer than the {max_duration_s:g} s that the recipe takes")
    if not len(samples):
        raise ClipRefused("empty", "the file holds no samples")
    if not np.isfinite(samples).all():
        raise ClipRefused("not_finite", "samples that are infinite or not a number")
    return (samples[:, 0].copy() if samples.shape[1] == 1 else samples.mean(axis=1)), rate


@contextlib.contextmanager
def _open(data: bytes, name: str) -> Iterator[soundfile.SoundFile]:
    try:
        file = soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError:
        # An MP3 whose tag is odd is known by its ending alone, and only a file on a disk has one.
        with tempfile.NamedTemporaryFile(suffix=os.path.splitext(name)[1][:8]) as copy, _muted():
            copy.write(data)
            copy.flush()
            file = soundfile.SoundFile(copy.name)
    with file:
        yield file


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Without what a decoder's library writes to stderr by itself, past Python."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def prepare_clip(
    samples: NDArray[np.float32], rate: int, *, trim_below_peak_db: float, min_duration_s: float
) -> NDArray[np.float32]:
    """A clip as it is put into a room: at 48 kHz, silence stripped off both ends, repeated to `min_duration_s` or more.

    Raises:
        ClipRefused: silent.
    """
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")
    trimmed = strip_silence(samples, trim_below_peak_db)
    if not len(trimmed):
        raise ClipRefused("silent", "no sample is above silence")
    repeats = math.ceil(min_duration_s * SAMPLE_RATE / len(trimmed))
    return np.ascontiguousarray(np.tile(trimmed, repeats) if repeats > 1 else trimmed)


#: Quieter than this (full scale is 0 dB) a whole clip counts as silent: half a step of 16 bits is −96.3 dB.
SILENCE_DBFS = -90.0


def strip_silence(samples: NDArray[np.float32], below_peak_db: float) -> NDArray[np.float32]:
    """Cuts the ends whose frames (43 ms, RMS) lie `below_peak_db` or more under the loudest; inner gaps stay."""
    hops = -(-len(samples) // _HOP)
    padded = np.zeros((hops + _HOPS_A_FRAME - 1, _HOP), dtype=np.float64)
    padded.reshape(-1)[: len(samples)] = samples
    energy = np.einsum("ij,ij->i", padded, padded)
    frames = max(-(-max(len(samples) - _FRAME, 0) // _HOP) + 1, 1)
    power = sum(energy[first : first + frames] for first in range(_HOPS_A_FRAME)) / _FRAME
    if not len(samples) or power.max() < 10 ** (SILENCE_DBFS / 10):
        return samples[:0]
    loud = np.flatnonzero(power >= power.max() * 10 ** (-below_peak_db / 10))
    return samples[loud[0] * _HOP : loud[-1] * _HOP + _FRAME]
