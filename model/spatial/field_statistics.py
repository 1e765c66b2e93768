"""Statistics of a sound field by octave band that depend on distance and room and do not rotate with the field.

Distance and room affect how directed the energy is (diffuseness; Merimaa and Pulkki, Spatial impulse response
rendering, 2005), above all at onsets, before the reverberation; how fast the level falls; and how much modulation
remains. The choice of statistics is ours. None of them depends on the absolute level of a clip.
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
#: Shorter frames are averaged to this length, so that a decay is visible through noise.
FRAME_MS = 16
#: Length of time over which a slope is measured.
SLOPE_MS = 64
#: Lags of the envelope's autocorrelation.
LAGS_MS = (16, 32, 64, 128, 256, 512)
#: Statistics of each band.
STATISTICS_PER_BAND = 7 + len(RISE_QUANTILES) + len(SLOPE_QUANTILES) + len(DIRECTEDNESS_QUANTILES) + len(LAGS_MS)
#: Rises of log10 of power per frame below this are no onsets.
_RISE_FLOOR = 1e-3


def octave_bands(to_hz: float) -> list[tuple[float, float]]:
    """Lower and upper edges of the octave bands from LOWEST_BAND_HZ up; the last ends at ``to_hz``."""
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
    """Membership of bins in bands: (bins, bands) of 0 and 1. A narrow band has the bin nearest to its centre."""
    # Outside of inference mode, because the cached tensor is also used in training.
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
    """Quantiles over the last axis of (B, K, T): (B, K, len(quantiles)); zero if T is 0."""
    if values.shape[2] == 0:
        return values.new_zeros(*values.shape[:2], len(quantiles))
    return torch.quantile(values, values.new_tensor(quantiles), dim=2).permute(1, 2, 0)


def field_statistics(spectra: Spectra, *, sample_rate: int, n_fft: int, hop: int, to_hz: float) -> Tensor:
    """Statistics of a batch of clips for each octave band up to ``to_hz``.

    Let w be the power of W in a band and frame, p that of X, Y and Z together, E = (w + p) / 2, and I and J the active
    and the reactive intensity. All have floors of 16-bit noise. The statistics of a band are, in this order:

    - directedness of the clip |ΣI| / ΣE, of the frames Σ|I| / ΣE, reactive Σ|J| / ΣE;
    - log10 of Σp / Σw;
    - directedness |I| / E averaged over frames by the rise of log10 w, and by its fall;
    - standard deviation of log10 w;
    - quantiles over frames of |I| / E, of the rise of log10 w over one frame, of its rise over SLOPE_MS;
    - autocorrelation of √w at LAGS_MS.

    Frames shorter than FRAME_MS are averaged first. Times in milliseconds are rounded to whole frames, at least one.

    Args:
        spectra: of the lowest bins.
        sample_rate, n_fft, hop: of the spectra.
        to_hz: upper end of the last band.

    Returns:
        (B, bands · STATISTICS_PER_BAND), values of about [−2, 2]; finite, also in silence and with few frames.
    """
    with torch.autocast(spectra.power_w.device.type, enabled=False):
        return _field_statistics(spectra, sample_rate, n_fft, hop, to_hz)


def _pooled(spectra: Spectra, frame_ms: float) -> tuple[Spectra, float]:
    """Averages frames to a length of at most FRAME_MS; drops the remainder at the end. Returns the new length in ms."""
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
        """Weighted mean of the directedness over all frames except the first."""
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
