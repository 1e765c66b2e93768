"""Progress of work that reports its rows: a bar on a terminal, else a line every 30 s."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

from tqdm import tqdm

from pipeline.build.progress import LINE_EVERY_S, progress_text


class RowProgress:
    """Shows how many rows are done, with a rate and the remaining time."""

    def __init__(self, name: str, total: int, screen: TextIO) -> None:
        self._name, self._total, self._screen = name, total, screen
        self._done = 0
        self._started = self._last_line = time.monotonic()
        self._terminal = screen.isatty()
        self._bar = tqdm(total=total, unit="row", desc=name, disable=not self._terminal, file=screen, leave=False)

    def __enter__(self) -> RowProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def add(self, rows: int) -> None:
        """Reports that this many more rows are done."""
        self._done += rows
        self._bar.update(rows)
        now = time.monotonic()
        if not self._terminal and now - self._last_line >= LINE_EVERY_S:
            text = progress_text(self._done, self._total, now - self._started)
            print(f"{self._name}: {text}", file=self._screen, flush=True)
            self._last_line = now
