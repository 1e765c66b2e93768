"""Room acoustics by their definitions: octave bands, Schroeder decay, T30, EDT, C50, direct-to-reverberant ratio."""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from transforms.records import OCTAVE_BANDS_HZ, Acoustics

#: In dry air at 20 °C; pyroomacoustics' default, so that its image sources and ours arrive together.
SPEED_OF_SOUND_M_S = 343.0
#: Energy that air absorbs, in 1/m, by octave band: pyroomacoustics' table for 20 °C and 50–70 % humidity. The table
#: ends at 8 kHz; 16 kHz continues its last ratio.
AIR_ABSORPTION_PER_M = (0.0001, 0.0003, 0.0006, 0.001, 0.0017, 0.0041, 0.0135, 0.0445)
#: A decay of 60 dB in units of the energy's time constant.
DECAY_60_DB = 6.0 * math.log(10.0)

# Wider, and a decay would be heard in its neighbours' bands; narrower, and reflections would ring.
CROSSOVER_OCTAVES = 0.5
#: Everything above this share of the Nyquist frequency fades out up to it: no ringing runs ahead of a reflection.
PASSBAND = 0.75
LOWEST_SAMPLE_RATE = 44_100
C50_EARLY_S = 0.05
# No standard has it; a longer window would take in the floor's reflection of a source 4 m away.
DIRECT_WINDOW_S = 0.001
# Room for the filters to ring before the response and after it; 125 Hz is down by 60 dB within half of it.
_RINGING_S = 0.16
_FFT_BLOCK = 256
_FIT_POINTS = 2000


def check_sample_rate(sample_rate: int) -> None:
    """Raise ValueError where the 16 kHz octave would not fit under half of the sample rate, in hertz."""
    if sample_rate < LOWEST_SAMPLE_RATE:
        raise ValueError(f"sample_rate {sample_rate} Hz: the 16 kHz octave needs at least {LOWEST_SAMPLE_RATE} Hz")


