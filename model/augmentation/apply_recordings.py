"""Applies the recordings of a batch to its audio, on the device that holds the audio.

Each recording changes the spectrum of its whole clip: one FFT and one inverse FFT a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from model.augmentation.recording import FREQUENCIES_HZ, Recording

# Complex normal numbers from which noise is taken. Drawing 400,000 new ones for each clip takes longer than the FFT.
_BANK = 1 << 21


@dataclass(frozen=True)
class Recordings:
    """R recordings of a batch as tensors on one device; K frequencies, channels W, Y, Z, X.

    Attributes:
        rows: (R,), indices of the clips in the batch.
        response, from_w, noise: (R, 4, K), as in ``Recording``.
        noise_key: R tuples of four integers.
    """

    rows: Tensor
    response: Tensor
    from_w: Tensor
    noise: Tensor
    noise_key: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, recordings: Sequence[Recording | None]) -> Recordings | None:
        """The recordings of a batch that change anything, or None if there are none."""
        kept = [(row, each) for row, each in enumerate(recordings) if each is not None and not each.is_ideal]
        if not kept:
            return None
        return cls(
            rows=torch.tensor([row for row, _ in kept]),
            response=torch.from_numpy(np.stack([each.response for _, each in kept])).to(torch.float32),
            from_w=torch.from_numpy(np.stack([each.from_w for _, each in kept])).to(torch.complex64),
            noise=torch.from_numpy(np.stack([each.noise for _, each in kept])).to(torch.float32),
            noise_key=tuple(tuple(map(int, each.noise_key)) for _, each in kept),
        )

    def to(self, device: torch.device | str) -> Recordings:
        """A copy on another device."""
        return Recordings(
            self.rows.to(device),
            self.response.to(device),
            self.from_w.to(device),
            self.noise.to(device),
            self.noise_key,
        )


@lru_cache(maxsize=8)
def _bank(size: int, device: torch.device) -> Tensor:
    # Drawn on the CPU, so that every device gets the same numbers; outside of inference mode, since they are cached.
    with torch.inference_mode(False):
        return torch.randn(size, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)).to(device)


@lru_cache(maxsize=8)
def _between(samples: int, sample_rate: int, device: torch.device) -> tuple[list[int], Tensor]:
    """How to interpolate from FREQUENCIES_HZ to the bins of a clip's spectrum.

    Returns:
        The first bin above each of the K frequencies, and each bin's weight (bins,) of the frequency above it.
    """
    bins = np.fft.rfftfreq(samples, 1 / sample_rate).clip(FREQUENCIES_HZ[0], FREQUENCIES_HZ[-1])
    position = np.log(bins / FREQUENCIES_HZ[0]) / np.log(FREQUENCIES_HZ[1] / FREQUENCIES_HZ[0])
    below = position.astype(np.int64).clip(0, len(FREQUENCIES_HZ) - 2)
    with torch.inference_mode(False):
        share = torch.from_numpy((position - below).astype(np.float32)).to(device)
    return np.searchsorted(below, np.arange(len(FREQUENCIES_HZ))).tolist(), share


def _over_bins(values: Tensor, begins: list[int], share: Tensor) -> Tensor:
    """Interpolates real values (..., K) to the bins (..., bins)."""
    # Segment by segment: on a CPU, indexing takes longer than the FFT.
    out = values.new_empty((*values.shape[:-1], len(share)))
    slopes = values.diff()
    for i, (begin, end) in enumerate(pairwise(begins)):
        if begin < end:
            torch.addcmul(values[..., i : i + 1], slopes[..., i : i + 1], share[begin:end], out=out[..., begin:end])
    return out


@torch.no_grad()
def record(audio: Tensor, recordings: Recordings, *, sample_rate: int) -> None:
    """Applies recordings to a batch of audio in its memory.

    Args:
        audio: (B, 4, samples) float32, on the device of ``recordings``. The filters are circular over a clip. Clips
            that are not in ``recordings.rows`` do not change.
        recordings: the recordings of the batch.
        sample_rate: of the audio, in hertz.
    """
    samples = audio.shape[-1]
    begins, share = _between(samples, sample_rate, audio.device)
    bins = len(share)
    bank = _bank(max(_BANK, 1 << (4 * bins - 1).bit_length()), audio.device)
    # One clip at a time on a CPU, where the spectra of a batch would not fit into the caches.
    step = 1 if audio.device.type == "cpu" else len(recordings.rows)
    for first in range(0, len(recordings.rows), step):
        chosen = slice(first, first + step)
        rows = recordings.rows[chosen]
        clips = audio.index_select(0, rows)
        spectrum = torch.fft.rfft(clips)
        w = spectrum[:, :1].clone()
        spectrum *= _over_bins(recordings.response[chosen], begins, share)
        mean = spectrum[..., 0].clone()
        from_w = recordings.from_w[chosen]
        if bool((from_w != 0).any()):
            leaked = torch.complex(_over_bins(from_w.real, begins, share), _over_bins(from_w.imag, begins, share))
            spectrum.addcmul_(leaked, w.expand_as(spectrum))
        if bool((recordings.noise[chosen] != 0).any()):
            # White noise with an RMS value of 1 has bins √samples times complex normal numbers.
            rms = clips[:, :1].square().mean(-1, keepdim=True).sqrt() * samples**0.5
            starts = [[key % (len(bank) - bins) for key in keys] for keys in recordings.noise_key[chosen]]
            noise = torch.stack([torch.stack([bank[start : start + bins] for start in clip]) for clip in starts])
            spectrum.addcmul_(noise, (_over_bins(recordings.noise[chosen], begins, share) * rms).to(noise.dtype))
        # Nothing is added to the mean.
        spectrum[..., 0] = mean
        audio[rows] = torch.fft.irfft(spectrum, n=samples)
