"""From a clip and a response to a FLAC file: convolution, one gain for all channels, exact integers, their digest."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import soundfile
from numpy.typing import NDArray

LEVEL_MODES = ("fixed", "peak")
BIT_DEPTHS = (16, 24)
#: Gains are multiples of a thousandth of a decibel, so that the recorded number is the applied one.
GAIN_DECIMALS = 3
#: FLAC's own scale, 0 to 8: 3 is 11 % smaller than 0 at the same speed, 8 takes twice the time.
FLAC_LEVEL = 3
# soundfile maps 0…1 onto FLAC's 0…8.
_FLAC_LEVELS = 8
# Measured on clips of 20 s and responses of 0.2 to 2.5 s.
_SMALLEST_BLOCK = 98_304
_BLOCK_OVER_TAPS = 2.15
# Frames that are scaled, rounded and checked while they are in the cache.
_QUANTISED_TOGETHER = 65_536


@dataclass(frozen=True)
class Level:
    """How a recipe sets the level of its clips; checked on entry."""

    mode: str = "fixed"
    """`fixed`: one gain for the whole recipe, so distance stays audible. `peak`: every clip to the same peak."""
    gain_db: float = -12.0
    """Gain of the mode `fixed`, in decibels."""
    peak_dbfs: float = -1.0
    """Peak of the mode `peak`, in decibels relative to full scale; 0 or less."""

    def __post_init__(self) -> None:
        if self.mode not in LEVEL_MODES:
            raise ValueError(f"level mode {self.mode!r}: one of {', '.join(LEVEL_MODES)}")
        if not math.isfinite(self.gain_db):
            raise ValueError(f"gain_db {self.gain_db}: not finite")
        if not self.peak_dbfs <= 0.0:
            raise ValueError(f"peak_dbfs {self.peak_dbfs}: 0 or less")


def convolve(signal: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """``signal`` (samples,) through ``response`` (channels, taps), as float32 (channels, samples).

    Overlap-save in float32, the response's spectra computed once; the tail past the signal's end is dropped.
    """
    if signal.size == 0:
        return np.zeros((response.shape[0], 0), dtype=np.float32)
    taps = response.shape[1]
    size = _block_size(taps, signal.size)
    step = size - taps + 1
    spectra = scipy.fft.rfft(np.asarray(response, dtype=np.float32), size, axis=1)
    result = np.empty((response.shape[0], signal.size), dtype=np.float32)
    n_blocks = -(-signal.size // step)
    padded = np.zeros((n_blocks - 1) * step + size, dtype=np.float32)
    padded[taps - 1 : taps - 1 + signal.size] = signal
    overlapping = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
    # Blocks together, then channels together: the transform takes four at a time.
    for block, block_spectrum in enumerate(scipy.fft.rfft(overlapping, axis=1)):
        start = block * step
        kept = min(step, signal.size - start)
        channels = scipy.fft.irfft(spectra * block_spectrum, size, axis=1, overwrite_x=True)
        result[:, start : start + kept] = channels[:, taps - 1 : taps - 1 + kept]
    return result


def choose_gain(samples: NDArray[np.float32], level: Level, bit_depth: int = 16) -> tuple[float, bool]:
    """The gain in dB, to 0.001, for ``samples`` (channels, samples), and whether the level asked for was turned down.

    What would clip at ``bit_depth`` is turned down until its largest sample just fits. Silence keeps the fixed gain,
    and has none of its own in the mode `peak`: 0 dB. Raises ValueError where a sample is not finite.
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
    # A peak of 0 dBFS asks for one step more than the integers have: that is rounding, not a clip turned down.
    return fitting_db, level.mode == "fixed" or wanted_db - fitting_db > 2 * step_db


def quantise(samples: NDArray[np.float32], gain_db: float, bit_depth: int = 16) -> NDArray[np.signedinteger]:
    """``samples`` (channels, samples) times the gain as integers (samples, channels), half rounded to even.

    The integers are int16 for 16 bits and int32 for 24.

    Raises ValueError where a sample does not fit ``bit_depth``: nothing clips in silence.
    """
    _check_bit_depth(bit_depth)
    full_scale = 2 ** (bit_depth - 1)
    pcm = np.empty(samples.shape[::-1], dtype=_pcm_type(bit_depth))
    scaled = np.empty((samples.shape[0], _QUANTISED_TOGETHER), dtype=np.float64 if bit_depth > 16 else np.float32)
    factor = scaled.dtype.type(_linear(gain_db) * full_scale)
    for start in range(0, len(pcm), _QUANTISED_TOGETHER):
        frames = pcm[start : start + _QUANTISED_TOGETHER]
        part = scaled[:, : len(frames)]
        np.multiply(samples[:, start : start + len(frames)], factor, out=part)
        np.rint(part, out=part)
        if part.size and not (part.min() >= -full_scale and part.max() <= full_scale - 1):
            raise ValueError(f"samples do not fit {bit_depth} bits at a gain of {gain_db} dB")
        frames[:] = part.T
    return pcm


def encode_flac(pcm: NDArray[np.signedinteger], sample_rate: int, bit_depth: int = 16) -> bytes:
    """Integers (samples, channels) as a FLAC file of ``bit_depth`` bits."""
    _check_bit_depth(bit_depth)
    # libsndfile takes the top bits of an int32; 16 bits go in as they are.
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


def decode_flac_pcm(flac: bytes) -> NDArray[np.signedinteger]:
    """The integers (samples, channels) of a FLAC file of 16 or 24 bits, as they were encoded."""
    with soundfile.SoundFile(io.BytesIO(flac)) as file:
        if file.subtype == "PCM_16":
            return np.asarray(file.read(dtype="int16", always_2d=True))
        bit_depth = int(file.subtype.removeprefix("PCM_"))
        frames = file.read(dtype="int32", always_2d=True)
    return np.asarray(np.right_shift(frames, 32 - bit_depth))


def pcm_sha256(pcm: NDArray[np.signedinteger], bit_depth: int = 16) -> str:
    """SHA-256 over bit depth, shape and the little-endian integers (samples, channels), frame by frame."""
    _check_bit_depth(bit_depth)
    digest = hashlib.sha256(f"pcm:{bit_depth}:{pcm.shape[0]}:{pcm.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(pcm, dtype="<i2" if bit_depth == 16 else "<i4").data)
    return digest.hexdigest()


def _block_size(taps: int, samples: int) -> int:
    """Length of a transform: short enough for the cache, long enough that the response takes less than half of it."""
    size = _SMALLEST_BLOCK
    while size < _BLOCK_OVER_TAPS * taps:
        # 2ⁿ, 3 · 2ⁿ⁻¹, 2ⁿ⁺¹, …
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    whole = scipy.fft.next_fast_len(samples + taps - 1, real=True)
    return int(min(size, whole))


def _pcm_type(bit_depth: int) -> type[np.int16] | type[np.int32]:
    """The smallest integers that hold a sample: nothing is converted between quantising, hashing and encoding."""
    return np.int16 if bit_depth == 16 else np.int32


def _linear(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def _check_bit_depth(bit_depth: int) -> None:
    if bit_depth not in BIT_DEPTHS:
        raise ValueError(f"bit_depth {bit_depth}: one of {', '.join(map(str, BIT_DEPTHS))}")
