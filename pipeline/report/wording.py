"""Measured values as a reader of the page reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.durations import duration_text
from transforms.words import BACK_FROM_DEG, FRONT_WITHIN_DEG, SIDE_FROM_DEG, SIDE_TO_DEG, VOCABULARY


def number(value: Any, decimals: int = 0, sign: bool = False) -> str:
    """A number with a real minus and narrow spaces between thousands; an en dash when there is none."""
    if value is None or not math.isfinite(float(value)):
        return "–"
    text = f"{float(value):{'+' if sign else ''},.{decimals}f}"
    # Zero has no sign: −0.04 with one decimal is 0.0.
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−").replace(",", "\u202f")


def unbroken_duration(seconds: float) -> str:
    """A duration as `duration_text` writes it; its spaces do not break, so a number stays with its unit."""
    return duration_text(seconds).replace(",", "\u202f").replace(" ", "\u00a0")


def source_in_words(row: Mapping[str, Any]) -> str:
    """Where the source is, for a reader who cannot see the drawing: degrees to a side, up or down, metres."""
    azimuth_deg, elevation_deg, distance_m = row["azimuth_deg"], row["elevation_deg"], row["distance_m"]
    if azimuth_deg is None or elevation_deg is None or distance_m is None:
        return "at an unknown position"
    side = f"{abs(azimuth_deg):.0f}° to the {'left' if azimuth_deg > 0 else 'right'} of front"
    if abs(azimuth_deg) < 0.5:
        side = "straight ahead"
    elif abs(azimuth_deg) > 179.5:
        side = "straight behind"
    height = f"{abs(elevation_deg):.0f}° {'up' if elevation_deg > 0 else 'down'}"
    if abs(elevation_deg) < 0.5:
        height = "level"
    return f"{side}, {height}, {distance_m:.2f} m away"


def no_word_text(attribute: str, azimuth_deg: float | None = None) -> str:
    """What a row without a word of an attribute lies between: `between front and left`, `neither near nor far`."""
    if attribute == "direction" and azimuth_deg is not None:
        side = "left" if azimuth_deg > 0 else "right"
        if FRONT_WITHIN_DEG < abs(azimuth_deg) < SIDE_FROM_DEG:
            return f"between front and {side}"
        if SIDE_TO_DEG < abs(azimuth_deg) < BACK_FROM_DEG:
            return f"between {side} and back"
    if attribute == "direction":
        return "no word"
    return "neither " + " nor ".join(VOCABULARY[attribute])
