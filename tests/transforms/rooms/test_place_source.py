"""Placement: inside, clear of the walls, and exactly where the row says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.directions import angle_between_deg, vector_to_direction, wrap_azimuth
from transforms.records import Clip, Room, Shard
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.place_source import SceneDoesNotFit, largest_distance_m, place_row, place_source, place_sources
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_supply import RoomSupply
from transforms.rooms.sample_rooms import assign_rooms
from transforms.shards.plan_shards import make_row

RANGES = SceneRanges()


def room_of(length_m: float, width_m: float, height_m: float) -> Room:
    return Room("room", "train", length_m, width_m, height_m, (), (), 1.0, 500.0, ())


sizes = st.builds(room_of, st.floats(2.7, 22.0), st.floats(2.7, 22.0), st.floats(2.5, 9.0))


@settings(max_examples=200, deadline=None)
@given(sizes, st.integers(0, 2**64 - 1))
def test_both_stand_inside_where_the_row_says(room, seed):
    placement = place_source(seed, room, RANGES)
    sizes_m = np.array([room.length_m, room.width_m, room.height_m])
    clearance = np.array([RANGES.wall_clearance_m, RANGES.wall_clearance_m, RANGES.vertical_clearance_m])
    for place in (placement.receiver_m, placement.source_m):
        assert np.all(np.array(place) >= clearance - 1e-5)
        assert np.all(np.array(place) <= sizes_m - clearance + 1e-5)
    offset = np.array(placement.source_m) - np.array(placement.receiver_m)
    azimuth, elevation, distance = vector_to_direction(offset)
    expected = direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
    assert angle_between_deg(offset, expected) < 2e-4
    assert abs(wrap_azimuth(float(azimuth) - placement.azimuth_deg)) < 3e-4
    assert elevation == pytest.approx(placement.elevation_deg, abs=2e-4)
    assert distance == pytest.approx(placement.distance_m, abs=2e-6)


@settings(max_examples=100, deadline=None)
@given(sizes, st.integers(0, 2**64 - 1))
def test_draws_lie_on_their_grids_and_in_the_ranges(room, seed):
    placement = place_source(seed, room, RANGES)
    assert placement == place_source(seed, room, RANGES)
    assert RANGES.distance_min_m <= placement.distance_m <= RANGES.distance_max_m
    assert RANGES.elevation_min_deg <= placement.elevation_deg <= RANGES.elevation_max_deg
    assert -180.0 < placement.azimuth_deg <= 180.0
    for value, steps in ((placement.distance_m, 1000), (placement.azimuth_deg, 100), (placement.elevation_deg, 100)):
        assert value == round(value * steps) / steps
    for value in placement.receiver_m:
        assert value == round(value * 1000) / 1000


def test_directions_are_uniform_even_in_a_low_room():
    scenes = [place_source(seed, room_of(12.0, 9.0, 2.5), RANGES) for seed in range(4000)]
    azimuths = np.array([placement.azimuth_deg for placement in scenes])
    elevations = np.array([placement.elevation_deg for placement in scenes])
    counts = np.histogram(azimuths, 8, (-180, 180))[0]
    assert 400 < counts.min() <= counts.max() < 600
    counts = np.histogram(elevations, 6, (RANGES.elevation_min_deg, RANGES.elevation_max_deg))[0]
    assert 560 < counts.min() <= counts.max() < 780


def test_distances_are_uniform_where_the_room_holds_them():
    distances = [place_source(seed, room_of(14.0, 14.0, 8.0), RANGES).distance_m for seed in range(3000)]
    counts = np.histogram(distances, 7, (0.5, 4.0))[0]
    assert 350 < counts.min() <= counts.max() < 510


def test_a_low_room_holds_what_its_height_allows():
    room = room_of(10.0, 10.0, 2.6)
    assert largest_distance_m(room, 30.0, 45.0, RANGES) == pytest.approx(1.8 * np.sqrt(2.0))
    assert largest_distance_m(room, 30.0, 0.0, RANGES) == 4.0


def test_a_room_too_small_says_so():
    with pytest.raises(SceneDoesNotFit, match=r"room 'room' \(1\.2 × 1\.2 × 2\.5 m\)"):
        place_source(0, room_of(1.2, 1.2, 2.5), RANGES)
    far_and_steep = SceneRanges(distance_min_m=3.5, elevation_min_deg=40.0)
    with pytest.raises(SceneDoesNotFit, match=r"distance_min_m is 3\.5"):
        place_source(0, room_of(3.0, 3.0, 2.5), far_and_steep)


def test_ranges_of_ones_own_can_fix_a_place():
    ranges = SceneRanges(
        distance_min_m=2.0, distance_max_m=2.0, elevation_min_deg=0.0, elevation_max_deg=0.0, azimuth_min_deg=89.99,
        azimuth_max_deg=90.0,
    )  # fmt: skip
    placement = place_source(5, room_of(6.0, 6.0, 3.0), ranges)
    assert placement.azimuth_deg == 90.0
    assert placement.source_m[1] - placement.receiver_m[1] == pytest.approx(2.0)


@pytest.mark.parametrize(
    "wrong",
    [{"distance_min_m": 0.0}, {"distance_min_m": 5.0}, {"elevation_min_deg": -91.0}, {"azimuth_max_deg": 181.0}],
)
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SceneRanges(**wrong)


def test_a_row_placed_alone_is_the_row_that_the_stages_place():
    # Plan, verify and build each made rows in a way of their own.
    supply = RoomSupply(4, {"train": 3}, RoomRanges(), ())
    clip = Clip("d", "train", "a.wav", "a.wav", ("A dog barks",))
    rows = tuple(make_row(clip, augmentation, 4) for augmentation in range(8))
    shard = place_sources(assign_rooms(Shard("train", 0, 1, rows), supply), RANGES)
    assert shard.rows == tuple(place_row(row, supply, RANGES) for row in rows)
    assert len({row.room for row in shard.rows}) == 3
