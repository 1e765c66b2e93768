"""The rows of rooms.parquet of measured rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from transforms.rooms.responses.stored_responses import StoredResponse, StoredResponses
from transforms.shards.release_rows import measured_room_values


def room_rows(rooms: Iterable[tuple[str, int]], responses: StoredResponses) -> dict[tuple[str, int], dict[str, Any]]:
    """The row of each room that is measured, given as (split, index); rooms of other splits are left out."""
    return {
        (split, index): _room_row(responses.of_room(split, index)) for split, index in rooms if responses.rooms(split)
    }


def _room_row(of_room: Sequence[StoredResponse]) -> dict[str, Any]:
    licenses, attributions = (
        "; ".join(sorted({value for value in values if value})) or None
        for values in ([one.license for one in of_room], [one.attribution for one in of_room])
    )
    return measured_room_values([(one.place, one.acoustics) for one in of_room], licenses, attributions)
