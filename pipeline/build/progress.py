"""Progress of a build, read off the release itself: rows and rooms, rows a second and the time that is left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

from tqdm import tqdm

from transforms import storage
from transforms.shards import workspace
from transforms.shards.write_shard import METADATA

#: Seconds between two looks, and between two lines where there is no terminal.
LOOK_EVERY_S, LINE_EVERY_S = 1.0, 30.0
#: What measuring a room takes beside making a row: 0.04 CPU seconds to about 0.17.
ROOM_IN_ROWS = 0.25


class Look:
    """Counts the rows and rooms that are there; what was finished at an earlier look is not looked at again.

    `folders` are the shards with the rows of each, `chunks` the files of measured rooms with the rooms of each.
    """

    def __init__(self, release: str, folders: Mapping[str, int], chunks: Mapping[str, int] | None = None) -> None:
        self.release = release
        self._left = dict(folders)
        self._chunks_left = dict(chunks or {})
        self._done = self._rooms_done = 0

    def rooms(self) -> int:
        """Rooms that are measured; one listing while any are not."""
        if self._chunks_left:
            for name in self._chunks_left.keys() & set(storage.list_files(workspace.rooms_folder(self.release))):
                self._rooms_done += self._chunks_left.pop(name)
        return self._rooms_done

    def rows(self) -> int:
        """Rows that are there now: all of a finished shard, and on this machine the FLACs so far of one in hand."""
        return self._rows_remote() if storage.is_remote(self.release) else self._rows_local()

    def _finish(self, folder: str) -> None:
        self._done += self._left.pop(folder)

    def _rows_local(self) -> int:
        in_hand = 0
        for split in {folder.partition("/")[0] for folder in self._left}:
            # One listing a split says which shards have begun; only those are looked into.
            for folder in sorted(self._left.keys() & {f"{split}/{name}" for name in _names(self.release, split)}):
                names = _names(self.release, folder)
                if METADATA in names:
                    self._finish(folder)
                else:
                    in_hand += min(sum(name.endswith(".flac") for name in names), self._left[folder])
        return self._done + in_hand

    def _rows_remote(self) -> int:
        # The refusals of a shard are written just before its metadata: one small file a shard, all in one folder.
        refusals = set(storage.list_files(workspace.folder_of(self.release, workspace.REJECTED)))
        for folder in list(self._left):
            if workspace.shard_file("", workspace.REJECTED, folder).rpartition("/")[2] in refusals:
                self._finish(folder)
        return self._done


def _names(release: str, folder: str) -> list[str]:
    try:
        return os.listdir(os.path.join(release, folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


class Progress:
    """Watches a build from a thread of its own: a bar on a terminal, else a line every 30 s."""

    def __init__(self, release: str, folders: Mapping[str, int], chunks: Mapping[str, int], screen: TextIO) -> None:
        self.release = release
        self.screen = screen
        self._look = Look(release, folders, chunks)
        self._rows, self._rooms = sum(folders.values()), sum(chunks.values())
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
        work, form = self._rows + ROOM_IN_ROWS * self._rooms, "{desc} {percentage:3.0f}%|{bar}|"
        with tqdm(total=work, bar_format=form, disable=not terminal, file=self.screen) as bar:
            while not self._stop.wait(every):
                now = time.monotonic()
                said = self._say(bar, now - started)
                if not terminal and now - last_line >= LINE_EVERY_S:
                    print(f"build: {said}", file=self.screen, flush=True)
                    last_line = now
            self._say(bar, time.monotonic() - started)

    def _say(self, bar: tqdm[Any], elapsed_s: float) -> str:
        rows, rooms = self._look.rows(), self._look.rooms()
        said = progress_text(rows, self._rows, elapsed_s, rooms, self._rooms)
        bar.n = rows + ROOM_IN_ROWS * rooms
        bar.set_description_str(f"build: {said}")
        return said


def progress_text(done: int, total: int, elapsed_s: float, rooms_done: int = 0, rooms: int = 0) -> str:
    """`120 of 800 rows, 32 of 64 rooms, 4.0 rows/s, 2 min 50 s left`; rooms only where some are to be measured."""
    work, all_work = done + ROOM_IN_ROWS * rooms_done, total + ROOM_IN_ROWS * rooms
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = f"{duration_text((all_work - work) / work * elapsed_s)} left" if work and elapsed_s > 0 else "no rate yet"
    of_rooms = f" {rooms_done} of {rooms} rooms," if rooms else ""
    return f"{done} of {total} rows,{of_rooms} {rate:.1f} rows/s, {left}"


def duration_text(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
