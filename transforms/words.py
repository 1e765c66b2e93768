"""The words of space: which word a measured value has, and which it has not (ELSA, section 3.2 and appendix)."""

from __future__ import annotations

from dataclasses import dataclass

# The paper's table of words. A bound is a half-open statement about a measured value; between two words there is none.
# attribute: trust of the numbers as known to us: direction, distance, T30 from a third party's reading; area printed.
NEAR_BELOW_M = 1.0
FAR_ABOVE_M = 2.0
FRONT_WITHIN_DEG = 35.0
SIDE_FROM_DEG, SIDE_TO_DEG = 55.0, 125.0
BACK_FROM_DEG = 145.0
UP_ABOVE_DEG = 40.0
DOWN_BELOW_DEG = -40.0
SMALL_BELOW_M2 = 50.0
LARGE_ABOVE_M2 = 100.0
DAMPENED_BELOW_MS = 200.0
REVERBERANT_ABOVE_MS = 1000.0

#: Every attribute with its words, in the order of the release's columns.
VOCABULARY: dict[str, tuple[str, ...]] = {
    "direction": ("front", "left", "right", "back"),
    "elevation": ("up", "down"),
    "distance": ("near", "far"),
    "room_size": ("small", "large"),
    "reverberation": ("dampened", "reverberant"),
}


@dataclass(frozen=True)
class SpatialWords:
    """The words that apply to one row; None where the value lies between two words."""

    direction: str | None = None
    elevation: str | None = None
    distance: str | None = None
    room_size: str | None = None
    reverberation: str | None = None

    def present(self) -> dict[str, str]:
        """Attribute → word, for the attributes that have one, in the order of the columns."""
        pairs = ((attribute, getattr(self, attribute)) for attribute in VOCABULARY)
        return {attribute: word for attribute, word in pairs if word is not None}


def distance_word(distance_m: float) -> str | None:
    """near under 1 m, far over 2 m."""
    if distance_m < NEAR_BELOW_M:
        return "near"
    return "far" if distance_m > FAR_ABOVE_M else None


def direction_word(azimuth_deg: float) -> str | None:
    """front within 35° of 0°, left and right 55…125° to that side (+90° is left), back from 145°; bounds included."""
    off_front = abs(azimuth_deg)
    if off_front <= FRONT_WITHIN_DEG:
        return "front"
    if off_front >= BACK_FROM_DEG:
        return "back"
    if SIDE_FROM_DEG <= off_front <= SIDE_TO_DEG:
        return "left" if azimuth_deg > 0 else "right"
    return None


def elevation_word(elevation_deg: float) -> str | None:
    """up over 40°, down under −40°."""
    if elevation_deg > UP_ABOVE_DEG:
        return "up"
    return "down" if elevation_deg < DOWN_BELOW_DEG else None


def room_size_word(floor_area_m2: float) -> str | None:
    """small under 50 m², large over 100 m²."""
    if floor_area_m2 < SMALL_BELOW_M2:
        return "small"
    return "large" if floor_area_m2 > LARGE_ABOVE_M2 else None


def reverberation_word(t30_ms: float) -> str | None:
    """dampened under 200 ms, reverberant over 1000 ms, of the full-band T30."""
    if t30_ms < DAMPENED_BELOW_MS:
        return "dampened"
    return "reverberant" if t30_ms > REVERBERANT_ABOVE_MS else None


def words_of(
    *, azimuth_deg: float, elevation_deg: float, distance_m: float, floor_area_m2: float, t30_ms: float
) -> SpatialWords:
    """The words of a row from its measured values, as the row states them."""
    return SpatialWords(
        direction=direction_word(azimuth_deg),
        elevation=elevation_word(elevation_deg),
        distance=distance_word(distance_m),
        room_size=room_size_word(floor_area_m2),
        reverberation=reverberation_word(t30_ms),
    )
