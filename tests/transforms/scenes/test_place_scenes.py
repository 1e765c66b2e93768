"""Scenes: every source inside the room and where its row says, paths that stay inside, draws that nothing biases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.scenes.scenes import RANGES, furnished, noise, scene_of, sounding_row
from transforms.records import Room, Shard
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.place_source import place_sources
from transforms.scene_words import POINTS_A_SECOND
from transforms.scenes.draw_path import NEAREST_M, seen_from
from transforms.scenes.place_scenes import place_scene, place_scenes
from transforms.scenes.settings import SceneSettings

SOUNDS = {"dog": noise(1, 1.5), "bell": noise(2, 3.0), "rain": noise(3, 9.0)}
THREE = SceneSettings(sources_min=3, sources_max=3, moving_share=0.6, duration_s=6.0)
CLEARANCE_M = np.array([RANGES.wall_clearance_m, RANGES.wall_clearance_m, RANGES.vertical_clearance_m])


def sized(length_m: float, width_m: float, height_m: float) -> Room:
    return replace(furnished(), length_m=length_m, width_m=width_m, height_m=height_m)


rooms = st.builds(sized, st.floats(2.7, 22.0), st.floats(2.7, 22.0), st.floats(2.5, 9.0))


def is_inside(points_m: np.ndarray, room: Room) -> bool:
    size_m = np.array([room.length_m, room.width_m, room.height_m])
    return bool(((points_m >= CLEARANCE_M - 1e-5) & (points_m <= size_m - CLEARANCE_M + 1e-5)).all())


@settings(max_examples=150, deadline=None)
@given(rooms, st.integers(0, 2**63 - 1))
def test_all_stand_and_move_inside_where_the_row_says(room: Room, seed: int) -> None:
    scene = scene_of(SOUNDS, seed, THREE, room)
    assert len(scene.sources) == 3
    assert is_inside(np.array(scene.receiver_m), room)
    assert [source.onset_s for source in scene.sources] == sorted(source.onset_s for source in scene.sources)
    for source in scene.sources:
        placement = source.placement
        assert placement.receiver_m == scene.receiver_m
        assert is_inside(np.array(placement.source_m), room)
        offset = placement.distance_m * direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
        assert np.abs(np.subtract(placement.source_m, scene.receiver_m) - offset).max() < 2e-6
        assert RANGES.distance_min_m <= placement.distance_m <= RANGES.distance_max_m
        assert 0.0 <= source.onset_s <= source.onset_s + source.duration_s <= scene.duration_s + 1e-9
        assert THREE.level_min_db <= source.gain_db <= THREE.level_max_db
        if source.path is None:
            assert source.points == ()
            assert source.motion is None
            continue
        positions_m = source.path.positions_m(np.linspace(0.0, source.duration_s, 200))
        assert is_inside(positions_m, room)
        assert np.linalg.norm(positions_m - np.array(scene.receiver_m), axis=1).min() > NEAREST_M - 0.05
        assert THREE.speed_min_m_s - 2e-3 <= source.path.speed_m_s <= THREE.speed_max_m_s + 2e-3
        assert source.points[0].time_s == source.onset_s
        assert len(source.points) == int(source.duration_s * POINTS_A_SECOND + 1e-9) + 1
        last = source.points[-1]
        ended_m = source.path.positions_m(np.array([last.time_s - source.onset_s]))
        seen = np.stack(seen_from(scene.receiver_m, ended_m))[:, 0]
        assert (last.azimuth_deg, last.elevation_deg, last.distance_m) == pytest.approx(tuple(seen), abs=2e-6)


def test_the_longest_sound_is_cut_to_the_scene_and_begins_with_it() -> None:
    rain = next(source for source in scene_of(SOUNDS, 5, THREE).sources if source.clip.source_id == "rain")
    assert (rain.onset_s, rain.duration_s) == (0.0, 6.0)


def test_a_companion_changes_no_direction_of_the_own_clip() -> None:
    (alone,) = scene_of({"dog": SOUNDS["dog"]}, 9, replace(THREE, sources_min=1)).sources
    own = next(source for source in scene_of(SOUNDS, 9, THREE).sources if source.number == 0).placement
    assert (own.azimuth_deg, own.elevation_deg) == (alone.placement.azimuth_deg, alone.placement.elevation_deg)
    assert alone.gain_db == 0.0


def test_azimuths_are_uniform_in_small_rooms_too() -> None:
    room = sized(2.8, 9.0, 2.5)
    scenes = (scene_of(SOUNDS, seed, THREE, room) for seed in range(400))
    azimuths = [source.placement.azimuth_deg for scene in scenes for source in scene.sources]
    counts, _ = np.histogram(azimuths, bins=8, range=(-180.0, 180.0))
    # Chi-squared with 7 degrees of freedom is below 24.3 with a probability of 99.9 %.
    assert np.sum((counts - 150.0) ** 2 / 150.0) < 24.3


def test_most_sources_that_shall_move_do_so_in_a_small_room() -> None:
    moving, room = replace(THREE, moving_share=1.0), sized(3.5, 3.0, 2.5)
    scenes = (scene_of(SOUNDS, seed, moving, room) for seed in range(60))
    assert np.mean([source.path is not None for scene in scenes for source in scene.sources]) > 0.95


def test_a_share_of_zero_moves_nothing_and_draws_the_same_places() -> None:
    still = scene_of(SOUNDS, 4, replace(THREE, moving_share=0.0)).sources
    moving = scene_of(SOUNDS, 4, replace(THREE, moving_share=1.0)).sources
    assert all(source.path is None for source in still)
    assert [source.placement for source in still] == [source.placement for source in moving]


def test_a_scene_without_a_length_is_as_long_as_its_only_sound() -> None:
    scene = scene_of({"bell": SOUNDS["bell"]}, 2, SceneSettings(moving_share=1.0))
    assert (scene.duration_s, scene.sources[0].onset_s) == (3.0, 0.0)


def test_a_room_that_is_too_small_rejects_the_row_by_name() -> None:
    row = sounding_row(SOUNDS, 1, sized(1.2, 1.2, 1.0))
    shard = place_scenes(Shard("train", 0, 1, (row,)), RANGES, THREE)
    assert shard.rows == ()
    assert [rejection.reason for rejection in shard.rejections] == ["scene_does_not_fit"]


def test_the_ambience_is_drawn_between_its_bounds() -> None:
    noisy = replace(THREE, ambience_snr_min_db=5.0, ambience_snr_max_db=20.0)
    drawn = [scene_of(SOUNDS, seed, noisy).ambience_snr_db for seed in range(30)]
    assert len(set(drawn)) > 20
    assert all(snr is not None and 5.0 <= snr <= 20.0 for snr in drawn)


def test_a_scene_depends_on_the_rows_seed_alone() -> None:
    row, room = sounding_row(SOUNDS, 77), furnished()
    assert place_scene(row, room, RANGES, THREE) == place_scene(row, room, RANGES, THREE)
    assert place_scene(replace(row, seed=row.seed + 1), room, RANGES, THREE) != place_scene(row, room, RANGES, THREE)


def test_a_row_that_is_no_scene_is_placed_as_if_there_were_none() -> None:
    none = replace(THREE, share=0.0)
    assert not none.are_on
    half = replace(THREE, share=0.5)
    rows = [sounding_row(SOUNDS, seed) for seed in range(200)]
    chosen = [half.draws_scene(row.seed) for row in rows]
    assert 70 < sum(chosen) < 130
    plain = tuple(replace(row, sounds=()) for row, is_scene in zip(rows, chosen, strict=True) if not is_scene)
    shard = Shard("train", 0, 1, plain)
    assert place_scenes(shard, RANGES, half) == place_sources(shard, RANGES)
