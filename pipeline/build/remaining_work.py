"""What a build has to do: all of its plan, less what is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.build.planning import Plan
from pipeline.dag import Work
from pipeline.release.layout import METADATA, ROOMS, metadata_paths
from transforms import storage
from transforms.shards import workspace

#: Rooms measured in one piece of work.
ROOMS_PER_CHUNK = 32


def room_chunks(plan: Plan) -> int:
    """Pieces of work that the plan's rooms come in."""
    return -(-len(plan.rooms) // ROOMS_PER_CHUNK)


def whole_work(plan: Plan) -> Work:
    """All that a plan asks for."""
    starts = range(0, len(plan.rooms), ROOMS_PER_CHUNK)
    rooms = tuple((number, plan.rooms[start : start + ROOMS_PER_CHUNK]) for number, start in enumerate(starts))
    return Work(tuple(range(len(plan.shards))), rooms)


def remaining_work(release: str, shards: Sequence[str], work: Work) -> Work:
    """What of the work is neither there nor noted as failed; one listing of each kind, however much it is.

    `shards` are the paths of all shards, by number.
    """
    # Not a question a shard: a remote store is slow to answer each.
    settled = {path.removesuffix(f"/{METADATA}") for path in metadata_paths(release)}
    settled |= {note["shard"] for note in workspace.read_failures(release)}
    rooms = work.rooms
    if rooms and storage.exists(storage.join(release, ROOMS)):
        rooms = ()
    if rooms:
        measured = set(storage.list_files(workspace.rooms_folder(release)))
        rooms = tuple(
            chunk
            for chunk in rooms
            if workspace.rooms_name(chunk[0]) not in measured and workspace.chunk_path(chunk[0]) not in settled
        )
    return replace(work, shards=tuple(number for number in work.shards if shards[number] not in settled), rooms=rooms)


def clear_unfinished(release: str, shards: Sequence[str], work: Work) -> None:
    """Removes what an earlier build left of the shards that are to be made, and half-written files at the root."""
    storage.remove_folders(release, [shards[number] for number in work.shards])
    storage.remove_partials(release)


def clear_failures(release: str) -> None:
    """Removes an earlier build's notes of what failed: it is tried again."""
    storage.remove_folder(workspace.failures_folder(release))


__all__ = ["ROOMS_PER_CHUNK", "clear_failures", "clear_unfinished", "remaining_work", "room_chunks", "whole_work"]
