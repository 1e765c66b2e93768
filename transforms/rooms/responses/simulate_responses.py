"""The stage that gives each row its response: what the receiver in the row's room hears of an impulse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from transforms.receivers.receive import receive_response
from transforms.receivers.receiver import RoomReceivers
from transforms.records import Row, Shard
from transforms.shards.each_shard import EachShard


def simulate_responses(shard: Shard, receivers: RoomReceivers) -> Shard:
    """Simulates and measures a response for each row of a shard that has no measured one.

    Raises:
        ValueError: a row has no room or no placement.
    """
    return shard.with_rows(tuple(_with_response(row, receivers) for row in shard.rows))


def _with_response(row: Row, receivers: RoomReceivers) -> Row:
    if row.measured is not None:
        return row
    if row.room is None or row.placement is None:
        raise ValueError(f"row {row.id} has no room or no placement yet")
    response = receive_response(row.room, row.placement, receivers.in_room(row.room), seed=row.seed)
    return replace(row, response=response, acoustics=response.acoustics)


@dataclass
class SimulateResponses(EachShard):
    """Gives each row with a room and a placement the response of its receiver."""

    name: ClassVar[str] = "simulate responses"
    receivers: RoomReceivers

    def apply(self, shard: Shard) -> Shard:
        return simulate_responses(shard, self.receivers)
