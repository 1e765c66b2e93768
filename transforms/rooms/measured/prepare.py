"""A raw response becomes a measured one: checked, aligned, at 48 kHz, in ACN and SN3D, and measured."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

from transforms.rooms.measured.ambisonics import to_ambix
from transforms.rooms.measured.decay import check_decay, measure_decay, without_noise
from transforms.rooms.measured.direct_sound import Intensity, direct_intensity, find_direct_sample
from transforms.rooms.measured.response import MeasuredResponse, RawResponse, ResponseRejected
from transforms.rooms.measured.settings import Conventions

SAMPLE_RATE = 48_000
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000.0, 768_000.0
#: The longest response, with its delay.
LONGEST_S = 60.0
#: The samples of a response, in all channels.
MOST_SAMPLES = 1 << 26
#: A response whose samples all lie below this level is silent; the scale of a response is free, so it is low.
_SILENT = 1e-7
#: Full scale of 32-bit integers; no response is louder.
_LOUDEST = 2.0**32
#: Samples at the peak of a channel that show clipping: at full scale, and anywhere.
_FULL_SCALE, _CLIPPED_AT_FULL_SCALE, _CLIPPED = 1.0 - 2.0**-15, 2, 3
#: Below this level many samples of 16 bits may be equal without clipping.
_COARSE = 2.0**-7


class Prepared(NamedTuple):
    """A response and the intensity of its direct sound; None where the direct sound has none."""

    response: MeasuredResponse
    intensity: Intensity | None


def prepare(raw: RawResponse, conventions: Conventions) -> Prepared:
    """Prepares and measures one response.

    Raises:
        ResponseRejected: with a reason for each thing that may be wrong with it.
    """
    check_rate(raw.sample_rate)
    check_samples(raw.samples)
    aligned = at_sample_rate(_delayed(raw), raw.sample_rate)
    samples = to_ambix(aligned, conventions)
    if not np.abs(samples[0]).max() > _SILENT:
        raise ResponseRejected("silent", "its W is silent")
    ends = int(np.flatnonzero(np.abs(samples[0]))[-1]) + 1
    # Zeros at the end are no decay, however many there are.
    response_w = samples[0, :ends]
    direct_sample = find_direct_sample(response_w, SAMPLE_RATE)
    decay = check_decay(response_w, SAMPLE_RATE, direct_sample)
    acoustics = measure_decay(response_w, SAMPLE_RATE, direct_sample, decay, raw.sample_rate)
    if not math.isfinite(acoustics.t30_ms):
        raise ResponseRejected("no_decay", "its T30 cannot be measured")
    if decay is not None:
        samples = without_noise(samples, SAMPLE_RATE, decay)
    azimuth_deg, elevation_deg = angles_of(raw.direction)
    response = MeasuredResponse(
        response_id=raw.response_id,
        room_id=raw.room_id,
        split=raw.split,
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        distance_m=raw.distance_m,
        length_m=raw.length_m,
        width_m=raw.width_m,
        height_m=raw.height_m,
        floor_area_m2=raw.floor_area_m2,
        receiver_m=raw.receiver_m,
        source_m=raw.source_m,
        license=raw.license,
        attribution=raw.attribution,
        samples=samples,
        direct_sample=direct_sample,
        acoustics=acoustics,
    )
    return Prepared(response, direct_intensity(samples, SAMPLE_RATE, direct_sample))


def angles_of(direction: tuple[float, float, float]) -> tuple[float, float]:
    """Azimuth in (−180, 180] and elevation in [−90, 90] of a unit vector, in degrees rounded to 1e-6."""
    x, y, z = direction
    azimuth = round(math.degrees(math.atan2(y, x)), 6)
    return (180.0 if azimuth <= -180.0 else azimuth + 0.0), round(
        math.degrees(math.atan2(z, math.hypot(x, y))), 6
    ) + 0.0


def check_samples(samples: NDArray[np.float32]) -> None:
    """Checks the samples (channels, n) as the file holds them.

    Raises:
        ResponseRejected: empty, not_finite, out_of_range, silent, clipped.
    """
    if not samples.size:
        raise ResponseRejected("empty", "it holds no samples")
    peaks = np.max(np.abs(samples), axis=1)
    if not np.all(np.isfinite(peaks)):
        raise ResponseRejected("not_finite", "samples that are infinite or not a number")
    loudest = float(peaks.max())
    if loudest > _LOUDEST:
        raise ResponseRejected("out_of_range", f"a sample of {loudest:.3g}; full scale is 1")
    if loudest <= _SILENT:
        raise ResponseRejected("silent", "all its samples are silent")
    for channel, peak in zip(samples, peaks, strict=True):
        if peak < _COARSE:
            continue
        at_peak = int(np.count_nonzero(np.abs(channel) >= (min(peak, _FULL_SCALE) if peak <= 1.0 else peak)))
        if at_peak >= (_CLIPPED_AT_FULL_SCALE if _FULL_SCALE <= peak <= 1.0 else _CLIPPED):
            raise ResponseRejected("clipped", f"{at_peak} samples of a channel lie at its peak, {float(peak):.4g}")


def at_sample_rate(samples: NDArray[np.float32], sample_rate: float) -> NDArray[np.float32]:
    """Samples (channels, n) at 48 kHz; a sound at t seconds stays at t seconds, and the gain at each frequency too."""
    if sample_rate == SAMPLE_RATE:
        return samples
    resampled = soxr.resample(np.ascontiguousarray(samples.T), sample_rate, SAMPLE_RATE, quality="HQ")
    # A filter has more taps at a higher rate, so each is smaller.
    return np.ascontiguousarray(resampled.T * np.float32(sample_rate / SAMPLE_RATE), dtype=np.float32)


def check_rate(sample_rate: float) -> None:
    """Raises ResponseRejected for a sample rate outside of what is read."""
    if not LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ:
        raise ResponseRejected(
            "sample_rate", f"{sample_rate:g} Hz; responses have {LOWEST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g} Hz"
        )


def check_length(samples: int, sample_rate: float, channels: int = 1) -> None:
    """Raises ResponseRejected for a response that is too long, or takes too much memory, to be read."""
    if samples > LONGEST_S * sample_rate:
        raise ResponseRejected("too_long", f"{samples / sample_rate:.1f} s; at most {LONGEST_S:g} s are read")
    if samples * channels > MOST_SAMPLES:
        raise ResponseRejected(
            "too_long", f"{samples * channels} samples in all channels; at most {MOST_SAMPLES} are read"
        )


def _delayed(raw: RawResponse) -> NDArray[np.float32]:
    """The samples (channels, n) moved by their delays, which may be fractions of a sample."""
    samples = raw.samples
    each = list(raw.delays) * len(samples) if len(raw.delays) == 1 else list(raw.delays)
    if len(each) != len(samples):
        raise ResponseRejected("delay", f"{len(each)} delays for {len(samples)} channels")
    if not all(map(math.isfinite, each)) or min(each) < 0.0:
        raise ResponseRejected("delay", "a delay that is negative or no number")
    if not any(each):
        return samples
    check_length(samples.shape[1] + math.ceil(max(each)), raw.sample_rate)
    whole = [math.floor(delay) for delay in each]
    # A fraction of a sample needs some room for its ringing.
    room = 64 if any(delay != start for delay, start in zip(each, whole, strict=True)) else 0
    moved = np.zeros((len(samples), samples.shape[1] + max(whole) + room), dtype=np.float32)
    for row, channel, delay, start in zip(moved, samples, each, whole, strict=True):
        shifted = channel if delay == start else _fraction_later(channel, delay - start, room)
        row[start : start + shifted.size] = shifted
    return moved


def _fraction_later(channel: NDArray[np.float32], fraction: float, room: int) -> NDArray[np.float32]:
    """A channel (n,) moved by a fraction of a sample, (n + room,)."""
    length = scipy.fft.next_fast_len(2 * (channel.size + room), real=True)
    spectrum = scipy.fft.rfft(channel.astype(np.float64), length)
    spectrum *= np.exp(-2j * np.pi * fraction * np.arange(spectrum.size) / length)
    return np.asarray(scipy.fft.irfft(spectrum, length)[: channel.size + room], dtype=np.float32)
