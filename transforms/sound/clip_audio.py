"""Decoding and preparing a clip: mix down, resample, strip silence, repeat (ELSA, section 3.2)."""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from transforms.sound.isolated_decoder import DECODER
from transforms.sound.mix_down import SILENCE_DBFS
from transforms.sound.refusal import ClipRefused

__all__ = ["SAMPLE_RATE", "SHORTEST_S", "ClipRefused", "decode_clip", "prepare_clip", "strip_silence"]

SAMPLE_RATE = 48_000
#: What is shorter is no sound but a click, and repeated to four seconds a tone that nobody recorded.
SHORTEST_S = 0.01

#: Frame and hop of the silence detector, in samples at 48 kHz: 43 ms and 11 ms.
_FRAME, _HOP = 2048, 512
_HOPS_A_FRAME = _FRAME // _HOP


def decode_clip(data: bytes, name: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    """Decodes whatever libsndfile reads and mixes it down, in a process of its own; the file's name may help.

    Returns:
        Float32 mono samples (n,) and their rate in hertz.

    Raises:
        ClipRefused: what decoding.decode_file refuses, and decoder_crashed, decoder_hung, decoder_out_of_memory.
    """
    return DECODER.decode_bytes(data, name, max_duration_s=max_duration_s)


def prepare_clip(
    samples: NDArray[np.float32], rate: int, *, trim_below_peak_db: float, min_duration_s: float
) -> NDArray[np.float32]:
    """A clip as it is put into a room: at 48 kHz, silence stripped off both ends, repeated to `min_duration_s` or more.

    Raises:
        ClipRefused: too_short, silent.
    """
    if len(samples) < SHORTEST_S * rate:
        raise ClipRefused(
            "too_short", f"{1000 * len(samples) / rate:.3g} ms; a sound has {1000 * SHORTEST_S:g} ms or more"
        )
    if float(samples.max()) - float(samples.min()) < 2 * 10 ** (SILENCE_DBFS / 20):
        steady = abs(float(samples[0])) >= 10 ** (SILENCE_DBFS / 20)
        raise ClipRefused("silent", "an offset that never moves" if steady else "no sample is above silence")
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")
    trimmed = strip_silence(samples, trim_below_peak_db)
    if not len(trimmed):
        raise ClipRefused("silent", "no sample is above silence")
    repeats = math.ceil(min_duration_s * SAMPLE_RATE / len(trimmed))
    return np.ascontiguousarray(np.tile(trimmed, repeats) if repeats > 1 else trimmed)


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
