"""The rows of rooms.parquet of measured rooms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from transforms.rooms.responses.stored_responses import StoredResponses
from transforms.shards.release_rows import measured_room_values


def room_rows(rooms: Iterable[tuple[str, int]], responses: StoredResponses) -> dict[tuple[str, int], dict[str, Any]]:
    """The row of each room that is measured, given as (split, index); rooms of other splits are left out."""
    return {
        (split, index): measured_room_values([(one.place, one.acoustics) for one in responses.of_room(split, index)])
        for split, index in rooms
        if responses.rooms(split)
    }
