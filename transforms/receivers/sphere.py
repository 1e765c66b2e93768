"""Sound at capsules on a sphere: the series of Legendre functions for a rigid sphere or in free air."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.special import lpmv, spherical_jn, spherical_yn

from transforms.receivers.array_description import ArrayDescription
from transforms.receivers.directions import RegularGrid
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S

# Degrees beyond kR that still matter.
_MORE_DEGREES = 6


def modal_coefficients(array: ArrayDescription, frequency_hz: NDArray[np.float64], degrees: int) -> NDArray:
    """The coefficients bₙ (degrees + 1, frequencies) of a plane wave's pressure at the capsules.

    A wave from a direction gives a capsule at the angle γ from it the sum of (2n + 1) iⁿ bₙ Pₙ(cos γ), with the phase
    relative to the middle, and time running as exp(iωt) (Williams, Fourier Acoustics, 6.10).
    """
    x = 2.0 * np.pi * frequency_hz * array.radius_m / SPEED_OF_SOUND_M_S
    some = np.maximum(x, 1e-6)
    coefficients = np.empty((degrees + 1, x.size), dtype=np.complex128)
    for degree in range(degrees + 1):
        slope = spherical_jn(degree, some, derivative=True)
        if array.baffle == "rigid":
            with np.errstate(over="ignore", invalid="ignore"):
                outgoing = slope - 1j * spherical_yn(degree, some, derivative=True)
                coefficients[degree] = -1j / (some * some * outgoing)
        else:
            coefficients[degree] = array.pattern * spherical_jn(degree, some) - 1j * (1.0 - array.pattern) * slope
    # Functions of a high degree overflow where their coefficient is nothing.
    return np.nan_to_num(coefficients, nan=0.0, posinf=0.0, neginf=0.0)


def highest_degree(array: ArrayDescription, frequency_hz: float) -> int:
    """The highest degree that capsules hear up to a frequency."""
    return math.ceil(2.0 * math.pi * frequency_hz * array.radius_m / SPEED_OF_SOUND_M_S) + _MORE_DEGREES


def n3d_harmonics(degrees: int, azimuth: NDArray[np.float64], elevation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Real spherical harmonics (directions, (degrees + 1)²) in ACN order and N3D, at angles in radians."""
    harmonics = np.empty((azimuth.size, (degrees + 1) ** 2))
    for turns in range(degrees + 1):
        meridians = meridian_functions(degrees, turns, elevation)
        for degree in range(turns, degrees + 1):
            middle = degree * (degree + 1)
            harmonics[:, middle + turns] = meridians[degree - turns] * np.cos(turns * azimuth)
            if turns:
                harmonics[:, middle - turns] = meridians[degree - turns] * np.sin(turns * azimuth)
    return harmonics


def meridian_functions(degrees: int, turns: int, elevation: NDArray[np.float64]) -> NDArray[np.float64]:
    """What spherical harmonics of an order `turns` have along a meridian, (degrees − turns + 1, elevations), N3D."""
    functions = np.empty((degrees - turns + 1, elevation.size))
    for degree in range(turns, degrees + 1):
        scale = math.sqrt(
            (2 * degree + 1)
            * (1.0 if turns == 0 else 2.0)
            * math.factorial(degree - turns)
            / math.factorial(degree + turns)
        )
        # SciPy's functions include the Condon-Shortley phase (−1)ᵐ.
        functions[degree - turns] = (-1.0) ** turns * scale * lpmv(turns, degree, np.sin(elevation))
    return functions


def impulses_on_grid(
    grid: RegularGrid, shares: NDArray[np.float64], impulses: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What channels hear from each direction of a grid.

    Args:
        grid: the directions.
        shares: of each spherical harmonic in each channel, (channels, (degrees + 1)²), in ACN order and N3D.
        impulses: the impulse response of each degree, (degrees + 1, taps).

    Returns:
        Filters (directions, channels, taps).
    """
    channels, taps = len(shares), impulses.shape[1]
    degrees = len(impulses) - 1
    filters = np.empty((grid.elevations, grid.azimuths, channels, taps), dtype=np.float32)
    meridians = [meridian_functions(degrees, turns, grid.elevation_rad) for turns in range(degrees + 1)]
    for channel in range(channels):
        # A Fourier series in azimuth, of complex coefficients: cosines and sines of each number of turns.
        series = np.zeros((grid.azimuths // 2 + 1, grid.elevations, taps), dtype=np.complex128)
        for turns in range(degrees + 1):
            degree = np.arange(turns, degrees + 1)
            middle = degree * (degree + 1)
            share = shares[channel, middle + turns] - 1j * (turns > 0) * shares[channel, middle - turns]
            weights = share[:, None] * meridians[turns] * (grid.azimuths / (1.0 if turns == 0 else 2.0))
            series[turns].real = np.einsum("ne,nt->et", weights.real, impulses[turns:])
            series[turns].imag = np.einsum("ne,nt->et", weights.imag, impulses[turns:])
        around = scipy.fft.irfft(series, grid.azimuths, axis=0)
        filters[:, :, channel] = np.moveaxis(around, 0, 1)
    return filters.reshape(grid.size, channels, taps)
