"""From rendered samples to a FLAC file: one gain for all channels, integers and their hash."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

LEVEL_MODES = ("fixed", "peak")
BIT_DEPTHS = (16, 24)
#: Gains are multiples of 0.001 dB, so that a table stores exactly the gain that is applied.
GAIN_DECIMALS = 3
#: FLAC's compression level, 0 to 8. Files of level 3 are 11 % smaller than those of 0 at the same speed; 8 takes twice
#: the time.
FLAC_LEVEL = 3
# soundfile's compression level is from 0 to 1, and corresponds to FLAC's 0 to 8.
_FLAC_LEVELS = 8
# How many frames are scaled, rounded and checked at a time, so that they stay in the processor's cache.
_FRAMES_AT_A_TIME = 65_536
#: The frames that are decoded together to be hashed: five seconds.
_FRAMES_DECODED_AT_A_TIME = 1 << 18


@dataclass(frozen=True)
class Level:
    """How a recipe sets the level of its clips.

    Raises:
        ValueError: a value is impossible.
    """

    mode: str
    """`fixed` applies one gain to all clips, so that distance stays audible; `peak` gives all clips the same peak."""
    gain_db: float
    """The gain of the mode `fixed`, in dB."""
    peak_dbfs: float
    """The peak of the mode `peak`, in dB relative to full scale; below 0."""

    def __post_init__(self) -> None:
        if self.mode not in LEVEL_MODES:
            raise ValueError(f"level mode {self.mode!r}: one of {', '.join(LEVEL_MODES)}")
        if not math.isfinite(self.gain_db):
            raise ValueError(f"gain_db {self.gain_db}: not finite")
        if not self.peak_dbfs < 0.0:
            raise ValueError(f"peak_dbfs {self.peak_dbfs}: below 0")


def choose_gain(samples: NDArray[np.float32], level: Level, bit_depth: int) -> tuple[float, bool]:
    """Chooses the gain of a clip, one for all channels.

    If samples would clip at ``bit_depth``, the gain is reduced until the largest one just fits. Silence gets the fixed
    gain, and 0 dB in the mode `peak`.

    Args:
        samples: the samples (channels, samples).
        level: the level that the recipe sets.
        bit_depth: 16 or 24.

    Returns:
        The gain in dB, a multiple of 0.001, and whether it was reduced.

    Raises:
        ValueError: a sample is not finite, or the bit depth is not supported.
    """
    _check_bit_depth(bit_depth)
    peak = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
    if not math.isfinite(peak):
        raise ValueError("samples to render are not finite")
    if peak == 0.0:
        return (round(level.gain_db, GAIN_DECIMALS) if level.mode == "fixed" else 0.0), False
    wanted_db = level.gain_db if level.mode == "fixed" else level.peak_dbfs - 20.0 * math.log10(peak)
    gain_db = round(wanted_db, GAIN_DECIMALS)
    full_scale = 2 ** (bit_depth - 1)
    if peak * _linear(gain_db) * full_scale <= full_scale - 1:
        return gain_db, False
    step_db = 10.0**-GAIN_DECIMALS
    largest_db = 20.0 * math.log10((full_scale - 1) / full_scale / peak)
    fitting_db = round(math.floor(largest_db / step_db) * step_db, GAIN_DECIMALS)
    while peak * _linear(fitting_db) * full_scale > full_scale - 1:
        fitting_db = round(fitting_db - step_db, GAIN_DECIMALS)
    # A peak just below full scale may be a fraction of a step above the largest integer; that is no clipping.
    return fitting_db, level.mode == "fixed" or wanted_db - fitting_db > 2 * step_db


def quantise(samples: NDArray[np.float32], gain_db: float, bit_depth: int) -> NDArray[np.signedinteger]:
    """Scales samples and rounds them to integers, half to even.

    Args:
        samples: the samples (channels, samples).
        gain_db: the gain in dB.
        bit_depth: 16 or 24.

    Returns:
        Integers (samples, channels); int16 for 16 bits and int32 for 24.

    Raises:
        ValueError: a sample does not fit the bit depth, so that nothing clips unnoticed.
    """
    _check_bit_depth(bit_depth)
    full_scale = 2 ** (bit_depth - 1)
    pcm = np.empty(samples.shape[::-1], dtype=_pcm_type(bit_depth))
    scaled = np.empty((samples.shape[0], _FRAMES_AT_A_TIME), dtype=np.float64 if bit_depth > 16 else np.float32)
    factor = scaled.dtype.type(_linear(gain_db) * full_scale)
    for start in range(0, len(pcm), _FRAMES_AT_A_TIME):
        frames = pcm[start : start + _FRAMES_AT_A_TIME]
        part = scaled[:, : len(frames)]
        np.multiply(samples[:, start : start + len(frames)], factor, out=part)
        np.rint(part, out=part)
        if part.size and not (part.min() >= -full_scale and part.max() <= full_scale - 1):
            raise ValueError(f"samples do not fit {bit_depth} bits at a gain of {gain_db} dB")
        frames[:] = part.T
    return pcm


def encode_flac(pcm: NDArray[np.signedinteger], sample_rate: int, bit_depth: int) -> bytes:
    """Encodes integers (samples, channels) of 16 or 24 bits as a FLAC file; returns its bytes."""
    _check_bit_depth(bit_depth)
    # libsndfile encodes an int16 as it is, and of an int32 the upper bits.
    frames = pcm.astype(np.int16, copy=False) if bit_depth == 16 else np.left_shift(pcm, 32 - bit_depth)
    target = io.BytesIO()
    with soundfile.SoundFile(
        target,
        "w",
        samplerate=sample_rate,
        channels=pcm.shape[1],
        format="FLAC",
        subtype=f"PCM_{bit_depth}",
        compression_level=FLAC_LEVEL / _FLAC_LEVELS,
    ) as file:
        file.write(frames)
    return target.getvalue()


def decoded_pcm_sha256(file: soundfile.SoundFile) -> str:
    """As `pcm_sha256` of all samples of an open FLAC file of 16 or 24 bits, decoded some frames at a time.

    Raises:
        RuntimeError: when the file cannot be decoded, or ends before the frames that its header promises.
    """
    bit_depth = int(file.subtype.removeprefix("PCM_"))
    digest = _pcm_digest(bit_depth, file.frames, file.channels)
    kind, stored = ("int16", "<i2") if bit_depth == 16 else ("int32", "<i4")
    left = file.frames
    while left:
        frames = file.read(min(left, _FRAMES_DECODED_AT_A_TIME), dtype=kind, always_2d=True)
        if not len(frames):
            raise RuntimeError("it ends before the frames that its header promises")
        left -= len(frames)
        # Of an int32, libsndfile fills the upper bits.
        frames = frames if bit_depth == 16 else np.right_shift(frames, 32 - bit_depth)
        digest.update(np.ascontiguousarray(frames, dtype=stored).data)
    return digest.hexdigest()


def pcm_sha256(pcm: NDArray[np.signedinteger], bit_depth: int) -> str:
    """SHA-256 of the bit depth, the shape, and the integers (samples, channels), little-endian and frame by frame."""
    digest = _pcm_digest(bit_depth, *pcm.shape)
    digest.update(np.ascontiguousarray(pcm, dtype="<i2" if bit_depth == 16 else "<i4").data)
    return digest.hexdigest()


def _pcm_digest(bit_depth: int, frames: int, channels: int) -> hashlib._Hash:
    _check_bit_depth(bit_depth)
    return hashlib.sha256(f"pcm:{bit_depth}:{frames}:{channels}:".encode())


def _pcm_type(bit_depth: int) -> type[np.int16] | type[np.int32]:
    """The smallest type that holds a sample; it needs no conversion between quantising, hashing and encoding."""
    return np.int16 if bit_depth == 16 else np.int32


def _linear(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def _check_bit_depth(bit_depth: int) -> None:
    if bit_depth not in BIT_DEPTHS:
        raise ValueError(f"bit_depth {bit_depth}: one of {', '.join(map(str, BIT_DEPTHS))}")
