"""The defects of real microphones and rooms: each changes a Recording and has the ranges that it is drawn from.

A small array of capsules gives correct W, Y, Z, X only in a middle range. Above a few kilohertz it aliases in space.
Below a few hundred hertz, X, Y and Z are small differences that are amplified by 1/(kr), together with the noise and
the mismatch of the capsules. The words and labels of a row stay true under every defect here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model.augmentation.recording import FREQUENCIES_HZ, Recording
from model.settings import Number, NumberFromZero, Share, section

_SPEED_OF_SOUND_M_S = 343.0
#: Signal-to-noise ratios count the noise up to this frequency.
NOISE_BAND_HZ = 8000.0
_XYZ = slice(1, 4)
Snr = Annotated[Number, Field(ge=-60)]
Frequency = Annotated[Number, Field(ge=20)]
Radius = Annotated[Number, Field(ge=1e-4)]


def _check_order(transform: object, low: str, high: str) -> None:
    if getattr(transform, low) > getattr(transform, high):
        raise ValueError(f"{low} is {getattr(transform, low)}, above {high}, {getattr(transform, high)}")


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def _above(frequency_hz: float, octaves: float) -> NDArray[np.float64]:
    """A step over FREQUENCIES_HZ from 0 to 1 at a frequency, about ``octaves`` wide; (K,)."""
    return 1 / (1 + np.exp(-np.log2(FREQUENCIES_HZ / frequency_hz) * 8 / octaves))


def _with_noise(recording: Recording, noise: NDArray[np.float64]) -> Recording:
    """Adds noise from another origin: the powers add."""
    return replace(recording, noise=np.sqrt(recording.noise**2 + noise**2))


def noise_spectrum(exponent: float, from_hz: float, snr_db: float, sample_rate: int) -> NDArray[np.float64]:
    """Amplitudes (K,) of noise whose power falls as f^−exponent above ``from_hz`` and is flat below it.

    Args:
        snr_db: power of the clip's W over the power of the noise up to NOISE_BAND_HZ.
    """
    power = (np.maximum(FREQUENCIES_HZ, from_hz) / from_hz) ** -exponent
    fine = np.arange(1.0, min(NOISE_BAND_HZ, sample_rate / 2))
    # A constant spectrum of amplitude a up to Nyquist has the power a².
    share = np.interp(np.log(fine), np.log(FREQUENCIES_HZ), np.sqrt(power)) ** 2
    total = float(share.sum()) / (sample_rate / 2)
    return np.sqrt(power / total) * 10 ** (-snr_db / 20)


@section
class DiffuseNoise:
    """Noise from all directions, white to pink: Y, Z and X have 1/√3 of W's amplitude, and no channels correlate."""

    probability: Share = 0.6
    snr_from_db: Snr = 5.0
    snr_to_db: Snr = 30.0

    def __post_init__(self) -> None:
        _check_order(self, "snr_from_db", "snr_to_db")

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        snr_db, exponent = generator.uniform(self.snr_from_db, self.snr_to_db), generator.uniform(0, 1)
        noise = noise_spectrum(exponent, 50.0, snr_db, sample_rate)
        return _with_noise(recording, np.outer([1, *[1 / math.sqrt(3)] * 3], noise))


@section
class BandLimit:
    """X, Y and Z end at a frequency, as when an array's encoder stops using them; W continues."""

    probability: Share = 0.25
    from_hz: Frequency = 2000.0
    to_hz: Frequency = 8000.0

    def __post_init__(self) -> None:
        _check_order(self, "from_hz", "to_hz")

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        kept = 1 - _above(_log_uniform(generator, self.from_hz, self.to_hz), octaves=generator.uniform(0.3, 2.0))
        gain = np.vstack([np.ones_like(kept), *[kept] * 3])
        return replace(
            recording, response=recording.response * gain, from_w=recording.from_w * gain, noise=recording.noise * gain
        )


@section
class SpatialAliasing:
    """Above a frequency X, Y and Z carry no direction: each is W through a random response of equal loudness."""

    probability: Share = 0.3
    from_hz: Frequency = 2000.0
    to_hz: Frequency = 8000.0

    def __post_init__(self) -> None:
        _check_order(self, "from_hz", "to_hz")

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        aliased = _above(_log_uniform(generator, self.from_hz, self.to_hz), octaves=generator.uniform(0.5, 1.5))
        shape = (3, len(FREQUENCIES_HZ))
        wild = 0.6 * generator.standard_normal((*shape, 2)).view(np.complex128)[..., 0]
        # Half of the arrays keep their sign over broad bands, which is the most misleading case.
        if generator.random() < 0.5:
            wild = _smooth(wild)
        response, noise, from_w = recording.response.copy(), recording.noise.copy(), recording.from_w.copy()
        response[_XYZ] *= 1 - aliased
        from_w[_XYZ] = from_w[_XYZ] * (1 - aliased) + aliased * wild
        noise[_XYZ] = np.hypot(noise[_XYZ] * (1 - aliased), noise[:1] * aliased * np.abs(wild))
        return replace(recording, response=response, from_w=from_w, noise=noise)


