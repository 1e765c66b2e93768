"""Progress of a build, read off the release itself: rows a second and the time that is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from tqdm import tqdm

from transforms import storage
from transforms.write_shard import METADATA

#: Seconds between two looks, and between two lines where there is no terminal.
LOOK_EVERY_S, LINE_EVERY_S = 1.0, 30.0


def rows_on_disk(release: str, folders: Mapping[str, int]) -> int:
    """Rows that are there: all of a finished shard, and the FLACs so far of one in hand."""
    done = 0
    for folder, rows in folders.items():
        names = storage.list_files(storage.join(release, folder))
        done += rows if METADATA in names else sum(name.endswith(".flac") for name in names)
    return done


class Progress:
    """Watches a build from a thread of its own: a bar on a terminal, else a line every 30 s."""

    def __init__(self, release: str, folders: Mapping[str, int], screen: TextIO) -> None:
        self.release = release
        self.screen = screen
        self.folders = dict(folders)
        self.total = sum(folders.values())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        terminal = self.screen.isatty()
        started = last_line = time.monotonic()
        # A remote listing costs money and time: there a look is as rare as a line.
        every = LINE_EVERY_S if storage.is_remote(self.release) else LOOK_EVERY_S
        with tqdm(total=self.total, unit="row", desc="build", disable=not terminal, file=self.screen) as bar:
            while not self._stop.wait(every):
                done = rows_on_disk(self.release, self.folders)
                bar.update(done - bar.n)
                now = time.monotonic()
                if not terminal and now - last_line >= LINE_EVERY_S:
                    print(progress_line(done, self.total, now - started), file=self.screen, flush=True)
                    last_line = now
            bar.update(rows_on_disk(self.release, self.folders) - bar.n)


def progress_line(done: int, total: int, elapsed_s: float) -> str:
    """`build: 120 of 800 rows, 4.0 rows/s, 2 min 50 s left`."""
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = f"{duration_text((total - done) / rate)} left" if rate > 0 else "no rate yet"
    return f"build: {done} of {total} rows, {rate:.1f} rows/s, {left}"


def duration_text(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
