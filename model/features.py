"""What the spatial branch hears: STFT of first-order ambisonics, active and reactive intensity; and log-mel of W.

Ambisonics are AmbiX: channels W, Y, Z, X (ACN), SN3D. Vectors come out in the order x, y, z of the frame: x front,
y left, z up. For a plane wave the active intensity points to its source and has the length of its energy.
Source: ELSA, section 4.1; the paper gives no STFT sizes and no floor.
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

#: Power in a bin below which nothing is told apart: ten times the noise of 16-bit quantisation, 2⁻³⁰ / 12.
POWER_FLOOR = 10 * 2.0**-30 / 12
#: Intensity this far below a bin's energy is nothing either: a plane wave's reactive part is float32's rounding.
RELATIVE_FLOOR = 1e-4
#: Added to a mel band before the logarithm.
MEL_FLOOR = 1e-10
# x, y, z among the channels W, Y, Z, X of ACN.
_XYZ = (3, 1, 2)


P = ParamSpec("P")
R = TypeVar("R")


def without_autocast(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose first argument is a tensor, computed as written even where training runs in half precision."""

    @functools.wraps(function)
    def as_written(*args: P.args, **kwargs: P.kwargs) -> R:
        first = args[0]
        assert isinstance(first, Tensor)
        with torch.autocast(first.device.type, enabled=False):
            return function(*args, **kwargs)

    return as_written


@dataclass(frozen=True)
class Spectra:
    """Quadratic quantities of a batch by bin; B clips, F bins of frequency, T frames.

    Attributes:
        power_w: |W|², (B, F, T).
        power_xyz: |X|² + |Y|² + |Z|², (B, F, T).
        active: Re[W*·(X, Y, Z)], (B, 3, F, T), x y z.
        reactive: Im[W*·(X, Y, Z)], (B, 3, F, T), x y z.
    """

    power_w: Tensor
    power_xyz: Tensor
    active: Tensor
    reactive: Tensor

    @property
    def energy(self) -> Tensor:
        """(|W|² + |X|² + |Y|² + |Z|²) / 2, (B, F, T); equal to |active| for one plane wave in SN3D."""
        return (self.power_w + self.power_xyz) / 2

    def up_to(self, bins: int) -> Spectra:
        """The lowest ``bins`` bins."""
        return Spectra(
            self.power_w[:, :bins], self.power_xyz[:, :bins], self.active[:, :, :bins], self.reactive[:, :, :bins]
        )


def bins_up_to(frequency_hz: float, *, sample_rate: int, n_fft: int) -> int:
    """How many bins of the STFT lie at or below a frequency, 0 Hz included."""
    return int(frequency_hz * n_fft / sample_rate) + 1


def frames_of(samples: int, hop: int) -> int:
    """How many frames the STFT of so many samples has."""
    return samples // hop + 1


@lru_cache(maxsize=32)
def _window(n_fft: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Scaled so that white noise of variance v has bins of power v. Not a module's buffer: transformers builds models
    # on the meta device, and what is neither in the file nor a parameter is lost there. Made outside of inference mode,
    # since it is kept for training too.
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
    """Sound of half precision as float32: squares of small numbers vanish in 16 bits, and FFTs do not know bfloat16."""
    return audio.float() if audio.dtype in (torch.float16, torch.bfloat16) else audio


@without_autocast
def spectra(foa: Tensor, *, n_fft: int, hop: int, bins: int | None = None) -> Spectra:
    """Powers and intensities of a batch of clips, in float32 or better.

    Args:
        foa: (B, 4, samples), W, Y, Z, X. Frames are centred on multiples of ``hop``, with zeros past both ends.
        bins: how many are wanted, from 0 Hz; all of them without it.

    Returns:
        Spectra with F = bins, or n_fft // 2 + 1, and T = samples // hop + 1.

    Raises:
        ValueError: when ``foa`` has another shape.
    """
    if foa.ndim != 3 or foa.shape[1] != 4:
        raise ValueError(f"audio of shape {tuple(foa.shape)}: (batch, 4, samples) is expected")
    foa = full_precision(foa)
    batch, channels, samples = foa.shape
    flat = stft(foa.reshape(batch * channels, samples), n_fft=n_fft, hop=hop)[:, :bins]
    # Written out, on real and imaginary parts that lie apart: PyTorch's complex products take twice the time on a CPU.
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
    """(B, samples) → complex (B, n_fft // 2 + 1, samples // hop + 1); white noise of variance v has bins of power v."""
    window = _window(n_fft, sound.dtype, sound.device)
    return torch.stft(sound, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)


@without_autocast
def log_mel(power_w: Tensor, *, sample_rate: int, mel_bins: int, from_hz: float, to_hz: float) -> Tensor:
    """Common logarithm of the mel bands (Slaney's scale and norm) of |W|².

    Args:
        power_w: (B, F, T).

    Returns:
        (B, mel_bins, T); −10 in silence.
    """
    filters = _mel_filters(
        power_w.shape[1], mel_bins, float(from_hz), float(to_hz), sample_rate, power_w.dtype, power_w.device
    )
    return torch.log10(torch.einsum("bft,fm->bmt", power_w, filters) + MEL_FLOOR)


def length(vectors: Tensor) -> Tensor:
    """Lengths of vectors along axis 1, (B, 3, F, T) → (B, F, T); on a CPU much faster than a norm over an axis."""
    x, y, z = vectors.unbind(1)
    return (x * x + y * y + z * z).sqrt()


def unit_norm(intensity: Tensor, energy: Tensor) -> Tensor:
    """Intensity of length one in every bin (ELSA, section 4.1), fading to zero where it is rounding or 16-bit noise.

    Args:
        intensity: (B, 3, F, T), active or reactive. energy: (B, F, T).
    """
    floor = POWER_FLOOR + RELATIVE_FLOOR * energy.unsqueeze(1)
    return intensity / (length(intensity).unsqueeze(1) + floor)


def over_energy(intensity: Tensor, energy: Tensor) -> Tensor:
    """Intensity over energy: length one for a plane wave, near zero in a diffuse field, zero in silence.

    Args:
        intensity: (B, 3, F, T). energy: (B, F, T).
    """
    return intensity / (energy.unsqueeze(1) + POWER_FLOOR)
