"""The work of a build: the parts of its plan that do not exist yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.build.planning import Plan
from pipeline.dag import Work
from pipeline.release.layout import METADATA, ROOMS, metadata_paths
from transforms.captions.unanswered import read_notes, remove_note
from transforms.shards import workspace
from transforms.storage import folder_files

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
    if rooms and folder_files.exists(release, ROOMS):
        rooms = ()
    if rooms:
        measured = set(folder_files.list_files(release, workspace.ROOMS))
        rooms = tuple(
            chunk
            for chunk in rooms
            if workspace.rooms_name(chunk[0]) not in measured and workspace.chunk_path(chunk[0]) not in settled
        )
    return replace(work, shards=tuple(number for number in work.shards if shards[number] not in settled), rooms=rooms)


def begin_work(plan: Plan, release: str) -> Work:
    """The missing work of a plan, after the remains of earlier tries have been removed."""
    shards = plan.shard_paths
    _clear_failures(release)
    work = remaining_work(release, shards, whole_work(plan))
    _clear_unfinished(release, shards, work)
    missing = {shards[number] for number in work.shards}
    for note in read_notes(release):
        if note.shard in missing:
            remove_note(release, note.shard)
    return work


def failure_lines(plan: Plan, output: str, work: Work, *, dry: bool) -> tuple[str, ...]:
    """A line for each piece of work that left a note, and one for all that is missing without a note."""
    noted = tuple(f"{note['shard']}: {note['failure']}" for note in workspace.read_failures(output))
    # A runner may report success and have done less, so the release itself is checked.
    left = remaining_work(output, plan.shard_paths, work)
    lost = [*(plan.shard_paths[number] for number in left.shards), *(workspace.chunk_path(n) for n, _ in left.rooms)]
    if not lost:
        return noted
    named = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    why = "not there, though the runner ended without an error"
    if dry:
        why = "--dry_run translates the graph and builds nothing"
    return (*noted, f"{named}: {why}")


def _clear_unfinished(release: str, shards: Sequence[str], work: Work) -> None:
    """Removes the remains of shards that are to be built, and half-written files at the root."""
    folder_files.remove_folders(release, [shards[number] for number in work.shards])
    folder_files.remove_partials(release)


def _clear_failures(release: str) -> None:
    """Removes the notes of failures; what failed is tried again."""
    folder_files.remove_folder(release, workspace.folder_of(workspace.FAILURES))


__all__ = ["ROOMS_PER_CHUNK", "begin_work", "failure_lines", "remaining_work", "room_chunks", "whole_work"]
