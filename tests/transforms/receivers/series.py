"""Plane waves at the capsules of an array, by series that are written out here, and their spherical harmonics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from tests.transforms.receivers.heads import C, unit_vectors
from transforms.receivers.array_description import ArrayDescription
from transforms.receivers.array_receiver import EQUALISER_TAPS, ArrayFilters
from transforms.rooms.image_sources import sn3d_harmonics

RATE = 48_000


def directions(count: int, seed: int = 0) -> NDArray[np.float64]:
    vectors = np.random.default_rng(seed).standard_normal((count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def even_directions(count: int) -> NDArray[np.float64]:
    """Directions that cover the sphere evenly, on a spiral (Swinbank and Purser, 2006)."""
    number = np.arange(count) + 0.5
    height = 1.0 - 2.0 * number / count
    turns = np.pi * (1.0 + np.sqrt(5.0)) * number
    across = np.sqrt(1.0 - height * height)
    return np.stack([across * np.cos(turns), across * np.sin(turns), height], axis=1)


def capsule_pressure(
    array: ArrayDescription, direction: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """What each capsule hears of plane waves, (directions, capsules, frequencies), relative to the middle."""
    positions = unit_vectors(*np.array(array.capsules).T)
    cosine = np.clip(direction @ positions.T, -1.0, 1.0)
    x = 2.0 * np.pi * frequency_hz * array.radius_m / C
    if array.baffle == "open":
        # In free air, a wave has but a delay, and a capsule its pattern.
        pattern = array.pattern + (1.0 - array.pattern) * cosine
        return np.asarray(pattern[:, :, None] * np.exp(1j * x * cosine[:, :, None]))
    total = np.zeros((*cosine.shape, x.size), dtype=np.complex128)
    for degree in range(int(x.max()) + 20):
        incoming, slope = spherical_jn(degree, x), spherical_jn(degree, x, True)
        outgoing = incoming - 1j * spherical_yn(degree, x)
        outgoing_slope = slope - 1j * spherical_yn(degree, x, True)
        scattered = incoming - slope / outgoing_slope * outgoing
        total += (2 * degree + 1) * 1j**degree * eval_legendre(degree, cosine)[:, :, None] * scattered
    return total


def encoded(array: ArrayDescription, order: int, capsules: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Capsules (..., capsules, frequencies) as spherical harmonics in SN3D, without equalisation."""
    harmonics = sn3d_harmonics(array.order, unit_vectors(*np.array(array.capsules).T))
    degree = np.repeat(np.arange(array.order + 1), 2 * np.arange(array.order + 1) + 1)
    encoder = np.linalg.pinv(harmonics * np.sqrt(2 * degree + 1)) / np.sqrt(2 * degree + 1)[:, None]
    return np.asarray(np.einsum("cq,...qf->...cf", encoder[: (order + 1) ** 2], capsules))


def equaliser_gains(filters: ArrayFilters, frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
    """The gains (channels, frequencies) of an array's equaliser."""
    turns = -2j * np.pi * frequency_hz / RATE * (np.arange(EQUALISER_TAPS) - EQUALISER_TAPS // 2)[:, None]
    return np.asarray(filters.equaliser @ np.exp(turns))


def heard_by(
    filters: ArrayFilters, direction: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """The channels (directions, channels, frequencies) of an array for plane waves."""
    return filters.table.gains(direction, frequency_hz, RATE) * equaliser_gains(filters, frequency_hz)


def direction_errors_deg(heard: NDArray[np.complex128], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """The angle (directions, frequencies) from a wave's direction to that of the intensity in W, Y, Z, X."""
    intensity = np.real(heard[:, :1].conj() * heard[:, 1:4])[:, [2, 0, 1]]
    cosine = np.einsum("nif,ni->nf", intensity, direction) / np.linalg.norm(intensity, axis=1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
