"""What the model hears: STFT of first-order ambisonics, log-mel of W, active and reactive intensity, in batches.

Ambisonics are AmbiX: channels W, Y, Z, X (ACN), SN3D. Vectors come out in the order x, y, z of the frame: x front,
y left, z up. For a plane wave the active intensity points to its source and has the length of its energy.
Source: ELSA, section 4.1; the paper gives no STFT sizes and no floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

#: Power in a bin below which nothing is told apart: the noise of 16-bit quantisation, 2⁻³⁰ / 12.
POWER_FLOOR = 2.0**-30 / 12
#: Intensity this far below a bin's energy is nothing either: a plane wave's reactive part is float32's rounding.
RELATIVE_FLOOR = 1e-4
#: Added to a mel band before the logarithm.
MEL_FLOOR = 1e-10
# x, y, z among the channels Y, Z, X of ACN.
_XYZ = (2, 0, 1)


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


def spectra(foa: Tensor, *, n_fft: int, hop: int) -> Spectra:
    """Powers and intensities of a batch of clips.

    Args:
        foa: (B, 4, samples), W, Y, Z, X. Frames are centred on multiples of ``hop``, with zeros past both ends.

    Returns:
        Spectra with F = n_fft // 2 + 1 and T = samples // hop + 1.

    Raises:
        ValueError: when ``foa`` has another shape.
    """
    if foa.ndim != 3 or foa.shape[1] != 4:
        raise ValueError(f"audio of shape {tuple(foa.shape)}: (batch, 4, samples) is expected")
    batch, channels, samples = foa.shape
    window = _window(n_fft, foa.dtype, foa.device)
    flat = torch.stft(
        foa.reshape(batch * channels, samples),
        n_fft,
        hop,
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    bins = flat.reshape(batch, channels, *flat.shape[1:])
    w, xyz = bins[:, :1], bins[:, 1:][:, _XYZ]
    # Written out: PyTorch's complex products and magnitudes take twice the time on a CPU.
    return Spectra(
        power_w=(w.real.square() + w.imag.square())[:, 0],
        power_xyz=(xyz.real.square() + xyz.imag.square()).sum(1),
        active=w.real * xyz.real + w.imag * xyz.imag,
        reactive=w.real * xyz.imag - w.imag * xyz.real,
    )


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
