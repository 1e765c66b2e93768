"""What a microphone array is: capsules of one kind on a sphere, rigid or open, and how they are encoded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BAFFLES = ("rigid", "open")
#: The highest ambisonic order of an array's output.
HIGHEST_ORDER = 3
MOST_CAPSULES = 64
LEAST_RADIUS_M, LARGEST_RADIUS_M = 0.002, 0.15
#: The highest gain in dB of the equalisation, at which the capsules' noise is as much louder.
LEAST_GAIN_LIMIT_DB, LARGEST_GAIN_LIMIT_DB = 0.0, 40.0
DEFAULT_GAIN_LIMIT_DB = 20.0
#: How much worse capsules may tell one spherical harmonic than another, in power.
_WORST_CONDITION = 30.0

_FIELDS = ("name", "radius_m", "baffle", "pattern", "capsules", "order", "gain_limit_db")
_REQUIRED = ("radius_m", "baffle", "capsules")


@dataclass(frozen=True)
class ArrayDescription:
    """A microphone array.

    Raises:
        ValueError: a value is impossible; the message begins with the name of the field.
    """

    radius_m: float
    """The distance of the capsules from the middle; the radius of the baffle, if it is rigid."""
    baffle: str
    """`rigid`: the capsules lie in the surface of a rigid sphere; `open`: they hang in free air."""
    capsules: tuple[tuple[float, float], ...]
    """Azimuth and elevation of each capsule in degrees; every capsule looks outwards."""
    pattern: float = 1.0
    """The share of pressure in what a capsule in free air hears: 1 is omnidirectional, 0.5 a cardioid."""
    order: int = 1
    """The ambisonic order that the capsules are encoded to."""
    gain_limit_db: float = DEFAULT_GAIN_LIMIT_DB
    """The highest gain of the equalisation, in dB."""
    name: str = "array"

    def __post_init__(self) -> None:
        if not LEAST_RADIUS_M <= self.radius_m <= LARGEST_RADIUS_M:
            raise ValueError(f"radius_m: {self.radius_m}; from {LEAST_RADIUS_M} to {LARGEST_RADIUS_M}")
        if self.baffle not in BAFFLES:
            raise ValueError(f"baffle: {self.baffle!r}; one of {', '.join(BAFFLES)}")
        if not 0.0 < self.pattern <= 1.0:
            raise ValueError(f"pattern: {self.pattern}; above 0 (figure of eight), up to 1 (omnidirectional)")
        if self.baffle == "rigid" and self.pattern != 1.0:
            raise ValueError(f"pattern: {self.pattern}; capsules in a rigid sphere are omnidirectional, which is 1")
        if not 1 <= self.order <= HIGHEST_ORDER:
            raise ValueError(f"order: {self.order}; from 1 to {HIGHEST_ORDER}")
        if not LEAST_GAIN_LIMIT_DB <= self.gain_limit_db <= LARGEST_GAIN_LIMIT_DB:
            raise ValueError(
                f"gain_limit_db: {self.gain_limit_db}; from {LEAST_GAIN_LIMIT_DB:g} to {LARGEST_GAIN_LIMIT_DB:g}"
            )
        if len(self.capsules) > MOST_CAPSULES:
            raise ValueError(f"capsules: {len(self.capsules)} of them; at most {MOST_CAPSULES}")
        for number, (azimuth_deg, elevation_deg) in enumerate(self.capsules, 1):
            if not (-360.0 <= azimuth_deg <= 360.0 and -90.0 <= elevation_deg <= 90.0):
                raise ValueError(
                    f"capsules: capsule {number} at azimuth {azimuth_deg}, elevation {elevation_deg}; azimuths are "
                    "from -360 to 360 degrees, elevations from -90 to 90"
                )
        self._check_layout()

    def _check_layout(self) -> None:
        """Raises ValueError if the capsules cannot tell the spherical harmonics of the order apart."""
        harmonics = (self.order + 1) ** 2
        if len(self.capsules) < harmonics:
            raise ValueError(f"capsules: {len(self.capsules)} of them; order {self.order} needs {harmonics} or more")
        azimuth, elevation = np.radians(np.array(self.capsules, dtype=np.float64)).T
        x, y, z = np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)
        cosines = np.clip(x[:, None] * x + y[:, None] * y + z[:, None] * z, -1.0, 1.0)
        # The sum of (2n + 1) Pₙ is the product of all harmonics of two capsules.
        gram = np.polynomial.legendre.legval(cosines, 2.0 * np.arange(self.order + 1) + 1.0)
        powers = np.linalg.eigvalsh(gram)[-harmonics:]
        if not powers[0] * _WORST_CONDITION > powers[-1]:
            raise ValueError(
                f"capsules: they do not surround the middle evenly enough for order {self.order}; "
                "move them apart, or choose a lower order"
            )

    def plain_values(self) -> dict[str, Any]:
        """The description as plain values, as a YAML file holds them."""
        return {
            "name": self.name,
            "radius_m": self.radius_m,
            "baffle": self.baffle,
            "pattern": self.pattern,
            "order": self.order,
            "gain_limit_db": self.gain_limit_db,
            "capsules": [
                {"azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg}
                for azimuth_deg, elevation_deg in self.capsules
            ],
        }


def array_of_values(values: Any) -> ArrayDescription:
    """An array described by plain values, as a YAML file or a resolved recipe holds them.

    Raises:
        ValueError: a value is missing, unknown or impossible; the message begins with the name of the field.
    """
    if not isinstance(values, Mapping):
        raise ValueError("it is no mapping with radius_m, baffle and capsules")
    unknown = [name for name in values if name not in _FIELDS]
    if unknown:
        raise ValueError(f"{str(unknown[0])[:80]}: no such field; the fields are {', '.join(_FIELDS)}")
    missing = [name for name in _REQUIRED if values.get(name) is None]
    if missing:
        raise ValueError(f"{missing[0]}: missing")
    capsules = values["capsules"]
    if not isinstance(capsules, (list, tuple)) or not capsules:
        raise ValueError("capsules: a list of mappings with azimuth_deg and elevation_deg")
    order = values.get("order", 1)
    if isinstance(order, bool) or not isinstance(order, int):
        raise ValueError(f"order: {str(order)[:40]!r}; a whole number")
    name = values.get("name", "array")
    if not isinstance(name, str) or not 0 < len(name) <= 80 or not name.isprintable():
        raise ValueError("name: a text of at most 80 characters on one line")
    return ArrayDescription(
        radius_m=_number("radius_m", values["radius_m"]),
        baffle=str(values["baffle"])[:40],
        capsules=tuple(_capsule(number, capsule) for number, capsule in enumerate(capsules, 1)),
        pattern=_number("pattern", values.get("pattern", 1.0)),
        order=order,
        gain_limit_db=_number("gain_limit_db", values.get("gain_limit_db", DEFAULT_GAIN_LIMIT_DB)),
        name=name,
    )


def _capsule(number: int, values: Any) -> tuple[float, float]:
    if not isinstance(values, Mapping) or set(values) != {"azimuth_deg", "elevation_deg"}:
        raise ValueError(f"capsules: capsule {number} is no mapping with azimuth_deg and elevation_deg alone")
    return (
        _number(f"capsules: azimuth_deg of capsule {number}", values["azimuth_deg"]),
        _number(f"capsules: elevation_deg of capsule {number}", values["elevation_deg"]),
    )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: {str(value)[:40]!r} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name}: {str(value)[:40]} is not finite")
    return number
