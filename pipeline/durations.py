"""Durations as a person reads them."""

from __future__ import annotations


def duration_text(seconds: float) -> str:
    """A duration in its two largest units: `8 s`, `4 min 31 s`, `1 h 22 min`; whole hours from 100 hours on."""
    whole = round(seconds)
    minutes, rest_s = divmod(whole, 60)
    hours, rest_min = divmod(minutes, 60)
    if hours >= 100:
        return f"{whole / 3600:,.0f} h"
    if hours:
        return f"{hours} h {rest_min} min"
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
