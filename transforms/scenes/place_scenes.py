"""Composes scenes: where the receiver and each source is, when each begins, how loud it is, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from transforms.paths import Point
from transforms.records import Placement, Rejection, Room, Row, Scene, Shard, Source
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.place_source import (
    ANGLE_STEPS_PER_DEG,
    STEPS_PER_M,
    SceneDoesNotFit,
    draw_on_grid,
    free_extent_m,
    place_source,
)
from transforms.rooms.ranges import SceneRanges
from transforms.scene_words import motion_word
from transforms.scenes.draw_path import draw_path, path_points
from transforms.scenes.gather_sounds import LEVEL_DECIMALS
from transforms.scenes.settings import SceneSettings
from transforms.seeds import keyed_generator
from transforms.shards.each_shard import EachShard
from transforms.sound.clip_audio import SAMPLE_RATE

_SOURCE_DECIMALS = 6
#: Levels and onsets are drawn on these grids.
STEPS_PER_DB = 100
STEPS_PER_S = 1000


def place_scene(row: Row, room: Room, ranges: SceneRanges, settings: SceneSettings) -> Scene:
    """Draws the scene of a row that has its sounds; every draw is keyed by the row's seed.

    The directions of all sources are drawn first and independently, so that no room biases an angle. The distances
    follow one after the other, each uniform between the least and the largest with which all sources still fit into
    the room. The receiver is uniform over the places that are left. A sound that is longer than the scene is cut; the
    onset of a shorter one is uniform over the times at which it still ends within the scene.

    Raises:
        SceneDoesNotFit: the room is too small for the least distances in the directions that were drawn.
    """
    placements = _placements(row.seed, len(row.sounds), room, ranges)
    scene_s = settings.duration_s if settings.duration_s is not None else row.sounds[0].n_samples / SAMPLE_RATE
    frame = _Frame(row, room, ranges, settings, scene_s)
    sources = [frame.source(number, placement) for number, placement in enumerate(placements)]
    sources.sort(key=lambda source: (source.onset_s, source.number))
    return Scene(placements[0].receiver_m, scene_s, tuple(sources), _ambience_snr_db(row.seed, settings))


def _placements(row_seed: int, count: int, room: Room, ranges: SceneRanges) -> list[Placement]:
    draws = [keyed_generator(row_seed, "source", number) for number in range(count)]
    angles_deg = [
        (
            draw_on_grid(
                draw, ranges.azimuth_min_deg + 1 / ANGLE_STEPS_PER_DEG, ranges.azimuth_max_deg, ANGLE_STEPS_PER_DEG
            ),
            draw_on_grid(draw, ranges.elevation_min_deg, ranges.elevation_max_deg, ANGLE_STEPS_PER_DEG),
        )
        for draw in draws
    ]
    units = np.stack([direction_to_unit_vector(*angles) for angles in angles_deg])
    # The receiver's grid needs some millimetres of its own.
    free_m = np.array(free_extent_m(room, ranges)) - 2 / STEPS_PER_M
    distances_m = np.full(count, ranges.distance_min_m)
    if not _fit(distances_m, units, free_m):
        raise SceneDoesNotFit(
            f"room {room.room_id!r} ({room.length_m} × {room.width_m} × {room.height_m} m) has no space for {count} "
            f"sources in the directions that were drawn, and distance_min_m is {ranges.distance_min_m}"
        )
    for number, draw in enumerate(draws):
        largest_m = _largest_distance_m(distances_m, number, units, free_m, ranges.distance_max_m)
        distances_m[number] = draw_on_grid(draw, ranges.distance_min_m, largest_m, STEPS_PER_M)
    offsets_m = distances_m[:, None] * units
    receiver_m = _draw_receiver(row_seed, room, ranges, offsets_m)
    return [
        Placement(receiver_m, _moved(receiver_m, offset_m), azimuth_deg, elevation_deg, float(distance_m))
        for offset_m, (azimuth_deg, elevation_deg), distance_m in zip(offsets_m, angles_deg, distances_m, strict=True)
    ]


def _fit(distances_m: np.ndarray, units: np.ndarray, free_m: np.ndarray) -> bool:
    offsets_m = np.concatenate([np.zeros((1, 3)), distances_m[:, None] * units])
    return bool((np.ptp(offsets_m, axis=0) <= free_m).all())


def _largest_distance_m(
    distances_m: np.ndarray, number: int, units: np.ndarray, free_m: np.ndarray, most_m: float
) -> float:
    """The largest distance of one source with which the box around all sources and the receiver fits into the room."""
    others = np.delete(distances_m[:, None] * units, number, axis=0)
    others = np.concatenate([np.zeros((1, 3)), others])
    along = units[number]
    # Towards its side, the source may go as far as the box of the others leaves free.
    limit_m = np.where(along > 0.0, others.min(axis=0) + free_m, free_m - others.max(axis=0))
    held = [float(limit / abs(part)) for limit, part in zip(limit_m, along, strict=True) if abs(part) > 1e-9]
    return min([most_m, *held])


def _draw_receiver(row_seed: int, room: Room, ranges: SceneRanges, offsets_m: np.ndarray) -> Point:
    draw = keyed_generator(row_seed, "receiver")
    clearances_m = (ranges.wall_clearance_m, ranges.wall_clearance_m, ranges.vertical_clearance_m)
    sizes_m = (room.length_m, room.width_m, room.height_m)
    x, y, z = (
        draw_on_grid(
            draw, clearance - min(0.0, float(along.min())), size - clearance - max(0.0, float(along.max())), STEPS_PER_M
        )
        for size, clearance, along in zip(sizes_m, clearances_m, offsets_m.T, strict=True)
    )
    return x, y, z


def _moved(from_m: Point, offset_m: np.ndarray) -> Point:
    x, y, z = (round(at + away, _SOURCE_DECIMALS) for at, away in zip(from_m, offset_m.tolist(), strict=True))
    return x, y, z


@dataclass(frozen=True)
class _Frame:
    """What all sources of a scene have in common."""

    row: Row
    room: Room
    ranges: SceneRanges
    settings: SceneSettings
    scene_s: float

    def source(self, number: int, placement: Placement) -> Source:
        """Draws when a sound begins, how loud it is, and how it moves."""
        sound, settings = self.row.sounds[number], self.settings
        draw = keyed_generator(self.row.seed, "sound", number)
        sound_s = min(sound.n_samples, round(self.scene_s * SAMPLE_RATE)) / SAMPLE_RATE
        slack_ms = int((self.scene_s - sound_s) * STEPS_PER_S)
        onset_s = int(draw.integers(0, slack_ms, endpoint=True)) / STEPS_PER_S
        level_db = draw_on_grid(draw, settings.level_min_db, settings.level_max_db, STEPS_PER_DB)
        # A sound that is alone has the level of its scene.
        gain_db = level_db if len(self.row.sounds) > 1 else 0.0
        moves = int(draw.integers(0, 10**6)) < round(settings.moving_share * 10**6)
        speeds_m_s = (settings.speed_min_m_s, settings.speed_max_m_s)
        path = draw_path(draw, placement, self.room, self.ranges, sound_s, speeds_m_s) if moves else None
        points = path_points(path, placement, onset_s) if path is not None else ()
        return Source(
            number=number,
            clip=sound.clip,
            source_sha256=sound.source_sha256,
            placement=placement,
            onset_s=onset_s,
            duration_s=sound_s,
            gain_db=gain_db,
            applied_gain_db=round(self.row.sounds[0].level_db + gain_db - sound.level_db, LEVEL_DECIMALS),
            path=path,
            points=points,
            motion=motion_word(points),
        )


def _ambience_snr_db(row_seed: int, settings: SceneSettings) -> float | None:
    if settings.ambience_snr_min_db is None or settings.ambience_snr_max_db is None:
        return None
    draw = keyed_generator(row_seed, "ambience level")
    return draw_on_grid(draw, settings.ambience_snr_min_db, settings.ambience_snr_max_db, STEPS_PER_DB)


def place_scenes(shard: Shard, ranges: SceneRanges, settings: SceneSettings) -> Shard:
    """Composes the scene of each row of a shard that has sounds, and places the source of each other row.

    A row whose room is too small is rejected.

    Raises:
        ValueError: a row has no room.
    """
    rows: list[Row] = []
    rejections: list[Rejection] = []
    for row in shard.rows:
        try:
            rows.append(place_row_or_scene(row, ranges, settings))
        except SceneDoesNotFit as error:
            clip = row.clip
            rejections.append(
                Rejection(clip.source_id, "place", "scene_does_not_fit", str(error), clip.split, clip.source_id)
            )
    return shard.with_rows(tuple(rows)).rejecting(*rejections)


def place_row_or_scene(row: Row, ranges: SceneRanges, settings: SceneSettings) -> Row:
    """The row with its scene if it has sounds, and with the placement of its only source otherwise.

    Raises:
        ValueError: the row has no room.
        SceneDoesNotFit: the room is too small.
    """
    if row.room is None:
        raise ValueError(f"row {row.id} has no room yet")
    if row.sounds:
        return with_scene(row, place_scene(row, row.room, ranges, settings))
    return replace(row, placement=place_source(row.seed, row.room, ranges))


def with_scene(row: Row, scene: Scene) -> Row:
    """The row with its scene, and with the placement of its own clip's sound, whose response measures the room."""
    own = next(source for source in scene.sources if source.number == 0)
    return replace(row, scene=scene, placement=own.placement)


@dataclass
class PlaceScenes(EachShard):
    """Composes the scene of each row that has its room and its sounds, and places the source of each other row."""

    name: ClassVar[str] = "place scenes"
    ranges: SceneRanges
    settings: SceneSettings

    def apply(self, shard: Shard) -> Shard:
        return place_scenes(shard, self.ranges, self.settings)
