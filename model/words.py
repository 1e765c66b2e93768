"""The words of a direction, an elevation and a distance, as releases define them (ELSA, section 3.2 and appendix)."""

from __future__ import annotations

#: Front reaches to the first angle on both sides, a side from the second to the third, the back from the fourth.
FRONT_WITHIN_DEG, SIDE_FROM_DEG, SIDE_TO_DEG, BACK_FROM_DEG = 35.0, 55.0, 125.0, 145.0
#: An elevation beyond this, up or down, has a word.
STEEP_DEG = 40.0
#: A distance below the first or above the second has a word.
NEAR_BELOW_M, FAR_ABOVE_M = 1.0, 2.0


def direction_word(azimuth_deg: float) -> str | None:
    """front, left, right or back, bounds included; None between the sectors. Azimuth is counter-clockwise, +90 left."""
    off_front = abs(azimuth_deg)
    if off_front <= FRONT_WITHIN_DEG:
        return "front"
    if off_front >= BACK_FROM_DEG:
        return "back"
    if SIDE_FROM_DEG <= off_front <= SIDE_TO_DEG:
        return "left" if azimuth_deg > 0 else "right"
    return None


def elevation_word(elevation_deg: float) -> str | None:
    """up above +40°, down below −40°, otherwise None."""
    if elevation_deg > STEEP_DEG:
        return "up"
    return "down" if elevation_deg < -STEEP_DEG else None


def distance_word(distance_m: float) -> str | None:
    """near below 1 m, far above 2 m, otherwise None."""
    if distance_m < NEAR_BELOW_M:
        return "near"
    return "far" if distance_m > FAR_ABOVE_M else None
