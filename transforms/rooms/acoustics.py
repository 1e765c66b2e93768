"""Room acoustics by their definitions: octave bands, Schroeder decay, T30, EDT, C50, direct-to-reverberant ratio.

Definitions follow ISO 3382-1 (annex A for EDT and C50), filters IEC 61260-1.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from transforms.records import OCTAVE_BANDS_HZ, Acoustics

#: Speed of sound in dry air at 20 °C. It is pyroomacoustics' default, so that its image sources arrive when ours do.
SPEED_OF_SOUND_M_S = 343.0
#: Energy that air absorbs, in 1/m, by octave band: pyroomacoustics' table for 20 °C and 50–70 % humidity. The table
#: ends at 8 kHz; the value at 16 kHz continues the ratio of its last two.
AIR_ABSORPTION_PER_M = (0.0001, 0.0003, 0.0006, 0.001, 0.0017, 0.0041, 0.0135, 0.0445)
#: How long energy takes to fall by 60 dB, in time constants of its exponential decay.
DECAY_60_DB = 6.0 * math.log(10.0)

# Width of the crossover between two octaves, in octaves. A wider one would let the decay of a band be heard in its
# neighbours; a narrower one would let reflections ring.
CROSSOVER_OCTAVES = 0.5
#: A response fades out between this share of the Nyquist frequency and all of it, so that no ringing precedes a
#: reflection.
PASSBAND = 0.75
LOWEST_SAMPLE_RATE = 44_100
C50_EARLY_S = 0.05
# How long after its arrival energy counts as direct sound. No standard gives a number; a longer window would include
# the floor's reflection of a source 4 m away.
DIRECT_WINDOW_S = 0.001
# Time for the filters to ring, half of it before the response and half after it; the filter at 125 Hz falls by 60 dB
# within one half.
_RINGING_S = 0.16
_FFT_BLOCK = 256
# A line is fitted to this many points of a decay, or up to twice as many.
_FIT_POINTS = 2000


def check_sample_rate(sample_rate: int) -> None:
    """Raises ValueError if the 16 kHz octave does not fit below half of the sample rate, in hertz."""
    if sample_rate < LOWEST_SAMPLE_RATE:
        raise ValueError(f"sample_rate {sample_rate} Hz: the 16 kHz octave needs at least {LOWEST_SAMPLE_RATE} Hz")


def octave_crossover(frequencies_hz: ArrayLike) -> NDArray[np.float64]:
    """Gains that split a spectrum into octaves, and whose sum is one at every frequency.

    They turn absorption by band into a filter without phase; bands are measured with `octave_filter_gain`. Two
    neighbours cross over within half an octave, along a raised cosine. The first band reaches down to 0 Hz, the last
    up to the end of the spectrum.

    Args:
        frequencies_hz: frequencies (n,) in hertz.

    Returns:
        Amplitude gains (bands, n).
    """
    octaves = np.log2(np.maximum(np.asarray(frequencies_hz, dtype=np.float64), 1.0) / OCTAVE_BANDS_HZ[0])
    position = np.clip(octaves, 0.0, len(OCTAVE_BANDS_HZ) - 1.0)
    lower = np.minimum(position.astype(np.intp), len(OCTAVE_BANDS_HZ) - 2)
    crossing = np.clip((position - lower - 0.5) / CROSSOVER_OCTAVES + 0.5, 0.0, 1.0)
    falling = 0.5 + 0.5 * np.cos(np.pi * crossing)
    gains = np.zeros((len(OCTAVE_BANDS_HZ), octaves.size))
    gains[lower, np.arange(octaves.size)] = falling
    gains[lower + 1, np.arange(octaves.size)] = 1.0 - falling
    return gains


def spectrum_fade_out(frequencies_hz: ArrayLike, sample_rate: int) -> NDArray[np.float64]:
    """Amplitude gain (n,) that fades a spectrum out, from 3/4 of the Nyquist frequency (18 kHz at 48 kHz) up to all."""
    share = np.asarray(frequencies_hz, dtype=np.float64) / (0.5 * sample_rate)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip((share - PASSBAND) / (1.0 - PASSBAND), 0.0, 1.0)))


def octave_filter_gain(frequencies_hz: ArrayLike, centre_hz: float) -> NDArray[np.float64]:
    """Magnitude (n,) of the octave filter around ``centre_hz``: Butterworth of sixth order, class 1 of IEC 61260-1."""
    frequencies = np.maximum(np.asarray(frequencies_hz, dtype=np.float64), 1e-3)
    squared = 2.0 * np.square(frequencies / centre_hz - centre_hz / frequencies)
    return np.asarray(1.0 / np.sqrt(1.0 + squared * squared * squared))


def octave_energies(response_w: ArrayLike, sample_rate: int) -> list[tuple[NDArray[np.float64], float]]:
    """Filters a response into octaves and squares each.

    The filters have zero phase, so they stretch a short decay to both sides equally. Low bands have a reduced sample
    rate, because nothing more than two octaves above their centre remains in them.

    Args:
        response_w: the W channel of a response, (samples,).
        sample_rate: its sample rate in hertz.

    Returns:
        For each octave, its energy over time (n,) and the sample rate of that series in hertz. Every series begins
        `ringing_s()` before the response.

    Raises:
        ValueError: the sample rate is too low for the 16 kHz octave.
    """
    check_sample_rate(sample_rate)
    samples = np.asarray(response_w)
    lead = round(ringing_s() * sample_rate)
    blocks = math.ceil((samples.size + 2 * lead) / _FFT_BLOCK)
    length = _FFT_BLOCK * scipy.fft.next_fast_len(blocks, real=True)
    padded = np.zeros(length, dtype=samples.dtype)
    padded[lead : lead + samples.size] = samples
    spectrum = scipy.fft.rfft(padded)
    series = []
    for gain, reduction in _reduced_filters(length, sample_rate, samples.dtype):
        band = scipy.fft.irfft(spectrum[: gain.size] * gain, length // reduction)
        series.append((np.square(band, dtype=np.float64), sample_rate / reduction))
    return series


@functools.lru_cache(maxsize=2)
def _reduced_filters(length: int, sample_rate: int, dtype: np.dtype) -> list[tuple[NDArray[np.floating], int]]:
    """The gain (bins,) of each octave's filter for ``length`` samples, and the factor that reduces its sample rate."""
    filters = []
    for centre in OCTAVE_BANDS_HZ:
        reduction = 1
        while reduction < _FFT_BLOCK and sample_rate / (4 * reduction) >= 4 * centre:
            reduction *= 2
        frequencies = np.arange(length // reduction // 2 + 1) * (sample_rate / length)
        filters.append(((octave_filter_gain(frequencies, centre) / reduction).astype(dtype), reduction))
    return filters


def ringing_s() -> float:
    """Seconds that `octave_energies` adds before the response, in which the filters ring."""
    return _RINGING_S / 2


def schroeder_decay(energies: ArrayLike) -> NDArray[np.float64]:
    """Integrates energy over time (samples,) backwards: the energy from each sample on (ISO 3382-1, 5.3.3)."""
    return np.cumsum(np.asarray(energies, dtype=np.float64)[::-1])[::-1]


def decay_time_ms(decay: NDArray[np.float64], rate_hz: float, upper_db: float, lower_db: float) -> float:
    """Fits a line to a decay between two levels, and extrapolates it to 60 dB (ISO 3382-1, clause 6).

    Args:
        decay: a decay by `schroeder_decay`, (samples,).
        rate_hz: its sample rate.
        upper_db: the level where the fit begins, relative to the start of the decay, such as −5 for T30.
        lower_db: the level where it ends, such as −35 for T30.

    Returns:
        The time for 60 dB in ms; NaN if the decay has no energy, or crosses the range in fewer than two samples.
    """
    if decay.size == 0 or not decay[0] > 0.0:
        return math.nan
    rising = decay[::-1]
    first = decay.size - int(np.searchsorted(rising, decay[0] * 10 ** (upper_db / 10), side="right"))
    last = decay.size - int(np.searchsorted(rising, decay[0] * 10 ** (lower_db / 10), side="left"))
    if last - first < 2:
        return math.nan
    times = np.arange(first, last, max(1, (last - first) // _FIT_POINTS))
    levels = 10.0 * np.log10(decay[times])
    centred = times - times.mean()
    slope_db = float(np.sum(centred * levels) / np.sum(centred * centred)) * rate_hz
    return -60_000.0 / slope_db if slope_db < 0.0 else math.nan


def t30_ms(response_w: ArrayLike, sample_rate: int) -> float:
    """Full-band T30 in ms of W (samples,): the backward-integrated decay from −5 to −35 dB (ISO 3382-1)."""
    return decay_time_ms(schroeder_decay(np.square(response_w, dtype=np.float64)), sample_rate, -5.0, -35.0)


def t30_bands_ms(response_w: ArrayLike, sample_rate: int) -> tuple[float, ...]:
    """T30 in ms of W (samples,) in each octave band (ISO 3382-1)."""
    return tuple(
        decay_time_ms(schroeder_decay(energies), rate, -5.0, -35.0)
        for energies, rate in octave_energies(response_w, sample_rate)
    )


def edt_ms(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> float:
    """Early decay time in ms of W (samples,): six times the time from 0 to −10 dB (ISO 3382-1, annex A).

    ``direct_sample`` is when the direct sound arrives, in samples. Near a source most of these 10 dB is the step after
    the direct sound, so the value can be close to zero.
    """
    arrived = np.square(np.asarray(response_w)[max(0, math.floor(direct_sample)) :], dtype=np.float64)
    return decay_time_ms(schroeder_decay(arrived), sample_rate, 0.0, -10.0)


def c50_db(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> float:
    """Clarity C50 in dB of W (samples,): the energy up to 50 ms after the direct sound, over the energy after that.

    ``direct_sample`` is when the direct sound arrives, in samples (ISO 3382-1, annex A).
    """
    return _energy_ratio_db(response_w, round(direct_sample + C50_EARLY_S * sample_rate))


def drr_db(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> float:
    """Direct-to-reverberant ratio in dB of W (samples,): the energy up to 1 ms after the direct sound, over the rest.

    ``direct_sample`` is when the direct sound arrives, in samples.
    """
    return _energy_ratio_db(response_w, round(direct_sample + DIRECT_WINDOW_S * sample_rate))


def predicted_t30_ms(band_t30_ms: ArrayLike, range_db: tuple[float, float] = (-5.0, -35.0)) -> NDArray[np.float64]:
    """Predicts the full-band T30 that is measured on a diffuse field whose octaves have different T30s.

    Args:
        band_t30_ms: T30 of each octave in ms, (..., bands).
        range_db: the levels between which the decay is fitted; the default is the range of T30.

    Returns:
        Time for 60 dB in ms, (...,).
    """
    return full_band_t30_ms(_with_products(band_t30_ms), _energy_shares()[0], range_db)


def predicted_bands_t30_ms(band_t30_ms: ArrayLike) -> NDArray[np.float64]:
    """Predicts the T30 that octave filters measure on a diffuse field whose octaves have different T30s.

    The slopes of a filter let parts of the neighbours through, and sound between two octaves decays at a rate between
    theirs. So an octave that is drier than its neighbours measures longer than it is.

    Args:
        band_t30_ms: T30 of each octave in ms, (..., bands).

    Returns:
        Measured T30 in ms, (..., bands).
    """
    return full_band_t30_ms(_with_products(band_t30_ms)[..., None, :], _energy_shares()[1:])


def _with_products(band_t30_ms: ArrayLike) -> NDArray[np.float64]:
    """Decays in ms of the octaves, then of the products of neighbours.

    Amplitudes of neighbours add up where they cross over, so the energy there contains their product, which decays at
    the mean of both rates.
    """
    decays_ms = np.asarray(band_t30_ms, dtype=np.float64)
    between_ms = 2.0 / (1.0 / decays_ms[..., :-1] + 1.0 / decays_ms[..., 1:])
    return np.concatenate([decays_ms, between_ms], axis=-1)


@functools.cache
def _energy_shares() -> NDArray[np.float64]:
    """Energy (1 + bands, 2 · bands − 1) that the full band and each octave filter take from white noise at 48 kHz.

    The columns are the octaves of the sound, then the products of neighbours.
    """
    frequencies = np.arange(0.5, 24_000.0)
    octaves = octave_crossover(frequencies)
    octaves *= spectrum_fade_out(frequencies, 48_000)
    parts = np.concatenate([np.square(octaves), 2.0 * octaves[:-1] * octaves[1:]])
    filters = np.stack([np.ones(frequencies.size), *(octave_filter_gain(frequencies, hz) for hz in OCTAVE_BANDS_HZ)])
    # np.einsum adds in a fixed order, on one thread.
    energies = np.einsum("fn,pn->fp", np.square(filters), parts)
    return np.asarray(energies / energies.sum(axis=1, keepdims=True))


def full_band_t30_ms(
    band_t30_ms: ArrayLike, band_energies: ArrayLike, range_db: tuple[float, float] = (-5.0, -35.0)
) -> NDArray[np.float64]:
    """T30 of a sum of exponential decays, fitted as on a measured response.

    Args:
        band_t30_ms: T30 of each decay in ms, (..., bands).
        band_energies: its power at time zero, (..., bands); any unit.
        range_db: the levels between which the sum is fitted.

    Returns:
        Time for 60 dB in ms, (...,).
    """
    decay_per_ms = DECAY_60_DB / np.asarray(band_t30_ms, dtype=np.float64)
    levels = np.asarray(band_energies, dtype=np.float64) / decay_per_ms
    total = levels.sum(axis=-1)

    def remaining(time_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sum(levels * np.exp(-decay_per_ms * time_ms[..., None]), axis=-1) / total)

    def crossing(fraction: float) -> NDArray[np.float64]:
        # Newton's method on the level, which is convex: its steps come from the left and never pass the crossing.
        time_ms = np.zeros_like(total)
        for _ in range(12):
            parts = levels * np.exp(-decay_per_ms * time_ms[..., None])
            left = parts.sum(axis=-1)
            time_ms = time_ms + np.log(left / (total * fraction)) * left / np.sum(decay_per_ms * parts, axis=-1)
        return np.asarray(time_ms)

    first, last = (crossing(10.0 ** (level / 10.0)) for level in range_db)
    steps = (np.arange(32) + 0.5) / 32
    times = first + (last - first) * steps.reshape(-1, *([1] * first.ndim))
    decibels = 10.0 * np.log10(remaining(times))
    centred = times - times.mean(axis=0)
    return np.asarray(-60.0 * np.sum(centred * centred, axis=0) / np.sum(centred * decibels, axis=0))


def measure(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> Acoustics:
    """Measures a response by ISO 3382-1.

    Args:
        response_w: its W channel, (samples,).
        sample_rate: in hertz, at least 44.1 kHz.
        direct_sample: when the direct sound arrives, in samples.

    Returns:
        T30, T30 by octave and EDT, rounded to 0.01 ms; C50 and DRR, rounded to 0.001 dB.

    Raises:
        ValueError: the sample rate is too low.
    """
    samples = np.asarray(response_w, dtype=np.float64)
    return Acoustics(
        t30_ms=round(t30_ms(samples, sample_rate), 2),
        t30_bands_ms=tuple(round(value, 2) for value in t30_bands_ms(samples, sample_rate)),
        edt_ms=round(edt_ms(samples, sample_rate, direct_sample), 2),
        c50_db=round(c50_db(samples, sample_rate, direct_sample), 3),
        drr_db=round(drr_db(samples, sample_rate, direct_sample), 3),
    )


def _energy_ratio_db(response_w: ArrayLike, split_sample: int) -> float:
    energies = np.square(response_w, dtype=np.float64)
    early, late = float(energies[:split_sample].sum()), float(energies[split_sample:].sum())
    if late == 0.0:
        return math.inf
    return 10.0 * math.log10(early / late) if early > 0.0 else -math.inf
