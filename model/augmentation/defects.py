"""The defects of real microphones and rooms, each a named change of a Recording with the ranges it is drawn from.

An array of capsules on a small body gives W, Y, Z, X that are right only in between: above some kilohertz it aliases in
space, and below some hundred hertz X, Y, Z are small differences that are amplified by 1/(kr), with the capsules' noise
and their mismatch. The words and the labels of a row stay true under every one of these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.augmentation.recording import FREQUENCIES_HZ, Recording
from model.errors import ConfigurationError

_SPEED_OF_SOUND_M_S = 343.0
#: The signal-to-noise ratio of noise is that of its part up to here.
NOISE_BAND_HZ = 8000.0
_XYZ = slice(1, 4)


def _ordered(name: str, low: float, high: float, least: float) -> None:
    if not least <= low <= high:
        raise ConfigurationError(f"data.augmentation.{name} is {low} to {high}, at least {least} and rising expected")


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def _above(frequency_hz: float, octaves: float) -> NDArray[np.float64]:
    """From 0 to 1 around a frequency, over about so many octaves."""
    return 1 / (1 + np.exp(-np.log2(FREQUENCIES_HZ / frequency_hz) * 8 / octaves))


def _with_noise(recording: Recording, noise: NDArray[np.float64]) -> Recording:
    """Noise of another origin besides: powers add."""
    return replace(recording, noise=np.sqrt(recording.noise**2 + noise**2))


def noise_spectrum(exponent: float, from_hz: float, snr_db: float, sample_rate: int) -> NDArray[np.float64]:
    """Amplitudes (K,) of noise whose power falls as f^−exponent above ``from_hz``, level below.

    Args:
        snr_db: of the noise's power up to NOISE_BAND_HZ, to that of the clip's W.
    """
    power = (np.maximum(FREQUENCIES_HZ, from_hz) / from_hz) ** -exponent
    fine = np.arange(1.0, min(NOISE_BAND_HZ, sample_rate / 2))
    # A constant spectrum of amplitude a up to Nyquist has the power a².
    share = np.interp(np.log(fine), np.log(FREQUENCIES_HZ), np.sqrt(power)) ** 2
    total = float(share.sum()) / (sample_rate / 2)
    return np.sqrt(power / total) * 10 ** (-snr_db / 20)


@dataclass(frozen=True)
class DiffuseNoise:
    """Noise from everywhere: Y, Z, X at 1/√3 of W and independent; white to pink."""

    probability: float = 0.6
    snr_from_db: float = 5.0
    snr_to_db: float = 30.0

    def __post_init__(self) -> None:
        _ordered("diffuse_noise.snr_db", self.snr_from_db, self.snr_to_db, -60)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        snr_db, exponent = generator.uniform(self.snr_from_db, self.snr_to_db), generator.uniform(0, 1)
        noise = noise_spectrum(exponent, 50.0, snr_db, sample_rate)
        return _with_noise(recording, np.outer([1, *[1 / math.sqrt(3)] * 3], noise))


@dataclass(frozen=True)
class BandLimit:
    """X, Y, Z are cut above a frequency, as where an array's encoder gives them up; W goes on."""

    probability: float = 0.25
    from_hz: float = 2000.0
    to_hz: float = 8000.0

    def __post_init__(self) -> None:
        _ordered("band_limit", self.from_hz, self.to_hz, 20)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        kept = 1 - _above(_log_uniform(generator, self.from_hz, self.to_hz), octaves=generator.uniform(0.3, 2.0))
        gain = np.vstack([np.ones_like(kept), *[kept] * 3])
        return replace(
            recording, response=recording.response * gain, from_w=recording.from_w * gain, noise=recording.noise * gain
        )


@dataclass(frozen=True)
class SpatialAliasing:
    """Above a frequency X, Y, Z say nothing of the direction: each is W, as loud, through a random response."""

    probability: float = 0.3
    from_hz: float = 2000.0
    to_hz: float = 8000.0

    def __post_init__(self) -> None:
        _ordered("spatial_aliasing", self.from_hz, self.to_hz, 20)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        aliased = _above(_log_uniform(generator, self.from_hz, self.to_hz), octaves=generator.uniform(0.5, 1.5))
        shape = (3, len(FREQUENCIES_HZ))
        wild = 0.6 * generator.standard_normal((*shape, 2)).view(np.complex128)[..., 0]
        # Half of the arrays keep their sign over broad bands, which misleads most.
        if generator.random() < 0.5:
            wild = _smooth(wild)
        response, noise, from_w = recording.response.copy(), recording.noise.copy(), recording.from_w.copy()
        response[_XYZ] *= 1 - aliased
        from_w[_XYZ] = from_w[_XYZ] * (1 - aliased) + aliased * wild
        noise[_XYZ] = np.hypot(noise[_XYZ] * (1 - aliased), noise[:1] * aliased * np.abs(wild))
        return replace(recording, response=response, from_w=from_w, noise=noise)


