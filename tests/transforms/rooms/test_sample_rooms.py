"""Rooms of a user's own: read from a list, held to the T30 that they are said to have, refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from transforms.rooms.own_rooms import OwnRoomsUnusable, own_rooms_of, read_own_rooms
from transforms.rooms.ranges import RoomRanges
from transforms.rooms.room_design import RoomDoesNotExist
from transforms.rooms.room_supply import RoomSupply
from transforms.rooms.simulate_response import measure_room

STUDIO: dict[str, Any] = {
    "room_id": "studio", "split": "test", "length_m": 5.0, "width_m": 4.0, "height_m": 2.7, "t30_ms": 300.0,
}  # fmt: skip
COUNTS = {"train": 5, "validation": 3, "test": 2}


def test_a_split_without_rooms_of_its_own_samples_them() -> None:
    supply = RoomSupply(1, COUNTS, RoomRanges(), own_rooms_of([STUDIO]))
    assert (supply.count("train"), supply.count("test")) == (5, 1)
    assert supply.room("train", 4).room_id == "train-000004"
    assert {supply.index_for(seed, "train") for seed in range(200)} == {0, 1, 2, 3, 4}


def test_an_own_room_has_its_size_and_the_t30_that_it_is_said_to_have() -> None:
    room = RoomSupply(1, COUNTS, RoomRanges(), own_rooms_of([STUDIO])).room("test", 0)
    assert (room.room_id, room.length_m, room.width_m, room.height_m) == ("studio", 5.0, 4.0, 2.7)
    assert measure_room(room, seed=1).t30_ms == pytest.approx(300, rel=0.02)


def test_materials_are_taken_where_they_are_named() -> None:
    named = {**STUDIO, "floor": "carpet_thin", "ceiling": "ceiling_fissured_tile", "walls": "plasterboard"}
    assert RoomSupply(1, COUNTS, RoomRanges(), own_rooms_of([named])).room("test", 0).materials == (
        "carpet_thin",
        "ceiling_fissured_tile",
        "plasterboard",
    )


def test_ranges_are_kept() -> None:
    supply = RoomSupply(1, COUNTS, RoomRanges(floor_area_min_m2=20, floor_area_max_m2=25), ())
    assert all(20 <= supply.room("train", index).floor_area_m2 <= 25 for index in range(5))


def test_rooms_come_from_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "rooms.csv"
    path.write_text("room_id,split,length_m,width_m,height_m,t30_ms\nhall,,20,12,6,1800\nstudio,test,5,4,2.7,300\n")
    assert [(room["room_id"], room["split"]) for room in read_own_rooms(str(path))] == [
        ("hall", "train"),
        ("studio", "test"),
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"split": "dev"}, "dev"),
        ({"length_m": 0}, "length_m"),
        ({"t30_ms": "long"}, "long"),
        ({"height_m": float("nan")}, "height_m"),
        ({"floor": "lava", "ceiling": "lava", "walls": "lava"}, "lava"),
        ({"floor": "carpet_thin"}, "floor, ceiling, walls"),
        ({"colour": "red"}, "colour"),
        ({"room_id": ""}, "room_id"),
    ],
)
def test_a_room_that_cannot_be_used_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(OwnRoomsUnusable, match=named):
        own_rooms_of([{**STUDIO, **change}])


def test_a_name_is_of_one_room() -> None:
    with pytest.raises(OwnRoomsUnusable, match="twice"):
        own_rooms_of([STUDIO, STUDIO])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(OwnRoomsUnusable, match=r"none\.csv"):
        read_own_rooms(str(tmp_path / "none.csv"))
    (tmp_path / "empty.csv").write_text("room_id,length_m\n")
    with pytest.raises(OwnRoomsUnusable, match="no room"):
        read_own_rooms(str(tmp_path / "empty.csv"))


def test_a_t30_that_no_material_gives_is_said() -> None:
    impossible = RoomSupply(1, COUNTS, RoomRanges(), own_rooms_of([{**STUDIO, "t30_ms": 5}]))
    with pytest.raises(RoomDoesNotExist):
        impossible.room("test", 0)
