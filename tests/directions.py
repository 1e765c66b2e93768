"""Directions of vectors and the angles between them, to compare with what a release says."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def vector_to_direction(vector: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Azimuth in (−180, 180]°, elevation in [−90, 90]° and length, in the vector's unit, of vectors (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(vector, dtype=np.float64), -1, 0)
    azimuth = np.degrees(np.arctan2(y, x))
    azimuth = np.where(azimuth <= -180.0, azimuth + 360.0, azimuth)
    return azimuth, np.degrees(np.arctan2(z, np.hypot(x, y))), np.sqrt(x * x + y * y + z * z)


def wrap_azimuth(azimuth_deg: float) -> float:
    """The same angle in (−180, 180] degrees."""
    wrapped = -((180.0 - azimuth_deg) % 360.0) + 180.0
    return 180.0 if wrapped <= -180.0 else wrapped


def angle_between_deg(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """The angle in degrees between vectors (..., 3); exact for small angles, where an arc cosine is not."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(cross, np.sum(a * b, axis=-1)))