def _smooth(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Mean over about an octave, at the same effective value."""
    window = np.ones(7) / math.sqrt(7)
    return np.stack([np.convolve(row, window, mode="same") for row in values])


@dataclass(frozen=True)
class Leakage:
    """W in X, Y, Z as ε/(kr) at low frequencies, from capsules that are not alike; ε by channel, phase at random."""

    probability: float = 0.4
    mismatch_to: float = 0.04
    radius_from_m: float = 0.01
    radius_to_m: float = 0.05
    #: where an encoder stops to amplify
    gain_to_db: float = 0.0

    def __post_init__(self) -> None:
        _ordered("leakage.mismatch_to", 0, self.mismatch_to, 0)
        _ordered("leakage.radius_m", self.radius_from_m, self.radius_to_m, 1e-4)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        radius = _log_uniform(generator, self.radius_from_m, self.radius_to_m)
        mismatch = generator.uniform(0, self.mismatch_to, (3, 1))
        phase = np.exp(2j * np.pi * generator.random((3, 1)))
        kr = 2 * np.pi * FREQUENCIES_HZ * radius / _SPEED_OF_SOUND_M_S
        from_w = recording.from_w.copy()
        from_w[_XYZ] += phase * np.minimum(mismatch / kr, 10 ** (self.gain_to_db / 20))
        return replace(recording, from_w=from_w)


@dataclass(frozen=True)
class LowFrequencyNoise:
    """The capsules' own noise, amplified by 1/(kr): its amplitude falls as 1/f in X, Y, Z and is nothing in W."""

    probability: float = 0.4
    snr_from_db: float = 0.0
    snr_to_db: float = 40.0

    def __post_init__(self) -> None:
        _ordered("low_frequency_noise.snr_db", self.snr_from_db, self.snr_to_db, -60)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        snr_db, from_hz = generator.uniform(self.snr_from_db, self.snr_to_db), _log_uniform(generator, 20.0, 100.0)
        noise = noise_spectrum(2.0, from_hz, snr_db, sample_rate)
        return _with_noise(recording, np.outer([0, 1, 1, 1], noise))


@dataclass(frozen=True)
class Colouring:
    """A smooth response of W, another of X, Y, Z, and what each of these has of its own.

    Three decibels between X and Y turn a direction by ten degrees, which nothing could hear out: what tells X, Y, Z
    apart has a range of its own.
    """

    probability: float = 0.6
    range_db: float = 3.0
    apart_db: float = 1.0

    def __post_init__(self) -> None:
        _ordered("colouring.range_db", 0, self.range_db, 0)
        _ordered("colouring.apart_db", 0, self.apart_db, 0)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        knots = np.linspace(0, 1, 9)
        place = np.linspace(0, 1, len(FREQUENCIES_HZ))
        of_w, of_xyz = generator.uniform(-self.range_db, self.range_db, (2, len(knots)))
        drawn = np.vstack([of_w, of_xyz + generator.uniform(-self.apart_db, self.apart_db, (3, len(knots)))])
        gain = 10 ** (np.stack([np.interp(place, knots, row) for row in drawn]) / 20)
        return _amplified(recording, gain)


@dataclass(frozen=True)
class ChannelGain:
    """A gain between W and X, Y, Z, as between conventions mixed up and encoders of another make."""

    probability: float = 0.5
    range_db: float = 10.0

    def __post_init__(self) -> None:
        _ordered("channel_gain.range_db", 0, self.range_db, 0)

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        gain = 10 ** (generator.uniform(-self.range_db, self.range_db) / 20)
        return _amplified(recording, np.array([[1], [gain], [gain], [gain]]))


def _amplified(recording: Recording, gain: NDArray[np.float64]) -> Recording:
    return replace(
        recording, response=recording.response * gain, from_w=recording.from_w * gain, noise=recording.noise * gain
    )


@dataclass(frozen=True)
class Misalignment:
    """The array stands a little askew: a turn of X, Y, Z about any axis that the labels do not know of."""

    probability: float = 0.5
    range_deg: float = 3.0

    def __post_init__(self) -> None:
        _ordered("misalignment.range_deg", 0, self.range_deg, 0)

    def matrix(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """(4, 4), from W, Y, Z, X to the same."""
        axis = generator.standard_normal(3)
        x, y, z = axis / np.linalg.norm(axis)
        angle = math.radians(generator.uniform(-self.range_deg, self.range_deg))
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        turned = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
        matrix = np.eye(4)
        # Rows and columns x, y, z among W, Y, Z, X.
        matrix[np.ix_((3, 1, 2), (3, 1, 2))] = turned
        return matrix


@dataclass(frozen=True)
class Level:
    """One gain for all channels. Where the model is to hear distance by level, switch it off."""

    probability: float = 1.0
    range_db: float = 6.0

    def __post_init__(self) -> None:
        _ordered("level.range_db", 0, self.range_db, 0)

    def gain(self, generator: np.random.Generator) -> float:
        """A factor."""
        return float(10 ** (generator.uniform(-self.range_db, self.range_db) / 20))
