"""Reads the measured rooms of a recipe, keeps their responses in files, and deals the rooms over the splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transforms.records import Rejection
from transforms.rooms.measured.files import MeasuredFile, MeasuredUnusable
from transforms.rooms.measured.read_measured import read_measured
from transforms.rooms.measured.settings import Conventions
from transforms.rooms.responses.dealing import deal_rooms
from transforms.rooms.responses.stored_responses import ResponseWriter, StoredResponses


def keep_measured(
    files: Sequence[MeasuredFile],
    conventions: Conventions,
    shares: Mapping[str, float],
    seed: int,
    folder: str,
    name: str,
) -> tuple[StoredResponses, tuple[Rejection, ...], tuple[str, ...]]:
    """Reads every response once, and writes those that can be used.

    Args:
        files: the files by `measured_files`.
        conventions: what the recipe says of them.
        shares: the share of each split that takes rooms.
        seed: the recipe's seed.
        folder: where the responses are kept.
        name: the name of their index there.

    Returns:
        The responses, those that were rejected, and a line for each thing that their directions cannot tell.

    Raises:
        MeasuredUnusable: nothing can be used, or the directions disagree with the conventions.
        OSError: they cannot be written.
    """
    writer = ResponseWriter(folder, name)
    rejections: list[Rejection] = []
    notes: list[str] = []
    for found in read_measured(files, conventions, notes.append):
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            writer.add(found)
    if not writer.rooms:
        first = f"; the first: {rejections[0].file}: {rejections[0].detail}" if rejections else ""
        raise MeasuredUnusable(f"no measured response can be used{first}")
    return writer.finish(deal_rooms(writer.rooms, shares, seed)), tuple(rejections), tuple(notes)