def octave_crossover(frequencies_hz: ArrayLike) -> NDArray[np.float64]:
    """Gains (bands, frequencies) that split a spectrum into octaves; they add up to one at every frequency.

    Half an octave of raised cosine at each edge between two bands; the first band goes down to 0 Hz, the last up to the
    end. Zero phase. This is how absorption by band becomes a filter, not how a band is measured.
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


def end_of_spectrum(frequencies_hz: ArrayLike, sample_rate: int) -> NDArray[np.float64]:
    """Gain that takes a response softly from 3/4 of the Nyquist frequency (18 kHz at 48 kHz) to nothing at its end."""
    share = np.asarray(frequencies_hz, dtype=np.float64) / (0.5 * sample_rate)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip((share - PASSBAND) / (1.0 - PASSBAND), 0.0, 1.0)))


def octave_filter_gain(frequencies_hz: ArrayLike, centre_hz: float) -> NDArray[np.float64]:
    """Magnitude of the octave band-pass around ``centre_hz``: Butterworth of sixth order, class 1 of IEC 61260-1."""
    frequencies = np.maximum(np.asarray(frequencies_hz, dtype=np.float64), 1e-3)
    squared = 2.0 * np.square(frequencies / centre_hz - centre_hz / frequencies)
    return np.asarray(1.0 / np.sqrt(1.0 + squared * squared * squared))


def octave_energies(response_w: ArrayLike, sample_rate: int) -> list[tuple[NDArray[np.float64], float]]:
    """Energy over time of W (samples,) in each octave band, as (energies, sample rate of these energies in hertz).

    The filters have zero phase, so a short decay is not stretched to one side. Low bands come at a lower rate: nothing
    over two octaves above their centre is left in them. Every series starts ``ringing_s()`` before the response.
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
    """Gain (bins,) of each octave filter on a spectrum of ``length`` samples, and by how much its rate is reduced."""
    filters = []
    for centre in OCTAVE_BANDS_HZ:
        reduction = 1
        while reduction < _FFT_BLOCK and sample_rate / (4 * reduction) >= 4 * centre:
            reduction *= 2
        frequencies = np.arange(length // reduction // 2 + 1) * (sample_rate / length)
        filters.append(((octave_filter_gain(frequencies, centre) / reduction).astype(dtype), reduction))
    return filters


def ringing_s() -> float:
    """Seconds that `octave_energies` leaves before the response for the filters to ring."""
    return _RINGING_S / 2


def schroeder_decay(energies: ArrayLike) -> NDArray[np.float64]:
    """Backward integration of energy over time (samples,): the energy still to come, undivided (ISO 3382-1, 5.3.3)."""
    return np.cumsum(np.asarray(energies, dtype=np.float64)[::-1])[::-1]


def decay_time_ms(decay: NDArray[np.float64], rate_hz: float, upper_db: float, lower_db: float) -> float:
    """Time for 60 dB in ms, from a line fitted to ``decay`` between two levels in dB under its start (ISO 3382-1).

    NaN where the decay crosses the range in fewer than two samples, or holds no energy.
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
    """Full-band T30 in ms of W (samples,): the decay from −5 to −35 dB, integrated backwards (ISO 3382-1)."""
    return decay_time_ms(schroeder_decay(np.square(response_w, dtype=np.float64)), sample_rate, -5.0, -35.0)


def t30_bands_ms(response_w: ArrayLike, sample_rate: int) -> tuple[float, ...]:
    """T30 in ms of W (samples,) in each octave band (ISO 3382-1)."""
    return tuple(
        decay_time_ms(schroeder_decay(energies), rate, -5.0, -35.0)
        for energies, rate in octave_energies(response_w, sample_rate)
    )


def edt_ms(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> float:
    """Early decay time in ms: the fit from 0 to −10 dB, from the direct sound on, times six (ISO 3382-1).

    Near a source most of it is the step behind the direct sound, so it can be close to zero.
    """
    arrived = np.square(np.asarray(response_w)[max(0, math.floor(direct_sample)) :], dtype=np.float64)
    return decay_time_ms(schroeder_decay(arrived), sample_rate, 0.0, -10.0)


def c50_db(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> float:
    """Clarity in dB: energy within 50 ms of the direct sound's arrival over the energy after it (ISO 3382-1)."""
    return _energy_ratio_db(response_w, round(direct_sample + C50_EARLY_S * sample_rate))


def drr_db(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> float:
    """Direct-to-reverberant ratio in dB: energy until 1 ms after the direct sound over the energy from then on."""
    return _energy_ratio_db(response_w, round(direct_sample + DIRECT_WINDOW_S * sample_rate))


def heard_t30_ms(band_t30_ms: ArrayLike, range_db: tuple[float, float] = (-5.0, -35.0)) -> NDArray[np.float64]:
    """Full-band T30 in ms (...,) measured on diffuse octaves that each decay at a T30 of their own (..., bands).

    Another ``range_db`` than that of ISO 3382-1 gives the time for 60 dB that is fitted there.
    """
    return full_band_t30_ms(_with_pairs(band_t30_ms), _heard_energies()[0], range_db)


def heard_bands_t30_ms(band_t30_ms: ArrayLike) -> NDArray[np.float64]:
    """T30 in ms (..., bands) that octave filters measure on diffuse octaves that each decay at a T30 of their own.

    The filters have skirts, and sound between two octaves decays in between: an octave that is drier than its
    neighbours measures longer than it is.
    """
    return full_band_t30_ms(_with_pairs(band_t30_ms)[..., None, :], _heard_energies()[1:])


def _with_pairs(band_t30_ms: ArrayLike) -> NDArray[np.float64]:
    """Decays of octaves and of pairs of neighbours: amplitudes add up, and the square of a sum holds a product."""
    decays_ms = np.asarray(band_t30_ms, dtype=np.float64)
    between_ms = 2.0 / (1.0 / decays_ms[..., :-1] + 1.0 / decays_ms[..., 1:])
    return np.concatenate([decays_ms, between_ms], axis=-1)


@functools.cache
def _heard_energies() -> NDArray[np.float64]:
    """Energy (1 + bands, 2 · bands − 1) that the full band and each octave filter take from white sound at 48 kHz.

    By octave first, then by pair of neighbours.
    """
    frequencies = np.arange(0.5, 24_000.0)
    octaves = octave_crossover(frequencies)
    octaves *= end_of_spectrum(frequencies, 48_000)
    parts = np.concatenate([np.square(octaves), 2.0 * octaves[:-1] * octaves[1:]])
    filters = np.stack([np.ones(frequencies.size), *(octave_filter_gain(frequencies, hz) for hz in OCTAVE_BANDS_HZ)])
    # Added up in a fixed order, on one thread.
    energies = np.einsum("fn,pn->fp", np.square(filters), parts)
    return np.asarray(energies / energies.sum(axis=1, keepdims=True))


def full_band_t30_ms(
    band_t30_ms: ArrayLike, band_energies: ArrayLike, range_db: tuple[float, float] = (-5.0, -35.0)
) -> NDArray[np.float64]:
    """Full-band T30 in ms of diffuse decays that start together: (..., bands) of T30 in ms and of initial energies.

    A sum of exponentials is not one: its level is fitted over ``range_db``, as on a measured response.
    """
    decay_per_ms = DECAY_60_DB / np.asarray(band_t30_ms, dtype=np.float64)
    levels = np.asarray(band_energies, dtype=np.float64) / decay_per_ms
    total = levels.sum(axis=-1)

    def remaining(time_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sum(levels * np.exp(-decay_per_ms * time_ms[..., None]), axis=-1) / total)

    def crossing(fraction: float) -> NDArray[np.float64]:
        # Newton on the level: it is convex, so the steps come from the left and never pass the crossing.
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
    """All quantities of W (samples,), whose direct sound arrives at ``direct_sample``, to 0.01 ms and 0.001 dB."""
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
