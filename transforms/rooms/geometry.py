"""Directions in AmbiX's frame: x points to the front, y to the left, z up, and an azimuth of +90° is to the left."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def direction_to_unit_vector(azimuth_deg: ArrayLike, elevation_deg: ArrayLike) -> NDArray[np.float64]:
    """Converts directions, as seen from the receiver, to unit vectors.

    Args:
        azimuth_deg: azimuths (...,) in degrees, counter-clockwise from the front.
        elevation_deg: elevations (...,) in degrees, positive upwards.

    Returns:
        Unit vectors (..., 3) in x, y, z.
    """
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.stack(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], axis=-1
    )
