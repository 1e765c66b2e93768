"""A microphone array as a receiver: its capsules encoded to ambisonics, with what the array cannot do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.receivers.array_description import ArrayDescription
from transforms.receivers.direction_table import DirectionTable, filters_of_spectra
from transforms.receivers.directions import RegularGrid
from transforms.receivers.mixing import square_roots
from transforms.receivers.sphere import highest_degree, impulses_on_grid, modal_coefficients, n3d_harmonics
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S

# Filters of directions: their length, the tap of the middle, and the transform that they are made with.
_TAPS, _CENTRE, _SIZE = 128, 48, 1024
#: The filters of each channel, which equalise low frequencies, are longer.
EQUALISER_TAPS = 2048
#: From this share of the Nyquist frequency on spectra fade out, so that filters are short.
_PASSBAND = 0.8
# Steps of the grid around a turn, for arrays up to a radius.
_GRIDS = ((0.06, 72), (math.inf, 144))
# Filters are rounded, so that the last digits of linear algebra never reach a sample.
_DECIMALS = 9


@dataclass(frozen=True)
class ArrayFilters:
    """How an array hears: filters of directions, then an equaliser of each channel."""

    table: DirectionTable
    """Spherical harmonics of the sound at the capsules, before the equaliser."""
    equaliser: NDArray[np.float32]
    """The filter of each channel, (channels, taps), whose middle tap stands for no delay."""
    diffuse: NDArray[np.float32]
    """Filters (channels, channels, taps) from independent noise of unit power to the channels in a diffuse field,
    after the equaliser."""
    noise: NDArray[np.float64]
    """Weights (channels, channels) from independent noise to the noise of the capsules, before the equaliser."""


def array_filters(
    array: ArrayDescription, order: int, capsule_gains: tuple[float, ...], sample_rate: int
) -> ArrayFilters:
    """The filters of an array.

    The capsules are encoded by the pseudo-inverse of the spherical harmonics at their places. Each degree is then
    equalised to the power of an ideal receiver in a diffuse field, with a gain that is limited: at low frequencies
    high degrees fade away, at high ones spatial aliasing remains.

    Args:
        array: the array, whose nominal capsules determine the encoding.
        order: the ambisonic order of the output.
        capsule_gains: the factors by which the capsules of a specimen are louder.
        sample_rate: in hertz.
    """
    channels = (order + 1) ** 2
    degree_of = np.array([math.isqrt(channel) for channel in range(channels)])
    azimuth, elevation = np.radians(np.array(array.capsules)).T
    # SN3D: a channel of degree n has the variance 1/(2n + 1) in a diffuse field.
    encoder = np.linalg.pinv(n3d_harmonics(array.order, azimuth, elevation))[:channels]
    encoder /= np.sqrt(2.0 * degree_of + 1.0)[:, None]
    encoder = np.round(encoder, _DECIMALS)
    grid = RegularGrid(next(steps for radius_m, steps in _GRIDS if array.radius_m <= radius_m))
    degrees = min(highest_degree(array, 0.5 * sample_rate), grid.azimuths // 2 - 1)
    at_capsules = n3d_harmonics(degrees, azimuth, elevation)
    nominal = np.einsum("cq,qh->ch", encoder, at_capsules)
    encoder *= np.array(capsule_gains)
    shares = np.round(np.einsum("cq,qh->ch", encoder, at_capsules), _DECIMALS)

    frequency_hz = scipy.fft.rfftfreq(_SIZE, 1.0 / sample_rate)
    impulses = filters_of_spectra(
        _waves(array, frequency_hz, degrees) * _fade(frequency_hz, sample_rate), _TAPS, _CENTRE
    )
    table = DirectionTable(
        grid,
        impulses_on_grid(grid, shares, np.round(impulses, _DECIMALS)),
        _CENTRE,
        math.ceil(array.radius_m / SPEED_OF_SOUND_M_S * sample_rate) + 4,
    )

    frequency_hz = scipy.fft.rfftfreq(EQUALISER_TAPS, 1.0 / sample_rate)
    waves = _waves(array, frequency_hz, degrees)
    degree_powers = np.repeat(np.square(np.abs(waves)), 2 * np.arange(degrees + 1) + 1, axis=0)
    gains = _equaliser_gains(waves, np.einsum("ch,hf->cf", np.square(nominal), degree_powers), array.gain_limit_db)
    gains *= _fade(frequency_hz, sample_rate)
    coherence = np.einsum("ch,dh,hf->fcd", shares, shares, degree_powers)
    # The noise of each channel gets the phase that its equaliser takes away, so that it is that of an ideal channel
    # where the array is one. Independent noise stays so.
    phases = np.exp(-1j * np.angle(gains))
    diffuse = np.moveaxis(square_roots(coherence), 0, 2) * gains[:, None] * phases[None]
    return ArrayFilters(
        table=table,
        equaliser=_centred(gains),
        diffuse=_centred(diffuse),
        noise=np.round(square_roots(np.einsum("cq,dq->cd", encoder, encoder)), _DECIMALS),
    )


def _waves(array: ArrayDescription, frequency_hz: NDArray[np.float64], degrees: int) -> NDArray[np.complex128]:
    """iⁿ bₙ, (degrees + 1, frequencies)."""
    turns = np.array([1.0, 1.0j, -1.0, -1.0j])[np.arange(degrees + 1) % 4]
    return np.asarray(turns[:, None] * modal_coefficients(array, frequency_hz, degrees))


def _equaliser_gains(
    waves: NDArray[np.complex128], powers: NDArray[np.float64], limit_db: float
) -> NDArray[np.complex128]:
    """The equaliser's gains (channels, frequencies): the phase of the inverse wave, and the power of an ideal channel.

    Args:
        waves: iⁿ bₙ, (degrees + 1, frequencies).
        powers: the power of each channel in a diffuse field before the equaliser, (channels, frequencies).
        limit_db: the highest gain.
    """
    gains = np.empty(powers.shape, dtype=np.complex128)
    # A regularised inverse m / (m² + s²) is nowhere larger than 1 / 2s.
    least = 0.5 * 10.0 ** (-limit_db / 20.0)
    order = math.isqrt(len(powers)) - 1
    for degree in range(order + 1):
        of_degree = slice(degree**2, (degree + 1) ** 2)
        level = np.sqrt((2 * degree + 1) * np.mean(powers[of_degree], axis=0))
        wave = waves[degree]
        phase = np.divide(wave.conj(), np.abs(wave), out=np.ones_like(wave), where=np.abs(wave) > 1e-12)
        gains[of_degree] = level / (level * level + least * least) * phase
    return gains


def _fade(frequency_hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """From one to zero between `_PASSBAND` of the Nyquist frequency and all of it."""
    share = np.clip((2.0 * frequency_hz / sample_rate - _PASSBAND) / (1.0 - _PASSBAND), 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * share))


def _centred(gains: NDArray[np.complex128]) -> NDArray[np.float32]:
    filters = filters_of_spectra(gains, EQUALISER_TAPS, EQUALISER_TAPS // 2)
    return np.round(filters, _DECIMALS).astype(np.float32)
