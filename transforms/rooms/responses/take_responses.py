"""The stage that gives each row of a split with measured rooms its response."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from transforms.records import Row, Shard
from transforms.rooms.responses.stored_responses import StoredResponses, open_responses
from transforms.shards.each_shard import EachShard


def place_in_measured_room(row: Row, responses: StoredResponses | None) -> Row:
    """The row with the place and the acoustics of the response that it draws, without its samples.

    A row of a split without measured rooms stays as it is.
    """
    if responses is None or not responses.rooms(row.clip.split):
        return row
    drawn = responses.response_for(row.seed, row.clip.split)
    return replace(row, measured=drawn.place, acoustics=drawn.acoustics)


def take_response(row: Row, responses: StoredResponses | None) -> Row:
    """The row with the measured response that it draws; see `place_in_measured_room`.

    Raises:
        OSError: the response cannot be read.
    """
    row = place_in_measured_room(row, responses)
    if responses is None or row.measured is None:
        return row
    return replace(row, response=responses.read(responses.response_for(row.seed, row.clip.split)))


@dataclass
class TakeResponses(EachShard):
    """Gives each row of a split with measured rooms its room, its place and its response."""

    name: ClassVar[str] = "take responses"
    folder: str
    index: str
    """The name of the index in the folder."""
    samples: bool = True
    """Whether rows get the samples; without them they have their place and its acoustics alone."""
    _responses: StoredResponses | None = field(default=None, init=False, repr=False)

    def setup(self) -> None:
        self._responses = open_responses(self.folder, self.index)

    def apply(self, shard: Shard) -> Shard:
        assert self._responses is not None
        take, responses = take_response if self.samples else place_in_measured_room, self._responses
        return shard.with_rows(tuple(take(row, responses) for row in shard.rows))
