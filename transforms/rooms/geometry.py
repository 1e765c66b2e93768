"""The frame (AmbiX, ISO 80000-2): x front, y left, z up, receiver at the origin; azimuth +90° is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def direction_to_unit_vector(azimuth_deg: ArrayLike, elevation_deg: ArrayLike) -> NDArray[np.float64]:
    """Unit vectors, shape (..., 3) in x, y, z, of directions in degrees."""
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.stack(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], axis=-1
    )


def vector_to_direction(vector: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Azimuth in (−180, 180]°, elevation in [−90, 90]° and length in the vector's unit, of vectors (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(vector, dtype=np.float64), -1, 0)
    azimuth = np.degrees(np.arctan2(y, x))
    azimuth = np.where(azimuth <= -180.0, azimuth + 360.0, azimuth)
    return azimuth, np.degrees(np.arctan2(z, np.hypot(x, y))), np.sqrt(x * x + y * y + z * z)


def wrap_azimuth(azimuth_deg: float) -> float:
    """An angle in degrees brought into (−180, 180]."""
    wrapped = -((180.0 - azimuth_deg) % 360.0) + 180.0
    return 180.0 if wrapped <= -180.0 else wrapped


def angle_between_deg(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """The angle in degrees between vectors (..., 3); exact for small angles, where an arc cosine is not."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(cross, np.sum(a * b, axis=-1)))
