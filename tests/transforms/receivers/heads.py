"""Heads of which everything is known: a rigid sphere with two ears, by the series of Legendre functions, as SOFA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, spherical_jn, spherical_yn

RATE = 48_000
RADIUS_M = 0.0875
C = 343.0
_SIZE = 512
_CENTRE = 96


def ear_spectra(direction: NDArray[np.float64], frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
    """The pressure (directions, ears, frequencies) at the left and the right ear, relative to the middle."""
    cosine = np.stack([direction[:, 1], -direction[:, 1]], axis=1)
    x = np.maximum(2 * np.pi * frequency_hz * RADIUS_M / C, 1e-4)
    total = np.zeros((*cosine.shape, x.size), dtype=np.complex128)
    for degree in range(int(x.max()) + 8):
        slope = spherical_jn(degree, x, True) - 1j * spherical_yn(degree, x, True)
        wave = np.nan_to_num(-1j / (x * x * slope))
        total += (2 * degree + 1) * 1j**degree * eval_legendre(degree, cosine)[:, :, None] * wave
    return total


def ear_impulses(direction: NDArray[np.float64], rate: int = RATE) -> NDArray[np.float64]:
    """Impulse responses (directions, ears, 512), with the middle at sample 96; they end at 18 kHz."""
    frequency_hz = np.arange(_SIZE // 2 + 1) * (rate / _SIZE)
    fade = np.clip((20_000 - frequency_hz) / 4_000, 0, 1)
    spectra = ear_spectra(direction, frequency_hz) * (0.5 - 0.5 * np.cos(np.pi * fade))
    return np.asarray(np.roll(np.fft.irfft(spectra, _SIZE, axis=2), _CENTRE, axis=2))


def ring_grid(step_deg: float, lowest_deg: float = -90.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Azimuths and elevations in degrees in rings, as heads are measured, closer to the poles with fewer of them."""
    angles = []
    for elevation in np.arange(lowest_deg, 90.0 + 1e-9, step_deg):
        count = max(1, round(360.0 / step_deg * np.cos(np.radians(elevation))))
        angles += [(360.0 * number / count, elevation) for number in range(count)]
    azimuth, elevation = np.array(angles).T
    return azimuth, elevation


def unit_vectors(azimuth_deg: NDArray[np.float64], elevation_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.stack(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], axis=1
    )


def write_sofa(path: Path, fields: dict[str, Any], attributes: dict[tuple[str | None, str], str]) -> Path:
    """Writes HDF5 with these arrays, and texts by the name of their array (None: the file) and their own."""
    with h5py.File(path, "w") as file:
        for name, values in fields.items():
            file[name] = values
        for (name, attribute), text in attributes.items():
            (file if name is None else file[name]).attrs[attribute] = text
    return path


def sphere_head(
    step_deg: float, rate: int = RATE, lowest_deg: float = -90.0
) -> tuple[dict[str, Any], dict[tuple[str | None, str], str]]:
    """The arrays and texts of a SOFA file of the sphere."""
    azimuth, elevation = ring_grid(step_deg, lowest_deg)
    fields = {
        "Data.IR": ear_impulses(unit_vectors(azimuth, elevation), rate),
        "Data.SamplingRate": np.array([float(rate)]),
        "Data.Delay": np.zeros((1, 2)),
        "SourcePosition": np.stack([azimuth, elevation, np.full_like(azimuth, 1.5)], axis=1),
        "ReceiverPosition": np.array([[0.0, 0.0875, 0.0], [0.0, -0.0875, 0.0]])[:, :, None],
    }
    attributes: dict[tuple[str | None, str], str] = {
        (None, "Conventions"): "SOFA",
        (None, "SOFAConventions"): "SimpleFreeFieldHRIR",
        ("Data.SamplingRate", "Units"): "hertz",
        ("SourcePosition", "Type"): "spherical",
        ("SourcePosition", "Units"): "degree, degree, metre",
        ("ReceiverPosition", "Type"): "cartesian",
        ("ReceiverPosition", "Units"): "metre",
    }
    return fields, attributes
