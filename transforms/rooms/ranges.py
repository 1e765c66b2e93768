"""The ranges that rooms and positions are drawn from, some of them the paper's and some our choice."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The paper's table of rooms (ELSA, section 3.2) gives these two ranges; all else about a room is our choice.
FLOOR_AREA_RANGE_M2 = (13.3, 277.4)
T30_RANGE_MS = (114.5, 2671.9)
#: A response is as long as its room's T30; half a minute of it takes half a gigabyte of memory.
LONGEST_T30_MS = 30_000.0
#: No hall is larger, and sound takes three seconds from one end to the other.
LONGEST_SIDE_M = 1_000.0
_LARGEST = {"floor_area": LONGEST_SIDE_M**2, "height": LONGEST_SIDE_M, "t30": LONGEST_T30_MS}


@dataclass(frozen=True)
class RoomRanges:
    """The ranges that rooms are drawn from; area and T30 are the paper's by default (ELSA, section 3.2)."""

    floor_area_min_m2: float = FLOOR_AREA_RANGE_M2[0]
    floor_area_max_m2: float = FLOOR_AREA_RANGE_M2[1]
    """Floor areas are drawn uniformly on a logarithmic scale."""
    t30_min_ms: float = T30_RANGE_MS[0]
    t30_max_ms: float = T30_RANGE_MS[1]
    aspect_max: float = 1.8
    """The largest ratio of the sides of the floor; either side may be the longer one."""
    height_min_m: float = 2.5
    height_max_m: float = 9.0
    height_over_side_min: float = 0.2
    """The least height is this times the square root of the floor area, or height_min_m if that is more."""
    height_over_side_max: float = 0.6
    """The largest height is this times the square root of the floor area, or height_max_m if that is less."""
    t30_median_ms: float = 480.0
    """The median T30 of rooms of 100 m³."""
    t30_volume_exponent: float = 0.33
    """The median T30 is proportional to this power of the volume."""
    t30_spread: float = 0.6
    """The standard deviation of the natural logarithm of T30 around its median."""
    exponent_max: float = 1.2
    """The largest mean absorption exponent of a room's surfaces; 1.2 is an absorption of 0.7."""

    def __post_init__(self) -> None:
        for name in ("floor_area", "t30", "height", "height_over_side"):
            unit = {"floor_area": "_m2", "t30": "_ms", "height": "_m", "height_over_side": ""}[name]
            least = getattr(self, f"{name}_min{unit}")
            most = getattr(self, f"{name}_max{unit}")
            if not 0.0 < least <= most < math.inf:
                raise ValueError(f"{name}_min{unit}, {name}_max{unit}: {least}, {most}")
            if most > _LARGEST.get(name, math.inf):
                raise ValueError(f"{name}_max{unit}: {most} is more than {_LARGEST[name]}")
        if self.aspect_max < 1.0:
            raise ValueError(f"aspect_max {self.aspect_max}: 1 or more")
        if self.t30_spread < 0.0 or self.exponent_max <= 0.0 or self.t30_median_ms <= 0.0:
            raise ValueError("t30_spread is not negative; exponent_max and t30_median_ms are positive")


@dataclass(frozen=True)
class SceneRanges:
    """The ranges that scenes are drawn from; the defaults are those of the paper's training rooms (section 3.2)."""

    distance_min_m: float = 0.5
    distance_max_m: float = 4.0
    elevation_min_deg: float = -47.5
    elevation_max_deg: float = 48.7
    azimuth_min_deg: float = -180.0
    """An open bound: the azimuth is in (min, max]."""
    azimuth_max_deg: float = 180.0
    wall_clearance_m: float = 0.5
    """The least distance of receiver and source from the walls. The paper gives none."""
    vertical_clearance_m: float = 0.4
    """The least distance of receiver and source from floor and ceiling. The paper gives none."""

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
