"""Notes of the shard that each thread of a worker works on, so that the death of a worker can be laid to a shard."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from transforms.bounds.json_values import parse_json
from transforms.shards import workspace
from transforms.storage import folder_files


@dataclass(frozen=True)
class CurrentWork:
    """A shard that a process worked on, and in which stage."""

    pid: int
    stage: str
    shard: str


_release: str | None = None


def write_notes_to(release: str | None) -> None:
    """From now on this process notes its current work in the workspace of this local folder; None stops the notes."""
    global _release
    _release = release


@contextlib.contextmanager
def noted_work(stage: str, shard: str) -> Iterator[None]:
    """Notes a shard while a stage works on it; a note that cannot be written is skipped."""
    release = _release
    if release is None:
        yield
        return
    name = f"{workspace.CURRENT_WORK}/{os.getpid()}-{threading.get_ident()}.json"
    note = json.dumps({"pid": os.getpid(), "stage": stage, "shard": shard})
    # The note only makes the message about a worker that dies more precise.
    with contextlib.suppress(OSError):
        folder_files.write_bytes(release, name, note.encode(), make=False)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder_files.remove_files(release, [name])


def read_current_work(release: str) -> list[CurrentWork]:
    """The work that processes, dead or alive, have noted and not finished."""
    found = []
    for name in folder_files.list_files(release, workspace.CURRENT_WORK):
        # A process may finish, or die while it writes its note.
        with contextlib.suppress(OSError, ValueError, TypeError):
            data = folder_files.read_bytes(release, f"{workspace.CURRENT_WORK}/{name}")
            found.append(CurrentWork(**parse_json(data)))
    return found


def forget_current_work(release: str) -> None:
    """Removes the notes of processes that have ended."""
    names = folder_files.list_files(release, workspace.CURRENT_WORK)
    folder_files.remove_files(release, [f"{workspace.CURRENT_WORK}/{name}" for name in names])
