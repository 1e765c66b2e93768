"""The room of a scene from above: its outline, the receiver, each sound, and the paths of those that move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.scenes.sounds import Offset, ShownSound
from transforms.words import FAR_ABOVE_M, NEAR_BELOW_M

#: The drawing fits into a square of this side, in SVG units.
_BOX = 300.0
#: The arrow of a path begins so many units before its end, so that a short last step does not turn it.
_ARROW = 6.0
Point = tuple[float, float]


@dataclass(frozen=True)
class DrawnSound:
    """One sound in the drawing, in SVG units."""

    number: int
    start: Point
    path: str
    """The points of its path as an SVG polyline has them; empty where it stands still."""
    arrow: str
    """The transformation of an arrow head that points right, onto the end of the path."""


@dataclass(frozen=True)
class SceneDrawing:
    """The room from above: the front (+x) is at the top, so the left (+y) is at the left."""

    width: float
    height: float
    receiver: Point
    rings: tuple[float, ...]
    """Radii of what is near and what is far."""
    sounds: tuple[DrawnSound, ...]


_NEEDED = ("room_length_m", "room_width_m", "receiver_x_m", "receiver_y_m")


def draw_scene(row: Mapping[str, Any], sounds: Sequence[ShownSound]) -> SceneDrawing | None:
    """The drawing of a scene; None where the row lacks a size of the room or the place of the receiver."""
    values = [row[name] for name in _NEEDED]
    if any(value is None or not math.isfinite(value) for value in values):
        return None
    length_m, width_m, x_m, y_m = map(float, values)
    if length_m <= 0 or width_m <= 0:
        return None
    scale = _BOX / max(length_m, width_m)

    def point(offset: Offset) -> Point:
        ahead_m, left_m, _ = offset
        return round((width_m - y_m - left_m) * scale, 1), round((length_m - x_m - ahead_m) * scale, 1)

    return SceneDrawing(
        width=round(width_m * scale, 1),
        height=round(length_m * scale, 1),
        receiver=point((0.0, 0.0, 0.0)),
        rings=tuple(round(radius_m * scale, 1) for radius_m in (NEAR_BELOW_M, FAR_ABOVE_M)),
        sounds=tuple(
            _drawn(sound.number, [point(offset) for offset in sound.offsets_m]) for sound in sounds if sound.offsets_m
        ),
    )


def _drawn(number: int, points: Sequence[Point]) -> DrawnSound:
    distinct = [point for at, point in enumerate(points) if at == 0 or point != points[at - 1]]
    if len(distinct) < 2:
        return DrawnSound(number, distinct[0], "", "")
    end = distinct[-1]
    before = next((point for point in reversed(distinct[:-1]) if math.dist(point, end) >= _ARROW), distinct[0])
    turn_deg = math.degrees(math.atan2(end[1] - before[1], end[0] - before[0]))
    return DrawnSound(
        number,
        start=distinct[0],
        path=" ".join(f"{x:g},{y:g}" for x, y in distinct),
        arrow=f"translate({end[0]:g} {end[1]:g}) rotate({turn_deg:.0f})",
    )
