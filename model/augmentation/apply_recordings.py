"""The recordings of a batch, applied to its audio on the device that holds it.

Responses are given at FREQUENCIES_HZ and are applied to the spectrum of the whole clip: one FFT forth and one back.
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

# Complex normal numbers that noise is cut out of: drawing 400,000 of them a clip takes longer than the FFT.
_BANK = 1 << 21


@dataclass(frozen=True)
class Recordings:
    """R recordings as tensors on one device, of the clips ``rows`` of a batch; see Recording."""

    rows: Tensor
    response: Tensor
    from_w: Tensor
    noise: Tensor
    noise_key: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, recordings: Sequence[Recording | None]) -> Recordings | None:
        """Those of a batch; None where none of them changes anything."""
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
        """The same on another device."""
        return Recordings(
            self.rows.to(device),
            self.response.to(device),
            self.from_w.to(device),
            self.noise.to(device),
            self.noise_key,
        )


@lru_cache(maxsize=8)
def _bank(size: int, device: torch.device) -> Tensor:
    # Drawn on the CPU, so that every device has the same. Outside of inference mode, since it is kept.
    with torch.inference_mode(False):
        return torch.randn(size, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)).to(device)


@lru_cache(maxsize=8)
def _between(samples: int, sample_rate: int, device: torch.device) -> tuple[list[int], Tensor]:
    """Where the bins of a clip's spectrum go on to the next given frequency (K), and each bin's share of that one."""
    bins = np.fft.rfftfreq(samples, 1 / sample_rate).clip(FREQUENCIES_HZ[0], FREQUENCIES_HZ[-1])
    place = np.log(bins / FREQUENCIES_HZ[0]) / np.log(FREQUENCIES_HZ[1] / FREQUENCIES_HZ[0])
    below = place.astype(np.int64).clip(0, len(FREQUENCIES_HZ) - 2)
    with torch.inference_mode(False):
        share = torch.from_numpy((place - below).astype(np.float32)).to(device)
    return np.searchsorted(below, np.arange(len(FREQUENCIES_HZ))).tolist(), share


def _over_bins(values: Tensor, begins: list[int], share: Tensor) -> Tensor:
    """Real (..., K) → (..., bins)."""
    # Piece by piece: picking them by index takes longer than the FFT on a CPU.
    out = values.new_empty((*values.shape[:-1], len(share)))
    slopes = values.diff()
    for i, (begin, end) in enumerate(pairwise(begins)):
        if begin < end:
            torch.addcmul(values[..., i : i + 1], slopes[..., i : i + 1], share[begin:end], out=out[..., begin:end])
    return out


@torch.no_grad()
def record(audio: Tensor, recordings: Recordings, *, sample_rate: int) -> None:
    """Makes of a batch, in place, what would have been recorded.

    Args:
        audio: (B, 4, samples) float32, on the device of ``recordings``; a clip's ends join, as its FFT has it. Clips
            that are not among ``recordings.rows`` stay as they are.
    """
    samples = audio.shape[-1]
    begins, share = _between(samples, sample_rate, audio.device)
    bins = len(share)
    bank = _bank(max(_BANK, 1 << (4 * bins - 1).bit_length()), audio.device)
    # A clip at a time on a CPU, where a batch's spectra would not fit the caches.
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
            # Of a complex normal number's bins, white noise of effective value 1 has √samples times that.
            effective = clips[:, :1].square().mean(-1, keepdim=True).sqrt() * samples**0.5
            starts = [[key % (len(bank) - bins) for key in keys] for keys in recordings.noise_key[chosen]]
            noise = torch.stack([torch.stack([bank[start : start + bins] for start in clip]) for clip in starts])
            spectrum.addcmul_(noise, (_over_bins(recordings.noise[chosen], begins, share) * effective).to(noise.dtype))
        # What is added has no mean.
        spectrum[..., 0] = mean
        audio[rows] = torch.fft.irfft(spectrum, n=samples)
