"""Which shard each thread of a worker has in hand, so that a worker's death can be laid to the shard that caused it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InHand:
    """A shard that a process was at work on, and in which stage."""

    pid: int
    stage: str
    shard: str


_folder: Path | None = None


def keep_in(folder: str | None) -> None:
    """From now on this process notes what it has in hand in this folder, which exists; None is nowhere."""
    global _folder
    _folder = None if folder is None else Path(folder)


@contextlib.contextmanager
def in_hand(stage: str, shard: str) -> Iterator[None]:
    """Notes a shard while a stage works on it; a note that cannot be written stops nothing."""
    if _folder is None:
        yield
        return
    note = _folder / f"{os.getpid()}-{threading.get_ident()}.json"
    with contextlib.suppress(OSError):
        note.write_text(json.dumps({"pid": os.getpid(), "stage": stage, "shard": shard}), encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)


def all_in_hand(folder: str) -> list[InHand]:
    """What processes, dead ones too, have noted in a folder and not finished."""
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        # A process may finish, or die while it writes its note.
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(InHand(**json.loads(path.read_text(encoding="utf-8"))))
    return found
