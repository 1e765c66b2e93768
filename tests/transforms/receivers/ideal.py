"""Ideal ambisonics by way of a table of filters, and the direction that a single degree has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.transforms.receivers.heads import unit_vectors
from transforms.receivers.direction_table import DirectionTable
from transforms.receivers.directions import RegularGrid
from transforms.receivers.receiver import Receiver
from transforms.receivers.settings import ReceiverSettings
from transforms.records import Placement
from transforms.rooms.image_sources import sn3d_harmonics


def through_a_table(order: int) -> Receiver:
    """Ideal ambisonics by way of a table of one tap."""
    grid = RegularGrid(72)
    gains = sn3d_harmonics(order, grid.unit_vectors)[:, :, None].astype(np.float32)
    return Receiver(ReceiverSettings(order=order), DirectionTable(grid, gains, centre=0, early_samples=0))


def degree_error_deg(direct: NDArray[np.float32], degree: int, placement: Placement) -> float:
    """The angle from a source to the direction whose harmonics of one degree are most like the direct sound's.

    Args:
        direct: the direct sound (channels, n).
        degree: the degree, whose channels alone count, with the sign that W gives them.
        placement: the source, in whose hemisphere the direction is looked for, since an even degree has two.
    """
    channels = slice(degree**2, (degree + 1) ** 2)
    heard = np.einsum("cn,n->c", direct[channels].astype(np.float64), direct[0].astype(np.float64))
    wanted = unit_vectors(np.array([placement.azimuth_deg]), np.array([placement.elevation_deg]))[0]
    azimuth_deg, elevation_deg, step_deg = 0.0, 0.0, 5.0
    steps = np.arange(-36, 37)
    found = wanted
    for _ in range(4):
        azimuths, elevations = np.meshgrid(azimuth_deg + step_deg * steps, elevation_deg + step_deg * steps)
        azimuths, elevations = azimuths.ravel(), np.clip(elevations.ravel(), -90.0, 90.0)
        vectors = unit_vectors(azimuths, elevations)
        likeness = np.einsum("dc,c->d", sn3d_harmonics(degree, vectors)[:, channels], heard)
        best = int(np.argmax(np.where(np.einsum("di,i->d", vectors, wanted) > 0.0, likeness, -np.inf)))
        azimuth_deg, elevation_deg, found = azimuths[best], elevations[best], vectors[best]
        step_deg /= 12.0
    return float(np.degrees(np.linalg.norm(np.cross(found, wanted))))
