"""Coordinates of SOFA and of lists: Cartesian and spherical, with their units, and the frame of a listener."""

from __future__ import annotations

import math

from transforms.rooms.measured.response import Vector


def from_angles(azimuth_deg: float, elevation_deg: float) -> Vector:
    """The unit vector (x front, y left, z up) of an azimuth, counter-clockwise, and an elevation in degrees."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    return (
        math.cos(elevation) * math.cos(azimuth),
        math.cos(elevation) * math.sin(azimuth),
        math.sin(elevation),
    )


def colatitude(azimuth_deg: float, colatitude_deg: float) -> Vector:
    """The unit vector where the second angle is 0 at the top, and not at the horizon."""
    return from_angles(azimuth_deg, 90.0 - colatitude_deg)


def from_radians(azimuth: float, elevation: float) -> Vector:
    """The unit vector where both angles are in radians."""
    return from_angles(math.degrees(azimuth), math.degrees(elevation))
