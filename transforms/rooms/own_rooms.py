"""Rooms that a user gives, read from a list and checked."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.bounds.limits import MOST_ROOM_LIST_BYTES
from transforms.errors import reason_of
from transforms.records import SPLITS
from transforms.rooms.ranges import LONGEST_SIDE_M, LONGEST_T30_MS

_SURFACES = ("floor", "ceiling", "walls")
_NUMBERS = ("length_m", "width_m", "height_m", "t30_ms")


class OwnRoomsUnusable(ValueError):
    """The user's list of rooms cannot be used; the message is one line that names the room and the column."""


@dataclass(frozen=True)
class OwnRoom:
    """A room given by the user: its size in metres, its full-band T30 in ms, and its materials or none."""

    room_id: str
    split: str
    length_m: float
    width_m: float
    height_m: float
    t30_ms: float
    floor: str | None = None
    ceiling: str | None = None
    walls: str | None = None
    """Names in pyroomacoustics' database. Either all three are given, or materials are chosen by seed."""

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise OwnRoomsUnusable(f"room {self.room_id!r}: split {self.split!r} is none of {', '.join(SPLITS)}")
        for name in _NUMBERS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise OwnRoomsUnusable(f"room {self.room_id!r}: {name} {value} is not a positive number")
            most = LONGEST_T30_MS if name == "t30_ms" else LONGEST_SIDE_M
            if value > most:
                raise OwnRoomsUnusable(f"room {self.room_id!r}: {name} {value} is more than {most}")
        named = [material for material in (self.floor, self.ceiling, self.walls) if material]
        if len(named) not in (0, len(_SURFACES)):
            raise OwnRoomsUnusable(f"room {self.room_id!r}: name all of {', '.join(_SURFACES)}, or none")
        if not named:
            return
        # Importing SciPy and pyroomacoustics, for the database of materials, takes a second.
        from transforms.rooms.room_design import absorption_exponents

        for material in named:
            try:
                absorption_exponents(material)
            except ValueError as error:
                raise OwnRoomsUnusable(f"room {self.room_id!r}: {error}") from error


def own_rooms_of(records: Sequence[Mapping[str, Any]]) -> tuple[OwnRoom, ...]:
    """Makes rooms of plain values, as a recipe or a table holds them.

    Raises:
        OwnRoomsUnusable: a value is missing or impossible, a column is unknown, or two rooms have one name.
    """
    rooms = []
    for number, record in enumerate(records, 1):
        missing = [name for name in ("room_id", *_NUMBERS) if not str(record.get(name) or "").strip()]
        if missing:
            raise OwnRoomsUnusable(f"room {number} of the list has no {missing[0]}")
        _check_columns(f"room {number} of the list", record)
        try:
            numbers = {name: float(record[name]) for name in _NUMBERS}
        except (TypeError, ValueError) as error:
            raise OwnRoomsUnusable(f"room {record['room_id']!r}: {error}") from error
        floor, ceiling, walls = (record.get(name) or None for name in _SURFACES)
        name, split = str(record["room_id"]), record.get("split") or "train"
        rooms.append(OwnRoom(name, split, **numbers, floor=floor, ceiling=ceiling, walls=walls))
    twice = [name for name, count in Counter(room.room_id for room in rooms).items() if count > 1]
    if twice:
        raise OwnRoomsUnusable(f"room {twice[0]!r} is in the list twice")
    return tuple(rooms)


def _check_columns(what: str, names: Iterable[Any]) -> None:
    unknown = set(names) - {"room_id", "split", *_NUMBERS, *_SURFACES}
    if unknown:
        raise OwnRoomsUnusable(f"{what}: no column is named {sorted(map(str, unknown))[0]}")


def read_own_rooms(path: str) -> list[dict[str, Any]]:
    """Reads a CSV file of rooms: room_id, split, length_m, width_m, height_m, t30_ms, floor, ceiling, walls.

    Returns:
        Each room as plain values, without those that are not given.

    Raises:
        OwnRoomsUnusable: the file cannot be read, or a room in it cannot be used.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            text = file.read(MOST_ROOM_LIST_BYTES + 1)
            if len(text) > MOST_ROOM_LIST_BYTES:
                raise OwnRoomsUnusable(f"{path} cannot be read: it is longer than {MOST_ROOM_LIST_BYTES} characters")
            reader = csv.DictReader(io.StringIO(text, newline=""))
            # Every row would have a value for each column, however many there are.
            _check_columns("the list", reader.fieldnames or ())
            records = [dict(record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OwnRoomsUnusable(f"{path} cannot be read: {reason_of(error)}") from error
    rooms = own_rooms_of(records)
    if not rooms:
        raise OwnRoomsUnusable(f"{path} lists no room")
    return [{name: value for name, value in vars(room).items() if value is not None} for room in rooms]
