"""Where a moving source is: along a straight line, or along an arc around a vertical axis, at a constant speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """A straight way from one point to another, in metres from one lower corner of the room."""

    start_m: Point
    end_m: Point
    duration_s: float
    """How long it takes; the source stands at the end afterwards."""

    @property
    def length_m(self) -> float:
        """The length of the way."""
        return float(np.linalg.norm(np.subtract(self.end_m, self.start_m)))

    @property
    def speed_m_s(self) -> float:
        """The speed along the way."""
        return self.length_m / self.duration_s

    def positions_m(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (n, 3) at times (n,) in seconds after the start; before it the source stands at the start."""
        share = np.clip(np.asarray(times_s) / self.duration_s, 0.0, 1.0)[:, None]
        return np.asarray((1.0 - share) * np.array(self.start_m) + share * np.array(self.end_m))


@dataclass(frozen=True)
class Arc:
    """A way around a vertical axis at one height, counter-clockwise where the turn is positive."""

    start_m: Point
    axis_m: tuple[float, float]
    """x and y of the axis, in metres from one lower corner of the room."""
    turn_deg: float
    """The angle around the axis from the start to the end."""
    duration_s: float
    """How long it takes; the source stands at the end afterwards."""

    @property
    def radius_m(self) -> float:
        """The distance from the axis."""
        return float(np.hypot(self.start_m[0] - self.axis_m[0], self.start_m[1] - self.axis_m[1]))

    @property
    def length_m(self) -> float:
        """The length of the way."""
        return self.radius_m * abs(float(np.radians(self.turn_deg)))

    @property
    def speed_m_s(self) -> float:
        """The speed along the way."""
        return self.length_m / self.duration_s

    def positions_m(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (n, 3) at times (n,) in seconds after the start; before it the source stands at the start."""
        share = np.clip(np.asarray(times_s) / self.duration_s, 0.0, 1.0)
        x, y, z = self.start_m
        angle = np.arctan2(y - self.axis_m[1], x - self.axis_m[0]) + share * np.radians(self.turn_deg)
        around = (self.axis_m[0] + self.radius_m * np.cos(angle), self.axis_m[1] + self.radius_m * np.sin(angle))
        return np.stack([*around, np.full_like(angle, z)], axis=1)


#: How a source moves.
Path = Line | Arc
