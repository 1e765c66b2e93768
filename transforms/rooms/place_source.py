"""Positions of receiver and source: a direction, a distance, and a position in the room (ELSA, section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from transforms.records import Placement, Rejection, Room, Row, Shard
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.ranges import SceneRanges
from transforms.rooms.room_supply import RoomSupply
from transforms.seeds import keyed_generator
from transforms.shards.each_shard import EachShard

# Draws are integers on these grids, so that equal seeds give equal numbers on every machine.
ANGLE_STEPS_PER_DEG = 100
STEPS_PER_M = 1000
_SOURCE_DECIMALS = 6


class SceneDoesNotFit(ValueError):
    """The room is too small for the least distance in the direction that was drawn."""


def free_extent_m(room: Room, ranges: SceneRanges) -> tuple[float, float, float]:
    """How far apart receiver and source can be along x, y and z, in metres; negative if the room is too small."""
    return (
        room.length_m - 2 * ranges.wall_clearance_m,
        room.width_m - 2 * ranges.wall_clearance_m,
        room.height_m - 2 * ranges.vertical_clearance_m,
    )


def largest_distance_m(room: Room, azimuth_deg: float, elevation_deg: float, ranges: SceneRanges) -> float:
    """The largest distance in metres that the room and the range allow for a source in a direction in degrees."""
    extents = free_extent_m(room, ranges)
    if min(extents) < 0.0:
        return 0.0
    along = np.abs(direction_to_unit_vector(azimuth_deg, elevation_deg))
    held = [extent / float(part) for extent, part in zip(extents, along, strict=True) if part > 1e-9]
    return min([ranges.distance_max_m, *held])


def place_source(row_seed: int, room: Room, ranges: SceneRanges) -> Placement:
    """Draws the positions of receiver and source for a row; the receiver faces the room's +x.

    Azimuth and elevation are uniform in every room. The distance is uniform between the least of the range and the
    largest that the room allows in that direction, so a low room shortens steep distances and never changes an angle.
    The receiver is uniform over all positions where both are clear of the walls. Nothing is drawn again, so angles are
    never biased. Angles are multiples of 0.01°, distances and the receiver's coordinates of 1 mm; the source's
    coordinates are rounded to 1 µm.

    Args:
        row_seed: the seed of the row.
        room: the room.
        ranges: what is drawn from.

    Raises:
        SceneDoesNotFit: the room is too small for the least distance in the direction that was drawn.
    """
    draw = keyed_generator(row_seed, "scene")
    azimuth_deg = draw_on_grid(
        draw, ranges.azimuth_min_deg + 1 / ANGLE_STEPS_PER_DEG, ranges.azimuth_max_deg, ANGLE_STEPS_PER_DEG
    )
    elevation_deg = draw_on_grid(draw, ranges.elevation_min_deg, ranges.elevation_max_deg, ANGLE_STEPS_PER_DEG)
    largest_m = largest_distance_m(room, azimuth_deg, elevation_deg, ranges)
    # The receiver's grid needs some millimetres of its own.
    if largest_m < ranges.distance_max_m:
        largest_m -= 2 / STEPS_PER_M
    if largest_m < ranges.distance_min_m:
        raise SceneDoesNotFit(
            f"room {room.room_id!r} ({room.length_m} × {room.width_m} × {room.height_m} m) has space for a source at "
            f"azimuth {azimuth_deg}°, elevation {elevation_deg}° up to {max(largest_m, 0.0):.2f} m away, "
            f"and distance_min_m is {ranges.distance_min_m}"
        )
    distance_m = draw_on_grid(draw, ranges.distance_min_m, largest_m, STEPS_PER_M)
    offset_m = distance_m * direction_to_unit_vector(azimuth_deg, elevation_deg)
    clearances = (ranges.wall_clearance_m, ranges.wall_clearance_m, ranges.vertical_clearance_m)
    receiver_m = tuple(
        draw_on_grid(draw, clearance + max(0.0, -offset), size - clearance - max(0.0, offset), STEPS_PER_M)
        for size, clearance, offset in zip(
            (room.length_m, room.width_m, room.height_m), clearances, offset_m.tolist(), strict=True
        )
    )
    source_m = tuple(
        round(position + offset, _SOURCE_DECIMALS)
        for position, offset in zip(receiver_m, offset_m.tolist(), strict=True)
    )
    return Placement(
        receiver_m=(receiver_m[0], receiver_m[1], receiver_m[2]),
        source_m=(source_m[0], source_m[1], source_m[2]),
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        distance_m=distance_m,
    )


def draw_on_grid(draw: np.random.Generator, low: float, high: float, steps_per_unit: int) -> float:
    """Draws a multiple of 1/steps_per_unit uniformly from [low, high]."""
    # The small shift keeps bounds on the grid that are on it in decimal and not in binary.
    first, last = math.ceil(low * steps_per_unit - 1e-6), math.floor(high * steps_per_unit + 1e-6)
    return int(draw.integers(first, last, endpoint=True)) / steps_per_unit


def place_row(row: Row, supply: RoomSupply, ranges: SceneRanges) -> Row:
    """Assigns a room to a row, and draws the positions of receiver and source in it.

    Raises:
        RoomDoesNotExist: no absorption gives a user's room its stated T30.
        SceneDoesNotFit: the room is too small for the least distance in the direction that was drawn.
    """
    room = supply.room_for(row.seed, row.clip.split)
    return replace(row, room=room, placement=place_source(row.seed, room, ranges))


def place_sources(shard: Shard, ranges: SceneRanges) -> Shard:
    """Draws a placement for each row of a shard; a row whose room is too small is rejected.

    Raises:
        ValueError: a row has no room.
    """
    rows: list[Row] = []
    rejections: list[Rejection] = []
    for row in shard.rows:
        if row.measured is not None:
            rows.append(row)
            continue
        if row.room is None:
            raise ValueError(f"row {row.id} has no room yet")
        try:
            rows.append(replace(row, placement=place_source(row.seed, row.room, ranges)))
        except SceneDoesNotFit as error:
            clip = row.clip
            rejections.append(
                Rejection(clip.source_id, "place", "scene_does_not_fit", str(error), clip.split, clip.source_id)
            )
    return shard.with_rows(tuple(rows)).rejecting(*rejections)


@dataclass
class PlaceSources(EachShard):
    """Gives each row with a room the positions of receiver and source."""

    name: ClassVar[str] = "place sources"
    ranges: SceneRanges

    def apply(self, shard: Shard) -> Shard:
        return place_sources(shard, self.ranges)
