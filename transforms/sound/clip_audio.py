"""Preparing a clip: it is resampled, silence is removed at its ends, and it is repeated (ELSA, section 3.2)."""

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
#: A shorter clip would become a tone when it is repeated to four seconds.
SHORTEST_S = 0.01

_NO_SOUND = f"it never rises above {SILENCE_DBFS:g} dB of full scale"
# Frame and hop of the silence detector, in samples at 48 kHz: 43 ms and 11 ms.
_FRAME, _HOP = 2048, 512
_HOPS_A_FRAME = _FRAME // _HOP


def decode_clip(data: bytes, name: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
    """Decodes the bytes of a file in a process of its own, and mixes its channels down by their mean.

    Args:
        data: the whole file.
        name: its name, whose ending helps to recognise some MP3s.
        max_duration_s: the longest clip that is taken, in seconds.

    Returns:
        Float32 mono samples (n,) and their rate in hertz.

    Raises:
        ClipRefused: as decoding.decode_file; and decoder_crashed, decoder_hung, decoder_out_of_memory.
    """
    return DECODER.decode_bytes(data, name, max_duration_s=max_duration_s)


def prepare_clip(
    samples: NDArray[np.float32], rate: int, *, trim_below_peak_db: float, min_duration_s: float
) -> NDArray[np.float32]:
    """Prepares a clip to be convolved: resamples it, removes silence at both ends, and repeats it.

    Args:
        samples: mono samples (n,).
        rate: their rate in hertz.
        trim_below_peak_db: frames this much below the loudest one are silence.
        min_duration_s: the clip is repeated as a whole until it is at least this long, in seconds.

    Returns:
        Float32 samples (m,) at 48 kHz.

    Raises:
        ClipRefused: too_short, silent.
    """
    if len(samples) < SHORTEST_S * rate:
        raise ClipRefused(
            "too_short", f"{1000 * len(samples) / rate:.3g} ms long; the shortest clip has {1000 * SHORTEST_S:g} ms"
        )
    if float(samples.max()) - float(samples.min()) < 2 * 10 ** (SILENCE_DBFS / 20):
        steady = abs(float(samples[0])) >= 10 ** (SILENCE_DBFS / 20)
        raise ClipRefused("silent", "an offset that never moves" if steady else _NO_SOUND)
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")
    trimmed = strip_silence(samples, trim_below_peak_db)
    if not len(trimmed):
        raise ClipRefused("silent", _NO_SOUND)
    repeats = math.ceil(min_duration_s * SAMPLE_RATE / len(trimmed))
    return np.ascontiguousarray(np.tile(trimmed, repeats) if repeats > 1 else trimmed)


def strip_silence(samples: NDArray[np.float32], below_peak_db: float) -> NDArray[np.float32]:
    """Removes both ends of a clip at 48 kHz, as far as their frames lie below the loudest frame.

    Args:
        samples: mono samples (n,) at 48 kHz.
        below_peak_db: a frame of 43 ms is silent if its RMS is more than this below that of the loudest frame.

    Returns:
        The samples from the first to the last frame that is not silent, with the gaps between them; none for a clip
        that is silent as a whole.
    """
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
