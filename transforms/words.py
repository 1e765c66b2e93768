"""The words of space, and the measured values that each one applies to (ELSA, section 3.2 and appendix)."""

from __future__ import annotations

from dataclasses import dataclass

# The paper's table of words; a value between two words has none. The bounds of the area are printed in the paper, those
# of direction, distance and T30 are known from a third party's reading of it.
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

#: Each attribute with its words, in the order of a release's columns.
VOCABULARY: dict[str, tuple[str, ...]] = {
    "direction": ("front", "left", "right", "back"),
    "elevation": ("up", "down"),
    "distance": ("near", "far"),
    "room_size": ("small", "large"),
    "reverberation": ("dampened", "reverberant"),
}


@dataclass(frozen=True)
class SpatialWords:
    """The words that apply to one row; None for a value between two words."""

    direction: str | None = None
    elevation: str | None = None
    distance: str | None = None
    room_size: str | None = None
    reverberation: str | None = None

    def present(self) -> dict[str, str]:
        """The attributes that have a word, with their words, in the order of the columns."""
        pairs = ((attribute, getattr(self, attribute)) for attribute in VOCABULARY)
        return {attribute: word for attribute, word in pairs if word is not None}


def distance_word(distance_m: float | None) -> str | None:
    """The word for a distance: near below 1 m, far above 2 m; none for a distance that is not known."""
    if distance_m is None:
        return None
    if distance_m < NEAR_BELOW_M:
        return "near"
    return "far" if distance_m > FAR_ABOVE_M else None


def direction_word(azimuth_deg: float) -> str | None:
    """The word for an azimuth, which is positive to the left.

    It is front up to 35° from 0°, left and right from 55° to 125°, and back from 145° on; bounds are included.
    """
    off_front = abs(azimuth_deg)
    if off_front <= FRONT_WITHIN_DEG:
        return "front"
    if off_front >= BACK_FROM_DEG:
        return "back"
    if SIDE_FROM_DEG <= off_front <= SIDE_TO_DEG:
        return "left" if azimuth_deg > 0 else "right"
    return None


def elevation_word(elevation_deg: float) -> str | None:
    """The word for an elevation: up above 40°, down below −40°."""
    if elevation_deg > UP_ABOVE_DEG:
        return "up"
    return "down" if elevation_deg < DOWN_BELOW_DEG else None


def room_size_word(floor_area_m2: float | None) -> str | None:
    """The word for a floor area: small below 50 m², large above 100 m²; none for an area that is not known."""
    if floor_area_m2 is None:
        return None
    if floor_area_m2 < SMALL_BELOW_M2:
        return "small"
    return "large" if floor_area_m2 > LARGE_ABOVE_M2 else None


def reverberation_word(t30_ms: float) -> str | None:
    """The word for a full-band T30: dampened below 200 ms, reverberant above 1000 ms."""
    if t30_ms < DAMPENED_BELOW_MS:
        return "dampened"
    return "reverberant" if t30_ms > REVERBERANT_ABOVE_MS else None


def words_of(
    *, azimuth_deg: float, elevation_deg: float, distance_m: float | None, floor_area_m2: float | None, t30_ms: float
) -> SpatialWords:
    """The words that apply to the measured values of a row; what is not known has no word."""
    return SpatialWords(
        direction=direction_word(azimuth_deg),
        elevation=elevation_word(elevation_deg),
        distance=distance_word(distance_m),
        room_size=room_size_word(floor_area_m2),
        reverberation=reverberation_word(t30_ms),
    )
