"""Reading opened files to their end, and mixing their channels down by their mean."""

from __future__ import annotations

import math

import numpy as np
import soundfile
from numpy.typing import NDArray

from transforms.sound.refusal import ClipRefused

#: Sample rates that recordings have, in hertz; a rate outside comes from a broken header.
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
#: Full scale of 32-bit integers: floats that were never scaled to ±1 stay below, and no recording is louder.
LOUDEST = 2.0**32
#: A clip whose samples all lie below this level, in dB of full scale, is silent: half a step of 16 bits is −96.3 dB.
SILENCE_DBFS = -90.0
#: libsndfile gives 2⁶³ − 1 as the length of a file that does not say how long it is.
UNKNOWN_FRAMES = 2**62

_BLOCK_BYTES = 64 << 20


def check_header(frames: int, rate: int, max_duration_s: float) -> None:
    """Checks the length and the sample rate in a header; a length of UNKNOWN_FRAMES or more is not known.

    Raises:
        ClipRefused: sample_rate, too_long.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ClipRefused("sample_rate", f"{rate} Hz; recordings have {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if max_duration_s * rate < frames < UNKNOWN_FRAMES:
        raise ClipRefused("too_long", f"{frames / rate:.0f} s; the recipe takes {max_duration_s:g} s")


class MixDown:
    """Reads one or more files in blocks, and keeps the mean of their channels."""

    def __init__(self, max_duration_s: float) -> None:
        self._max_duration_s = max_duration_s
        self._blocks: list[NDArray[np.float32]] = []
        self.count = 0
        self._channels = 0
        self._loudest = self._loudest_mixed = 0.0

    def add(self, file: soundfile.SoundFile, frames: int, expected_frames: int = UNKNOWN_FRAMES) -> None:
        """Reads a file to its end.

        Args:
            file: the file, at its beginning.
            frames: how many samples of each channel are read at most; UNKNOWN_FRAMES if the header does not say.
            expected_frames: how many there probably are.

        Raises:
            ClipRefused: sample_rate, too_long, not_finite, out_of_range.
        """
        rate, channels = file.samplerate, file.channels
        check_header(frames, rate, self._max_duration_s)
        # A broken header may promise any length, so at most one sample more than the recipe takes is read.
        left = min(math.ceil(self._max_duration_s * rate) + 1 - self.count, frames)
        block_frames = max(_BLOCK_BYTES // (4 * channels), 1)
        if frames >= UNKNOWN_FRAMES:
            # Blocks that are mostly empty cost time, and so do many small ones.
            fitting_frames = 0 if expected_frames >= UNKNOWN_FRAMES else expected_frames + 1
            block_frames = min(block_frames, max(fitting_frames, rate))
        while left > 0:
            block = file.read(min(left, block_frames), dtype="float32", always_2d=True)
            if not len(block):
                break
            self._add_block(block)
            left -= len(block)
        self._channels = max(self._channels, channels)
        if self.count > self._max_duration_s * rate:
            raise ClipRefused("too_long", f"longer than the {self._max_duration_s:g} s that the recipe takes")

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
        """All samples that were read, float32 (n,).

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
