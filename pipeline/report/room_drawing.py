"""The room of a row as two drawings with one scale: from above, and from behind the receiver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transforms.words import FAR_ABOVE_M, NEAR_BELOW_M

# The drawings fit into a square of this side, in SVG units; a unit is a pixel of the page where there is space.
_BOX = 300.0
# A release may state any number, but no room is longer.
_LONGEST_M = 10_000.0
# Between the two drawings.
_GAP = 26.0
Point = tuple[float, float]


@dataclass(frozen=True)
class View:
    """One drawing of the room: a rectangle with the receiver and the source in it, in SVG units."""

    x: float
    """The offset of the rectangle to the right."""
    y: float
    """The offset of the rectangle downwards."""
    width: float
    height: float
    receiver: Point
    source: Point


@dataclass(frozen=True)
class RoomDrawing:
    """Both views, and the size of the canvas that they fill."""

    width: float
    height: float
    above: View
    """The front (+x) is at the top, so the left (+y) is at the left."""
    behind: View
    """Left is at the left, up is up."""
    rings: tuple[float, ...]
    """Radii in the view from above: what is near and what is far begins there."""


_NEEDED = (
    *("room_length_m", "room_width_m", "room_height_m"),
    *(f"{who}_{axis}_m" for who in ("receiver", "source") for axis in "xyz"),
)


def draw_room(row: Mapping[str, Any]) -> RoomDrawing | None:
    """The drawings of a row's room, below each other or beside each other, whichever is larger.

    None when the row lacks a size of the room or a position, or has one that no room has.
    """
    values = [row[column] for column in _NEEDED]
    if not all(value is not None and 0 <= value <= _LONGEST_M for value in values) or not all(values[:3]):
        return None
    length_m, width_m, height_m = (float(row[f"room_{side}_m"]) for side in ("length", "width", "height"))
    below = min((_BOX - _GAP) / (length_m + height_m), _BOX / width_m)
    beside = min((_BOX - _GAP) / (2 * width_m), _BOX / max(length_m, height_m))
    scale = max(below, beside)
    width, length, height = (round(side_m * scale, 1) for side_m in (width_m, length_m, height_m))

    def point(who: str, down: str, size_m: float) -> Point:
        """Where the receiver or the source is: y of the room runs to the left, x or z runs up the page."""
        return (
            round((width_m - float(row[f"{who}_y_m"])) * scale, 1),
            round((size_m - float(row[f"{who}_{down}_m"])) * scale, 1),
        )

    above_points = [point(who, "x", length_m) for who in ("receiver", "source")]
    behind_points = [point(who, "z", height_m) for who in ("receiver", "source")]
    if below >= beside:
        x, y = 0.0, length + _GAP
    else:
        x, y = width + _GAP, round(max(length - height, 0.0), 1)
    above_y = 0.0 if below >= beside else round(max(height - length, 0.0), 1)
    return RoomDrawing(
        width=round(x + width, 1),
        height=round(max(above_y + length, y + height), 1),
        above=View(0.0, above_y, width, length, above_points[0], above_points[1]),
        behind=View(x, y, width, height, behind_points[0], behind_points[1]),
        rings=tuple(round(radius_m * scale, 1) for radius_m in (NEAR_BELOW_M, FAR_ABOVE_M)),
    )