def _smooth(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Average over about an octave, at the same RMS value."""
    window = np.ones(7) / math.sqrt(7)
    return np.stack([np.convolve(row, window, mode="same") for row in values])


@section
class Leakage:
    """W leaks into X, Y and Z as ε/(kr) at low frequencies, since capsules differ; ε and a random phase by channel."""

    probability: Share = 0.4
    mismatch_to: NumberFromZero = 0.04
    radius_from_m: Radius = 0.01
    radius_to_m: Radius = 0.05
    #: the highest gain of an encoder
    gain_to_db: Number = 0.0

    def __post_init__(self) -> None:
        _check_order(self, "radius_from_m", "radius_to_m")

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        radius = _log_uniform(generator, self.radius_from_m, self.radius_to_m)
        mismatch = generator.uniform(0, self.mismatch_to, (3, 1))
        phase = np.exp(2j * np.pi * generator.random((3, 1)))
        kr = 2 * np.pi * FREQUENCIES_HZ * radius / _SPEED_OF_SOUND_M_S
        from_w = recording.from_w.copy()
        from_w[_XYZ] += phase * np.minimum(mismatch / kr, 10 ** (self.gain_to_db / 20))
        return replace(recording, from_w=from_w)


@section
class LowFrequencyNoise:
    """Noise of the capsules, amplified by 1/(kr): its amplitude falls as 1/f in X, Y and Z, and is zero in W."""

    probability: Share = 0.4
    snr_from_db: Snr = 0.0
    snr_to_db: Snr = 40.0

    def __post_init__(self) -> None:
        _check_order(self, "snr_from_db", "snr_to_db")

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        snr_db, from_hz = generator.uniform(self.snr_from_db, self.snr_to_db), _log_uniform(generator, 20.0, 100.0)
        noise = noise_spectrum(2.0, from_hz, snr_db, sample_rate)
        return _with_noise(recording, np.outer([0, 1, 1, 1], noise))


@section
class Colouring:
    """A smooth frequency response of W, another of X, Y and Z together, and a small one of each of the three.

    Three decibels between X and Y turn a direction by ten degrees, and no model could undo that. So the difference
    between X, Y and Z has a range of its own.
    """

    probability: Share = 0.6
    range_db: NumberFromZero = 3.0
    apart_db: NumberFromZero = 1.0

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        knots = np.linspace(0, 1, 9)
        positions = np.linspace(0, 1, len(FREQUENCIES_HZ))
        of_w, of_xyz = generator.uniform(-self.range_db, self.range_db, (2, len(knots)))
        drawn = np.vstack([of_w, of_xyz + generator.uniform(-self.apart_db, self.apart_db, (3, len(knots)))])
        gain = 10 ** (np.stack([np.interp(positions, knots, row) for row in drawn]) / 20)
        return _amplified(recording, gain)


@section
class ChannelGain:
    """A gain of X, Y and Z against W, as from mixed-up conventions or another make of encoder."""

    probability: Share = 0.5
    range_db: NumberFromZero = 10.0

    def __call__(self, recording: Recording, generator: np.random.Generator, sample_rate: int) -> Recording:
        gain = 10 ** (generator.uniform(-self.range_db, self.range_db) / 20)
        return _amplified(recording, np.array([[1], [gain], [gain], [gain]]))


def _amplified(recording: Recording, gain: NDArray[np.float64]) -> Recording:
    return replace(
        recording, response=recording.response * gain, from_w=recording.from_w * gain, noise=recording.noise * gain
    )


@section
class Misalignment:
    """The array is slightly tilted: a rotation of X, Y and Z about any axis, which the labels do not follow."""

    probability: Share = 0.5
    range_deg: NumberFromZero = 3.0

    def matrix(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """A matrix (4, 4) that maps W, Y, Z, X to W, Y, Z, X."""
        axis = generator.standard_normal(3)
        x, y, z = axis / np.linalg.norm(axis)
        angle = math.radians(generator.uniform(-self.range_deg, self.range_deg))
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        rotation = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
        matrix = np.eye(4)
        # Rows and columns x, y, z among W, Y, Z, X.
        matrix[np.ix_((3, 1, 2), (3, 1, 2))] = rotation
        return matrix


@section
class Level:
    """One gain for all channels. Switch it off if the model is to learn distance from the level."""

    probability: Share = 1.0
    range_db: NumberFromZero = 6.0

    def gain(self, generator: np.random.Generator) -> float:
        """A factor for the amplitude."""
        return float(10 ** (generator.uniform(-self.range_db, self.range_db) / 20))
