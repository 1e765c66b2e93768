"""Rooms: the paper's ranges, plausible combinations, and a T30 that the bands add up to."""

import dataclasses
import json

import numpy as np
import pytest

from transforms.rooms.acoustics import predicted_bands_t30_ms, predicted_t30_ms
from transforms.rooms.ranges import FLOOR_AREA_RANGE_M2, T30_RANGE_MS, RoomRanges
from transforms.rooms.room_design import (
    CEILING_MATERIALS,
    FLOOR_MATERIALS,
    SEATING_FROM_M2,
    SEATING_MATERIALS,
    WALL_MATERIALS,
    RoomDoesNotExist,
    absorption_exponents,
    band_t30_ms,
    furnish_room,
    room_id,
    sample_room,
    white_band_energies,
)


@pytest.fixture(scope="module")
def rooms():
    return [sample_room(11, "train", index, RoomRanges()) for index in range(300)]


def test_rooms_stay_in_the_papers_ranges_and_fill_them(rooms):
    areas = np.array([room.floor_area_m2 for room in rooms])
    times = np.array([room.t30_ms for room in rooms])
    assert areas.min() >= FLOOR_AREA_RANGE_M2[0]
    assert areas.max() <= FLOOR_AREA_RANGE_M2[1]
    assert times.min() >= T30_RANGE_MS[0]
    assert times.max() <= T30_RANGE_MS[1]
    assert (areas.min() < 16, areas.max() > 240, times.min() < 200, times.max() > 2000) == (True,) * 4
    assert 0.3 < np.mean(areas < 50) < 0.55
    assert 0.25 < np.mean(areas > 100) < 0.5
    assert np.mean(times < 200) > 0.02
    assert np.mean(times > 1000) > 0.1


def test_larger_rooms_are_more_reverberant(rooms):
    volumes = np.log([room.volume_m3 for room in rooms])
    assert 0.3 < np.corrcoef(volumes, np.log([room.t30_ms for room in rooms]))[0, 1] < 0.9


def test_heights_and_sides_are_plausible(rooms):
    for room in rooms:
        assert 2.5 <= room.height_m <= 9.0
        assert 1 / 1.81 <= room.length_m / room.width_m <= 1.81
        assert room.height_m <= max(2.9, 0.6 * room.floor_area_m2**0.5) + 0.001


def test_bands_add_up_to_the_full_band_asked_for(rooms):
    for room in rooms:
        exponents = -np.log1p(-np.array(room.absorption))
        bands = band_t30_ms(exponents, room.length_m, room.width_m, room.height_m)
        assert float(predicted_t30_ms(bands)) == pytest.approx(room.t30_ms, rel=2e-4)
        assert predicted_bands_t30_ms(bands) == pytest.approx(room.t30_bands_ms, abs=0.006)


def test_decays_are_as_straight_as_materials_allow(rooms):
    """Where octaves decay alike, neither a neighbour's skirt nor a near source makes another T30 of them."""
    for room in rooms:
        assert max(room.t30_bands_ms[:6]) < 2.5 * min(room.t30_bands_ms[:6])
    neighbours = np.diff(np.log([room.t30_bands_ms[:6] for room in rooms]), axis=1)
    assert np.median(np.abs(neighbours)) < np.log(1.2)


def test_white_energies_are_those_of_the_octaves():
    assert white_band_energies().sum() == pytest.approx(1.0)
    assert white_band_energies()[-1] == pytest.approx(0.44, abs=0.01)


def test_absorption_is_the_named_materials_times_the_scale(rooms):
    for room in rooms:
        published = np.stack([absorption_exponents(name) for name in room.materials])
        expected = 1 - np.exp(-room.absorption_scale * published)
        assert np.array(room.absorption) == pytest.approx(expected, abs=3e-6)
        assert room.materials[0] in FLOOR_MATERIALS or (
            room.materials[0] in SEATING_MATERIALS and room.floor_area_m2 >= SEATING_FROM_M2
        )
        assert room.materials[1] in CEILING_MATERIALS
        assert room.materials[2] in WALL_MATERIALS


def test_materials_come_near_the_t30_by_themselves(rooms):
    scales = np.abs(np.log([room.absorption_scale for room in rooms]))
    assert np.median(scales) < np.log(1.5)


def test_every_named_material_exists():
    for name in FLOOR_MATERIALS + SEATING_MATERIALS + CEILING_MATERIALS + WALL_MATERIALS:
        assert absorption_exponents(name).shape == (8,)


def test_a_room_depends_on_its_name_alone(rooms):
    assert sample_room(11, "train", 17, RoomRanges()) == rooms[17]
    others = [
        sample_room(12, "train", 17, RoomRanges()),
        sample_room(11, "test", 17, RoomRanges()),
        sample_room(11, "train", 18, RoomRanges()),
    ]
    assert len({room.t30_ms for room in [rooms[17], *others]}) == 4


def test_splits_share_no_room_id():
    assert len({room_id(split, index) for split in ("train", "validation", "test") for index in range(10)}) == 30


def test_what_is_stored_is_what_is_used(rooms):
    for room in rooms[:20]:
        stored = json.loads(json.dumps(dataclasses.asdict(room)))
        assert stored["t30_ms"] == room.t30_ms == round(room.t30_ms, 2)
        assert stored["length_m"] == room.length_m == round(room.length_m, 3)
        assert stored["absorption"] == [list(surface) for surface in room.absorption]


def test_ranges_are_ones_own():
    ranges = RoomRanges(floor_area_min_m2=40.0, floor_area_max_m2=41.0, t30_min_ms=400.0, t30_max_ms=410.0)
    for index in range(20):
        room = sample_room(1, "test", index, ranges)
        assert 40.0 <= room.floor_area_m2 <= 41.0
        assert 400.0 <= room.t30_ms <= 410.0


@pytest.mark.parametrize(
    "wrong", [{"floor_area_min_m2": 0.0}, {"t30_min_ms": 900.0, "t30_max_ms": 800.0}, {"aspect_max": 0.5}]
)
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RoomRanges(**wrong)


def test_impossible_and_unknown_rooms_say_so():
    materials = ("concrete_floor", "hard_surface", "brickwork")
    with pytest.raises(RoomDoesNotExist, match=r"0\.01 ms"):
        furnish_room("x", "train", (20.0, 15.0, 8.0), materials=materials, t30_ms=0.01)
    with pytest.raises(ValueError, match="velvet_floor"):
        furnish_room("x", "train", (5.0, 4.0, 2.7), materials=("velvet_floor", *materials[1:]), t30_ms=500.0)
