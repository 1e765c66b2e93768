"""What Beam and its workers say goes into a file while a build runs: a user sees progress, and what is wrong."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def logged_to(path: str | None) -> Iterator[TextIO]:
    """Sends this process's stderr, and that of the processes it starts, into a file; yields the stderr that was.

    Workers are processes that log on import, before any option reaches them, so the descriptor itself is redirected.
    With a path of None nothing is.
    """
    if path is None:
        yield sys.stderr
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 2)
        os.close(log)
        with os.fdopen(os.dup(kept), "w", buffering=1) as screen:
            yield screen
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
