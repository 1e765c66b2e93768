"""What rooms and positions are drawn from: the paper's ranges, and those that the paper leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The paper's table of rooms (ELSA, section 3.2): area as printed, T30 as printed; the rest of a room is our choice.
FLOOR_AREA_RANGE_M2 = (13.3, 277.4)
T30_RANGE_MS = (114.5, 2671.9)


@dataclass(frozen=True)
class RoomRanges:
    """What rooms are drawn from; the defaults are the paper's area and T30 (ELSA, section 3.2), the rest is ours."""

    floor_area_min_m2: float = FLOOR_AREA_RANGE_M2[0]
    floor_area_max_m2: float = FLOOR_AREA_RANGE_M2[1]
    """Areas are uniform on a logarithmic scale between the bounds."""
    t30_min_ms: float = T30_RANGE_MS[0]
    t30_max_ms: float = T30_RANGE_MS[1]
    aspect_max: float = 1.8
    """Longest side of the floor over its shortest; either may be the length."""
    height_min_m: float = 2.5
    height_max_m: float = 9.0
    height_over_side_min: float = 0.2
    """Height relative to the square root of the floor area, where height_min_m is lower."""
    height_over_side_max: float = 0.6
    t30_median_ms: float = 480.0
    """Median T30 of a room of 100 m³."""
    t30_volume_exponent: float = 0.33
    """The median grows with this power of the volume."""
    t30_spread: float = 0.6
    """Standard deviation of the natural logarithm of T30 around its median."""
    exponent_max: float = 1.2
    """Most absorption that a room may need, as a mean exponent over its surfaces; 1.2 is an absorption of 0.7."""

    def __post_init__(self) -> None:
        for name in ("floor_area", "t30", "height", "height_over_side"):
            unit = {"floor_area": "_m2", "t30": "_ms", "height": "_m", "height_over_side": ""}[name]
            least = getattr(self, f"{name}_min{unit}")
            most = getattr(self, f"{name}_max{unit}")
            if not 0.0 < least <= most < math.inf:
                raise ValueError(f"{name}_min{unit}, {name}_max{unit}: {least}, {most}")
        if self.aspect_max < 1.0:
            raise ValueError(f"aspect_max {self.aspect_max}: 1 or more")
        if self.t30_spread < 0.0 or self.exponent_max <= 0.0 or self.t30_median_ms <= 0.0:
            raise ValueError("t30_spread is not negative; exponent_max and t30_median_ms are positive")


@dataclass(frozen=True)
class SceneRanges:
    """What scenes are drawn from; the ranges are those of ELSA's training rooms (table of section 3.2)."""

    distance_min_m: float = 0.5
    distance_max_m: float = 4.0
    elevation_min_deg: float = -47.5
    elevation_max_deg: float = 48.7
    azimuth_min_deg: float = -180.0
    """Open bound; the azimuth lies in (min, max]."""
    azimuth_max_deg: float = 180.0
    wall_clearance_m: float = 0.5
    """Least distance of receiver and source from the walls; a choice of ours."""
    vertical_clearance_m: float = 0.4
    """Least distance of receiver and source from floor and ceiling; a choice of ours."""

    def __post_init__(self) -> None:
        if not 0.0 < self.distance_min_m <= self.distance_max_m:
            raise ValueError(f"distance_min_m, distance_max_m: {self.distance_min_m}, {self.distance_max_m}")
        if not -90.0 <= self.elevation_min_deg <= self.elevation_max_deg <= 90.0:
            raise ValueError(
                f"elevation_min_deg, elevation_max_deg: {self.elevation_min_deg}, {self.elevation_max_deg}"
            )
        if not -180.0 <= self.azimuth_min_deg < self.azimuth_max_deg <= 180.0:
            raise ValueError(f"azimuth_min_deg, azimuth_max_deg: {self.azimuth_min_deg}, {self.azimuth_max_deg}")
        if min(self.wall_clearance_m, self.vertical_clearance_m) < 0.0:
            raise ValueError(f"clearances are not negative: {self.wall_clearance_m}, {self.vertical_clearance_m}")
