"""Statistics of a sound field by octave band that tell the distance and the room, and do not turn with the field.

Distance and room show in how directed the energy is (diffuseness; Merimaa and Pulkki, Spatial impulse response
rendering, 2005), above all where sound sets in, before the room answers; in how fast the level falls; and in how much
of the modulation is left. The choice is ours. Nothing of it depends on the absolute level of a clip.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from model.features import POWER_FLOOR, Spectra, length

#: Centre of the lowest octave band in hertz; the others lie octaves above it.
LOWEST_BAND_HZ = 125.0
RISE_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SLOPE_QUANTILES = (0.05, 0.1, 0.25, 0.5)
DIRECTEDNESS_QUANTILES = (0.1, 0.5, 0.9)
#: Shorter frames are brought together: a decay is heard in them through noise.
FRAME_MS = 16
#: Over which a slope is taken.
SLOPE_MS = 64
#: Lags of the envelope's autocorrelation.
LAGS_MS = (16, 32, 64, 128, 256, 512)
#: Numbers for every band.
STATISTICS_PER_BAND = 7 + len(RISE_QUANTILES) + len(SLOPE_QUANTILES) + len(DIRECTEDNESS_QUANTILES) + len(LAGS_MS)
#: In log10 of power a frame: rises below it are no onset.
_RISE_FLOOR = 1e-3


def octave_bands(to_hz: float) -> list[tuple[float, float]]:
    """Lower and upper edges of the octave bands from LOWEST_BAND_HZ on, the last one cut at ``to_hz``."""
    bands = []
    centre = LOWEST_BAND_HZ
    while centre / 2**0.5 < to_hz:
        bands.append((centre / 2**0.5, min(centre * 2**0.5, to_hz)))
        centre *= 2
    return bands


@lru_cache(maxsize=16)
def band_matrix(
    bins: int, sample_rate: int, n_fft: int, to_hz: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(bins, bands) of zeros and ones; a band too narrow for the bins has the one nearest to its middle."""
    # Outside of inference mode, since it is kept for training too.
    with torch.inference_mode(False):
        frequency = torch.arange(bins, dtype=torch.float64) * sample_rate / n_fft
        columns = []
        for low, high in octave_bands(to_hz):
            inside = (frequency >= low) & (frequency < high)
            if not inside.any():
                inside[(frequency - (low * high) ** 0.5).abs().argmin()] = True
            columns.append(inside)
        return torch.stack(columns, dim=1).to(device=device, dtype=dtype)


def _quantiles(values: Tensor, quantiles: tuple[float, ...]) -> Tensor:
    """(B, K, T) → (B, K, len(quantiles)), linear between order statistics; zero where T is 0."""
    if values.shape[2] == 0:
        return values.new_zeros(*values.shape[:2], len(quantiles))
    return torch.quantile(values, values.new_tensor(quantiles), dim=2).permute(1, 2, 0)


def field_statistics(spectra: Spectra, *, sample_rate: int, n_fft: int, hop: int, to_hz: float) -> Tensor:
    """Statistics of a batch of clips, for each octave band up to ``to_hz``.

    With w the power of W in a band and frame, p that of X, Y and Z together, E = (w + p) / 2, I and J the active and
    the reactive intensity, and floors of 16-bit noise, a band has, in this order:

    - directedness of the whole |ΣI| / ΣE, of the frames Σ|I| / ΣE, reactive Σ|J| / ΣE;
    - log10 of Σp / Σw;
    - directedness |I| / E averaged over frames by the rise of log10 w, and by its fall;
    - standard deviation of log10 w;
    - quantiles over frames of |I| / E, of the rise of log10 w over one frame, of its rise over SLOPE_MS;
    - autocorrelation of √w at LAGS_MS.

    Frames shorter than FRAME_MS are averaged first; what is in milliseconds is brought to whole frames, one at least.

    Args:
        spectra: of the bins that are read, from 0 Hz.
        sample_rate, n_fft, hop: of the spectra.

    Returns:
        (B, bands · STATISTICS_PER_BAND), each about in [−2, 2]; finite, also for silence and few frames.
    """
    with torch.autocast(spectra.power_w.device.type, enabled=False):
        return _field_statistics(spectra, sample_rate, n_fft, hop, to_hz)


def _pooled(spectra: Spectra, frame_ms: float) -> tuple[Spectra, float]:
    """Means over so many frames that one takes FRAME_MS or less; what is left over at the end is left out."""
    count = min(int(FRAME_MS / frame_ms), spectra.power_w.shape[2])
    if count < 2:
        return spectra, frame_ms
    quantities = (spectra.power_w, spectra.power_xyz, spectra.active, spectra.reactive)
    return Spectra(*(_mean_of(each, count) for each in quantities)), count * frame_ms


def _mean_of(values: Tensor, count: int) -> Tensor:
    frames = values.shape[-1] // count
    return values[..., : frames * count].unflatten(-1, (frames, count)).mean(-1)


def _field_statistics(spectra: Spectra, sample_rate: int, n_fft: int, hop: int, to_hz: float) -> Tensor:
    spectra, frame_ms = _pooled(spectra, 1000 * hop / sample_rate)
    power = spectra.power_w
    bands = band_matrix(power.shape[1], sample_rate, n_fft, float(to_hz), power.dtype, power.device)
    floor = POWER_FLOOR * bands.sum(0)[None, :, None]

    def by_band(maps: Tensor) -> Tensor:
        return bands.T @ maps

    w, p = by_band(power), by_band(spectra.power_xyz)
    energy = (w + p) / 2
    active, reactive = by_band(spectra.active), by_band(spectra.reactive)
    strength = length(active)
    directedness = strength / (energy + floor)
    total = (energy + floor).sum(2)
    whole = active.sum(3).square().sum(1).sqrt() / total
    level = torch.log10((w + floor) / (w.mean(2, keepdim=True) + floor))
    rise = level[:, :, 1:] - level[:, :, :-1]
    slope_frames, *lags = (max(1, round(ms / frame_ms)) for ms in (SLOPE_MS, *LAGS_MS))
    slope = level[:, :, slope_frames:] - level[:, :, :-slope_frames]

    def over_frames(weights: Tensor) -> Tensor:
        """Directedness of all frames but the first, weighted."""
        return (weights * directedness[:, :, 1:]).sum(2) / (weights.sum(2) + _RISE_FLOOR)

    amplitude = w.sqrt()
    frames = amplitude.shape[2]
    variance = amplitude.square().mean(2) + floor[:, :, 0]
    correlation = [
        (amplitude[:, :, lag:] * amplitude[:, :, :-lag]).mean(2) / variance
        if lag < frames
        else torch.zeros_like(variance)
        for lag in lags
    ]
    columns = [
        whole,
        strength.sum(2) / total,
        length(reactive).sum(2) / total,
        torch.log10((p + floor).sum(2) / (w + floor).sum(2)),
        over_frames(rise.clamp(min=0)),
        over_frames((-rise).clamp(min=0)),
        level.std(2, correction=0),
    ]
    quantiles = [
        _quantiles(directedness, DIRECTEDNESS_QUANTILES),
        _quantiles(rise, RISE_QUANTILES),
        _quantiles(slope, SLOPE_QUANTILES),
    ]
    return torch.cat([torch.stack(columns, 2), *quantiles, torch.stack(correlation, 2)], dim=2).flatten(1)
