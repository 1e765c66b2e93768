"""The work of a build: the parts of its plan that do not exist yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.build.planning import Plan
from pipeline.dag import Work
from pipeline.release.layout import METADATA, ROOMS, metadata_paths
from transforms import storage
from transforms.shards import workspace

#: The number of rooms that are measured in one piece of work.
ROOMS_PER_CHUNK = 32


def room_chunks(plan: Plan) -> int:
    """The number of pieces of work for the plan's rooms."""
    return -(-len(plan.rooms) // ROOMS_PER_CHUNK)


def whole_work(plan: Plan) -> Work:
    """The whole work of a plan."""
    starts = range(0, len(plan.rooms), ROOMS_PER_CHUNK)
    rooms = tuple((number, plan.rooms[start : start + ROOMS_PER_CHUNK]) for number, start in enumerate(starts))
    return Work(tuple(range(len(plan.shards))), rooms)


def remaining_work(release: str, shards: Sequence[str], work: Work) -> Work:
    """The part of the work that does not exist and is not noted as failed.

    Args:
        release: the folder or address of the release.
        shards: the paths of all shards, by number.
        work: the work to look for.
    """
    # One listing of each kind: asking for each shard would take long on a remote store.
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
    """Removes the remains of shards that are to be built, and half-written files at the root."""
    storage.remove_folders(release, [shards[number] for number in work.shards])
    storage.remove_partials(release)


def clear_failures(release: str) -> None:
    """Removes the notes of failures; what failed is tried again."""
    storage.remove_folder(workspace.failures_folder(release))


__all__ = ["ROOMS_PER_CHUNK", "clear_failures", "clear_unfinished", "remaining_work", "room_chunks", "whole_work"]
