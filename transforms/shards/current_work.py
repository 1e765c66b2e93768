"""Notes of the shard that each thread of a worker works on, so that the death of a worker can be laid to a shard."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CurrentWork:
    """A shard that a process worked on, and in which stage."""

    pid: int
    stage: str
    shard: str


_folder: Path | None = None


def write_notes_to(folder: str | None) -> None:
    """From now on this process notes its current work in this folder, which exists; None stops the notes."""
    global _folder
    _folder = None if folder is None else Path(folder)


@contextlib.contextmanager
def noted_work(stage: str, shard: str) -> Iterator[None]:
    """Notes a shard while a stage works on it; a note that cannot be written is skipped."""
    if _folder is None:
        yield
        return
    note = _folder / f"{os.getpid()}-{threading.get_ident()}.json"
    # The note only makes the message about a worker that dies more precise.
    with contextlib.suppress(OSError):
        note.write_text(json.dumps({"pid": os.getpid(), "stage": stage, "shard": shard}), encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)


def read_current_work(folder: str) -> list[CurrentWork]:
    """The work that processes, dead or alive, have noted in a folder and not finished."""
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        # A process may finish, or die while it writes its note.
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(CurrentWork(**json.loads(path.read_text(encoding="utf-8"))))
    return found
