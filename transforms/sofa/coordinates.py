"""Coordinates of SOFA and of lists: Cartesian and spherical, with their units, and the frame of a listener."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

Vector = tuple[float, float, float]

_METRES = {
    **dict.fromkeys(("metre", "metres", "meter", "meters", "m"), 1.0),
    **dict.fromkeys(("decimetre", "decimetres", "decimeter", "decimeters", "dm"), 0.1),
    **dict.fromkeys(("centimetre", "centimetres", "centimeter", "centimeters", "cm"), 0.01),
    **dict.fromkeys(("millimetre", "millimetres", "millimeter", "millimeters", "mm"), 0.001),
}
_DEGREES = {
    **dict.fromkeys(("degree", "degrees", "deg", "°"), 1.0),
    **dict.fromkeys(("radian", "radians", "rad"), math.degrees(1.0)),
}
_RADIAN = _DEGREES["radian"]


class UnitUnknown(ValueError):
    """A type or a unit of coordinates is not known."""


@dataclass(frozen=True)
class System:
    """How three numbers of a file are a position.

    Attributes:
        spherical: azimuth (counter-clockwise), elevation and radius; else x, y and z.
        azimuth: degrees in a unit of the first number.
        elevation: the same of the second.
        metres: metres in a unit of the radius, or of each Cartesian number.
        from_top: whether the second angle is 0 at the top.
    """

    spherical: bool
    azimuth: float = 1.0
    elevation: float = 1.0
    metres: tuple[float, float, float] = (1.0, 1.0, 1.0)
    from_top: bool = False

    def vector(self, numbers: tuple[float, float, float]) -> Vector:
        """The position in metres."""
        if not self.spherical:
            x, y, z = (number * metres for number, metres in zip(numbers, self.metres, strict=True))
            return x, y, z
        elevation = numbers[1] * self.elevation
        unit = from_angles(numbers[0] * self.azimuth, 90.0 - elevation if self.from_top else elevation)
        radius = numbers[2] * self.metres[2]
        return unit[0] * radius, unit[1] * radius, unit[2] * radius

    def others(self) -> dict[str, System]:
        """What else the numbers may mean; the keys are those of `proof`."""
        if not self.spherical:
            return {}
        found = {"colatitude": replace(self, from_top=not self.from_top)}
        if self.azimuth == 1.0:
            found["radians"] = replace(self, azimuth=_RADIAN, elevation=_RADIAN)
        elif self.azimuth == _RADIAN:
            found["degrees"] = replace(self, azimuth=1.0, elevation=1.0)
        return found

    def impossible(self, numbers: tuple[float, float, float]) -> str | None:
        """Why the numbers cannot be angles in these units, and what would fit; None where they can."""
        if not self.spherical:
            return None
        azimuth, elevation = numbers[0] * self.azimuth, numbers[1] * self.elevation
        if abs(azimuth) > 360.5 and self.azimuth == _RADIAN:
            return f"an azimuth of {numbers[0]:g} radians; the numbers fit degrees"
        if abs(azimuth) > 720.5:
            return f"an azimuth of {numbers[0]:g}, more than two turns"
        if abs(elevation) > 90.001 and self.azimuth == _RADIAN and abs(numbers[1]) > math.pi * 1.0001:
            return f"an elevation of {numbers[1]:g} radians; the numbers fit degrees"
        if abs(elevation) > 90.001:
            return f"an elevation of {elevation:g} degrees, beyond 90; a colatitude is 0 at the top, write 90 minus it"
        if numbers[2] < 0.0:
            return f"a radius of {numbers[2]:g}"
        return None


def system_of(kind: str | None, units: str | None) -> System:
    """The system that SOFA's attributes `Type` and `Units` name.

    Without a type, units with an angle mean spherical; without units, they are degrees and metres.

    Raises:
        UnitUnknown: the type or a unit is not known.
    """
    words = [word for word in re.split(r"[,;\s]+", (units or "").lower()) if word]
    unknown = [word for word in words if word not in _METRES and word not in _DEGREES]
    if unknown:
        raise UnitUnknown(f"unit {unknown[0][:40]!r} is not known")
    kind = (kind or "").strip().lower() or ("spherical" if any(word in _DEGREES for word in words) else "cartesian")
    if kind not in ("cartesian", "spherical"):
        raise UnitUnknown(f"type {kind[:40]!r} is neither cartesian nor spherical")
    lengths = [_METRES[word] for word in words if word in _METRES]
    angles = [_DEGREES[word] for word in words if word in _DEGREES]
    if kind == "cartesian":
        if angles:
            raise UnitUnknown(f"cartesian coordinates have units of length, not {units!r}")
        each = lengths * 3 if len(lengths) == 1 else lengths or [1.0, 1.0, 1.0]
        if len(each) != 3:
            raise UnitUnknown(f"three coordinates do not have the units {units!r}")
        return System(False, metres=(each[0], each[1], each[2]))
    if len(angles) > 2 or len(lengths) > 1 or (words and not angles):
        raise UnitUnknown(f"an azimuth, an elevation and a radius do not have the units {units!r}")
    both = angles * 2 if len(angles) == 1 else angles or [1.0, 1.0]
    radius = lengths[0] if lengths else 1.0
    return System(True, both[0], both[1], (radius, radius, radius))


@dataclass(frozen=True)
class Frame:
    """The axes of a listener or a source, as unit vectors in the room: front, left, up."""

    front: Vector = (1.0, 0.0, 0.0)
    left: Vector = (0.0, 1.0, 0.0)
    up: Vector = (0.0, 0.0, 1.0)

    def seen(self, vector: Vector) -> Vector:
        """A vector of the room as coordinates along these axes."""
        return dot(vector, self.front), dot(vector, self.left), dot(vector, self.up)

    def in_room(self, vector: Vector) -> Vector:
        """Coordinates along these axes as a vector of the room."""
        x, y, z = (
            sum(part * axis[index] for part, axis in zip(vector, (self.front, self.left, self.up), strict=True))
            for index in range(3)
        )
        return x, y, z


def frame_of(view: Vector, up: Vector) -> Frame | None:
    """The frame that looks along `view`, with `up` turned square to it; None where they are parallel or zero."""
    front = unit(view)
    if front is None:
        return None
    along = dot(up, front)
    above = unit(minus(up, (front[0] * along, front[1] * along, front[2] * along)), least=1e-6)
    if above is None:
        return None
    left = (
        above[1] * front[2] - above[2] * front[1],
        above[2] * front[0] - above[0] * front[2],
        above[0] * front[1] - above[1] * front[0],
    )
    return Frame(front, left, above)


def from_angles(azimuth_deg: float, elevation_deg: float) -> Vector:
    """The unit vector (x front, y left, z up) of an azimuth, counter-clockwise, and an elevation in degrees."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    return (
        math.cos(elevation) * math.cos(azimuth),
        math.cos(elevation) * math.sin(azimuth),
        math.sin(elevation),
    )


def dot(first: Vector, second: Vector) -> float:
    """The scalar product."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def minus(first: Vector, second: Vector) -> Vector:
    """The difference."""
    return first[0] - second[0], first[1] - second[1], first[2] - second[2]


def plus(first: Vector, second: Vector) -> Vector:
    """The sum."""
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def unit(vector: Vector, least: float = 1e-9) -> Vector | None:
    """The vector at length 1; None where it is shorter than `least` or not finite."""
    length = math.sqrt(dot(vector, vector))
    if not (math.isfinite(length) and length > least):
        return None
    return vector[0] / length, vector[1] / length, vector[2] / length
