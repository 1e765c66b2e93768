"""Features of first-order ambisonics: STFT, active and reactive intensity, and the log-mel spectrogram of W.

Ambisonics are AmbiX: channels W, Y, Z, X (ACN), SN3D. Vectors have the order x, y, z: x is front, y left, z up. The
active intensity of a plane wave points to its source, and its length is the energy of the wave.
Source: ELSA, section 4.1. The paper gives no sizes of the STFT and no floor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

#: A bin with less power than this counts as silent: ten times the noise of 16-bit quantisation, 2⁻³⁰ / 12.
POWER_FLOOR = 10 * 2.0**-30 / 12
#: Intensity this far below the energy of its bin counts as zero, like the rounded reactive part of a plane wave.
RELATIVE_FLOOR = 1e-4
#: Added to a mel band before the logarithm.
MEL_FLOOR = 1e-10
# Indices of X, Y and Z in the channel order W, Y, Z, X of ACN.
_XYZ = (3, 1, 2)


P = ParamSpec("P")
R = TypeVar("R")


def without_autocast(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator for a function of a tensor: it computes in the precision of the tensor, also inside autocast."""

    @functools.wraps(function)
    def full_precision_function(*args: P.args, **kwargs: P.kwargs) -> R:
        first = args[0]
        assert isinstance(first, Tensor)
        with torch.autocast(first.device.type, enabled=False):
            return function(*args, **kwargs)

    return full_precision_function


@dataclass(frozen=True)
class Spectra:
    """Quadratic quantities of a batch; B clips, F frequency bins, T frames.

    Attributes:
        power_w: |W|², (B, F, T).
        power_xyz: |X|² + |Y|² + |Z|², (B, F, T).
        active: Re[W*·(X, Y, Z)], (B, 3, F, T), order x, y, z.
        reactive: Im[W*·(X, Y, Z)], (B, 3, F, T), order x, y, z.
    """

    power_w: Tensor
    power_xyz: Tensor
    active: Tensor
    reactive: Tensor

    @property
    def energy(self) -> Tensor:
        """(|W|² + |X|² + |Y|² + |Z|²) / 2, (B, F, T). For a single plane wave in SN3D it equals |active|."""
        return (self.power_w + self.power_xyz) / 2

    def up_to(self, bins: int) -> Spectra:
        """The quantities of the lowest ``bins`` frequency bins."""
        return Spectra(
            self.power_w[:, :bins], self.power_xyz[:, :bins], self.active[:, :, :bins], self.reactive[:, :, :bins]
        )


def bins_up_to(frequency_hz: float, *, sample_rate: int, n_fft: int) -> int:
    """The number of STFT bins at or below a frequency, including 0 Hz."""
    return int(frequency_hz * n_fft / sample_rate) + 1


def frames_of(samples: int, hop: int) -> int:
    """The number of STFT frames of a signal."""
    return samples // hop + 1


@lru_cache(maxsize=32)
def _window(n_fft: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Scaled so that white noise of variance v has bins of power v. It is not a buffer of a module, because transformers
    # builds models on the meta device and would lose a buffer that is not in the file. It is made outside of inference
    # mode, because the cached tensor is also used in training.
    with torch.inference_mode(False):
        window = torch.hann_window(n_fft, periodic=True, dtype=torch.float64)
        return (window / window.square().sum().sqrt()).to(device=device, dtype=dtype)


@lru_cache(maxsize=32)
def _mel_filters(
    bins: int, mel_bins: int, from_hz: float, to_hz: float, sample_rate: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    filters = mel_filter_bank(bins, mel_bins, from_hz, to_hz, sample_rate, norm="slaney", mel_scale="slaney")
    with torch.inference_mode(False):
        return torch.from_numpy(filters).to(device=device, dtype=dtype)


def full_precision(audio: Tensor) -> Tensor:
    """Converts half precision to float32: squares of small numbers vanish in 16 bits, and FFTs take no bfloat16."""
    return audio.float() if audio.dtype in (torch.float16, torch.bfloat16) else audio


@without_autocast
def spectra(foa: Tensor, *, n_fft: int, hop: int, bins: int | None = None) -> Spectra:
    """Powers and intensities of a batch of clips, in float32 or better.

    Args:
        foa: (B, 4, samples), W, Y, Z, X. Frames are centred on multiples of ``hop``; the signal is zero outside.
        n_fft, hop: window and hop of the STFT in samples.
        bins: number of bins from 0 Hz; None is all of them.

    Returns:
        Spectra with F = bins, or n_fft // 2 + 1, and T = samples // hop + 1.

    Raises:
        ValueError: ``foa`` has another shape.
    """
    if foa.ndim != 3 or foa.shape[1] != 4:
        raise ValueError(f"audio of shape {tuple(foa.shape)}: (batch, 4, samples) is expected")
    foa = full_precision(foa)
    batch, channels, samples = foa.shape
    flat = stft(foa.reshape(batch * channels, samples), n_fft=n_fft, hop=hop)[:, :bins]
    # On separate real and imaginary parts, since PyTorch's complex products take twice the time on a CPU.
    parts = torch.view_as_real(flat).reshape(batch, channels, *flat.shape[1:], 2)
    real, imag = (parts[..., i].contiguous() for i in range(2))
    squares = real.square().addcmul_(imag, imag)
    w_real, w_imag = real[:, :1], imag[:, :1]
    real, imag = real[:, _XYZ], imag[:, _XYZ]
    return Spectra(
        power_w=squares[:, 0],
        power_xyz=squares[:, 1] + squares[:, 2] + squares[:, 3],
        active=(w_real * real).addcmul_(w_imag, imag),
        reactive=(w_real * imag).addcmul_(w_imag, real, value=-1),
    )


def stft(sound: Tensor, *, n_fft: int, hop: int) -> Tensor:
    """STFT of (B, samples): complex (B, n_fft // 2 + 1, samples // hop + 1). White noise keeps its power in a bin."""
    window = _window(n_fft, sound.dtype, sound.device)
    return torch.stft(sound, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)


@without_autocast
def log_mel(power_w: Tensor, *, sample_rate: int, mel_bins: int, from_hz: float, to_hz: float) -> Tensor:
    """Log-mel spectrogram of W: log10 of the mel bands of |W|², with Slaney's scale and norm.

    Args:
        power_w: (B, F, T), |W|².
        sample_rate: in hertz.
        mel_bins, from_hz, to_hz: number and range of the bands.

    Returns:
        (B, mel_bins, T); −10 in silence.
    """
    filters = _mel_filters(
        power_w.shape[1], mel_bins, float(from_hz), float(to_hz), sample_rate, power_w.dtype, power_w.device
    )
    return torch.log10(torch.einsum("bft,fm->bmt", power_w, filters) + MEL_FLOOR)


def length(vectors: Tensor) -> Tensor:
    """Lengths (B, F, T) of vectors (B, 3, F, T). On a CPU this is much faster than a norm over an axis."""
    x, y, z = vectors.unbind(1)
    return (x * x + y * y + z * z).sqrt()


def unit_norm(intensity: Tensor, energy: Tensor) -> Tensor:
    """Intensity with length one in every bin (ELSA, section 4.1). Rounding errors and 16-bit noise fade to zero.

    Args:
        intensity: (B, 3, F, T), active or reactive.
        energy: (B, F, T).

    Returns:
        (B, 3, F, T).
    """
    floor = POWER_FLOOR + RELATIVE_FLOOR * energy.unsqueeze(1)
    return intensity / (length(intensity).unsqueeze(1) + floor)
