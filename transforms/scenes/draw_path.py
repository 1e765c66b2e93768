"""The paths of moving sources: straight lines and arcs around the receiver that stay inside the room."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from transforms.paths import Arc, Line, Path, Point
from transforms.records import Placement, Room
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.ranges import SceneRanges
from transforms.scene_words import POINTS_A_SECOND, PathPoint

#: How many ways are drawn before a source stands still after all.
TRIES = 64
#: A moving source comes no nearer to the receiver, whatever the least distance of still ones.
NEAREST_M = 0.4
#: An arc ends before it comes round again.
LARGEST_TURN_DEG = 300.0
# The elevation of a line's direction is drawn from these: most sources stay at their height.
_ELEVATIONS_DEG = (0, 0, 0, 0, 0, 0, 15, -15, 60, -60)
_POSITION_DECIMALS = 6
_ANGLE_DECIMALS = 6
_CHECKED_POINTS = 64


def draw_path(
    draw: np.random.Generator,
    placement: Placement,
    room: Room,
    ranges: SceneRanges,
    duration_s: float,
    speeds_m_s: tuple[float, float],
) -> Path | None:
    """Draws how a source moves while it sounds, at a constant speed from its placement on.

    Half of the sources move along a line in a direction that is drawn, half along an arc around the receiver. A way
    that leaves the room, its clearances or the range of distances is drawn again; later draws are slower, so that a way
    is found in a small room too.

    Args:
        draw: where the numbers come from.
        placement: where the source is at its onset.
        room: the room.
        ranges: the clearances and distances that the recipe allows.
        duration_s: how long it sounds, in seconds.
        speeds_m_s: the least and the largest speed.

    Returns:
        The path; None if no way fits.
    """
    slowest, fastest = (round(1000 * speed) for speed in speeds_m_s)
    speed = int(draw.integers(slowest, fastest, endpoint=True))
    is_arc = bool(draw.integers(2))
    for attempt in range(TRIES):
        # The speed falls from the drawn one to the least, which the second half of the draws has.
        slower = min(2 * attempt / TRIES, 1.0)
        length_m = (speed - slower * (speed - slowest)) / 1000.0 * duration_s
        arc = _draw_arc(draw, placement, duration_s, length_m) if is_arc else None
        path = arc or _draw_line(draw, placement, duration_s, length_m)
        if _fits(path, placement.receiver_m, room, ranges):
            return path
        is_arc = bool(draw.integers(2))
    return None


def _draw_line(draw: np.random.Generator, placement: Placement, duration_s: float, length_m: float) -> Line:
    azimuth_deg = int(draw.integers(-17_999, 18_000, endpoint=True)) / 100.0
    elevation_deg = float(_ELEVATIONS_DEG[int(draw.integers(len(_ELEVATIONS_DEG)))])
    away_m = length_m * direction_to_unit_vector(azimuth_deg, elevation_deg)
    end = [round(at + along, _POSITION_DECIMALS) for at, along in zip(placement.source_m, away_m.tolist(), strict=True)]
    return Line(placement.source_m, (end[0], end[1], end[2]), duration_s)


def _draw_arc(draw: np.random.Generator, placement: Placement, duration_s: float, length_m: float) -> Arc | None:
    """An arc around the receiver, to one of both sides; None where it would be longer than LARGEST_TURN_DEG."""
    sign = 1 if draw.integers(2) else -1
    (x, y, _), (receiver_x, receiver_y, _) = placement.source_m, placement.receiver_m
    radius_m = math.hypot(x - receiver_x, y - receiver_y)
    turn_deg = round(math.degrees(length_m / max(radius_m, 1e-3)), 2)
    if turn_deg > LARGEST_TURN_DEG:
        return None
    return Arc(placement.source_m, (receiver_x, receiver_y), sign * turn_deg, duration_s)


def _fits(path: Path, receiver_m: Point, room: Room, ranges: SceneRanges) -> bool:
    positions_m = path.positions_m(path.duration_s / _CHECKED_POINTS * np.arange(_CHECKED_POINTS + 1.0))
    clearance_m = np.array([ranges.wall_clearance_m, ranges.wall_clearance_m, ranges.vertical_clearance_m])
    size_m = np.array([room.length_m, room.width_m, room.height_m])
    # A source that stands at the bound of a clearance may move along it.
    if (positions_m < clearance_m - 1e-6).any() or (positions_m > size_m - clearance_m + 1e-6).any():
        return False
    distances_m = np.linalg.norm(positions_m - np.array(receiver_m), axis=1)
    nearest_m = min(NEAREST_M, ranges.distance_min_m)
    return bool(distances_m.min() >= nearest_m and distances_m.max() <= ranges.distance_max_m + 1e-6)


def path_points(path: Path, placement: Placement, onset_s: float) -> tuple[PathPoint, ...]:
    """The points of a path every 0.1 s from the onset on, as long as the source sounds, from the receiver.

    Args:
        path: the path.
        placement: where the source is at its onset; the first point has its angles and its distance.
        onset_s: when the source begins to sound, in seconds of the scene.
    """
    times_s = np.arange(math.floor(path.duration_s * POINTS_A_SECOND + 1e-9) + 1.0) / POINTS_A_SECOND
    azimuths_deg, elevations_deg, distances_m = seen_from(placement.receiver_m, path.positions_m(times_s))
    first = PathPoint(round(onset_s, 3), placement.azimuth_deg, placement.elevation_deg, placement.distance_m)
    others = zip(times_s.tolist(), azimuths_deg.tolist(), elevations_deg.tolist(), distances_m.tolist(), strict=True)
    points = [
        PathPoint(round(onset_s + time_s, 3), azimuth, round(elevation, 6), round(distance, 6))
        for time_s, azimuth, elevation, distance in others
    ]
    return (first, *points[1:])


def seen_from(
    receiver_m: Point, positions_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Azimuths and elevations in degrees and distances in metres, each (n,), of positions (n, 3) from a receiver."""
    offset_m = positions_m - np.array(receiver_m)
    distances_m = np.linalg.norm(offset_m, axis=1)
    azimuths_deg = np.degrees(np.arctan2(offset_m[:, 1], offset_m[:, 0]))
    elevations_deg = np.degrees(np.arcsin(np.clip(offset_m[:, 2] / distances_m, -1.0, 1.0)))
    # Rounded first, so that nothing just above -180° becomes -180° in a table.
    azimuths_deg = np.round(azimuths_deg, _ANGLE_DECIMALS)
    return np.where(azimuths_deg <= -180.0, 180.0, azimuths_deg), elevations_deg, distances_m
