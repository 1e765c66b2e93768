"""What a user sees while a build runs: progress on the screen. The log of Beam and its workers goes into a file."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, TextIO

from tqdm import tqdm

from pipeline.durations import duration_text
from pipeline.surroundings import never_failing_stderr
from transforms import storage
from transforms.shards import workspace
from transforms.shards.write_shard import METADATA
from transforms.sound.degree_files import is_degree_name
from transforms.storage import folder_files
from transforms.storage.folder_files import FileIn

#: Seconds between two counts, and between two lines if there is no terminal.
COUNT_EVERY_S, LINE_EVERY_S = 1.0, 30.0
#: The time to measure a room over that to make a row: 0.04 CPU seconds to about 0.17.
ROOM_IN_ROWS = 0.25


class Counter:
    """Counts the finished rows and rooms of a release; finished shards and chunks are not read again."""

    def __init__(self, release: str, folders: Mapping[str, int], chunks: Mapping[str, int] | None = None) -> None:
        """Begins with nothing counted.

        Args:
            release: the folder or address of the release.
            folders: the number of rows of each shard, by its path.
            chunks: the number of rooms of each file of measured rooms, by its name.
        """
        self.release = release
        self._open_shards = dict(folders)
        self._open_chunks = dict(chunks or {})
        self._rows_done = self._rooms_done = 0

    def rooms(self) -> int:
        """The number of measured rooms; one listing while any are missing."""
        if self._open_chunks:
            for name in self._open_chunks.keys() & set(folder_files.list_files(self.release, workspace.ROOMS)):
                self._rooms_done += self._open_chunks.pop(name)
        return self._rooms_done

    def rows(self) -> int:
        """The number of rows of finished shards; on this machine the FLACs of unfinished shards count too."""
        return self._rows_remote() if storage.is_remote(self.release) else self._rows_local()

    def _finish(self, folder: str) -> None:
        self._rows_done += self._open_shards.pop(folder)

    def _rows_local(self) -> int:
        unfinished = 0
        for split in {folder.partition("/")[0] for folder in self._open_shards}:
            # One listing a split tells which shards have begun; only those are listed.
            for folder in sorted(
                self._open_shards.keys() & {f"{split}/{name}" for name in _names(self.release, split)}
            ):
                names = _names(self.release, folder)
                if METADATA in names:
                    self._finish(folder)
                else:
                    unfinished += min(sum(map(_is_flac_of_row, names)), self._open_shards[folder])
        return self._rows_done + unfinished

    def _rows_remote(self) -> int:
        # The rejections of a shard are written just before its metadata: one small file a shard, all in one folder.
        written = set(folder_files.list_files(self.release, workspace.folder_of(workspace.REJECTED)))
        for folder in list(self._open_shards):
            if workspace.shard_file(workspace.REJECTED, folder).rpartition("/")[2] in written:
                self._finish(folder)
        return self._rows_done


def _is_flac_of_row(name: str) -> bool:
    return name.endswith(".flac") and not is_degree_name(name)


def _names(release: str, folder: str) -> list[str]:
    try:
        return [entry.name for entry in folder_files.entries_in(release, folder)]
    # Progress is shown as far as it can be seen.
    except OSError:
        return []


class Progress:
    """Shows the progress of a build from a thread of its own: a bar on a terminal, else a line every 30 s."""

    def __init__(self, release: str, folders: Mapping[str, int], chunks: Mapping[str, int], screen: TextIO) -> None:
        self.release = release
        self.screen = screen
        self._counter = Counter(release, folders, chunks)
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
        # A remote listing costs money and time, so it is as rare as a line.
        every = LINE_EVERY_S if storage.is_remote(self.release) else COUNT_EVERY_S
        work, form = self._rows + ROOM_IN_ROWS * self._rooms, "{desc} {percentage:3.0f}%|{bar}|"
        with tqdm(total=work, bar_format=form, disable=not terminal, file=self.screen) as bar:
            while not self._stop.wait(every):
                now = time.monotonic()
                text = self._update(bar, now - started)
                if not terminal and now - last_line >= LINE_EVERY_S:
                    print(f"build: {text}", file=self.screen, flush=True)
                    last_line = now
            self._update(bar, time.monotonic() - started)

    def _update(self, bar: tqdm[Any], elapsed_s: float) -> str:
        rows, rooms = self._counter.rows(), self._counter.rooms()
        text = progress_text(rows, self._rows, elapsed_s, rooms, self._rooms)
        bar.n = rows + ROOM_IN_ROWS * rooms
        bar.set_description_str(f"build: {text}")
        return text


def progress_text(done: int, total: int, elapsed_s: float, rooms_done: int = 0, rooms: int = 0) -> str:
    """`120 of 800 rows, 32 of 64 rooms, 4.0 rows/s, 2 min 50 s left`; without rooms if none are to be measured."""
    work, all_work = done + ROOM_IN_ROWS * rooms_done, total + ROOM_IN_ROWS * rooms
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = f"{duration_text((all_work - work) / work * elapsed_s)} left" if work and elapsed_s > 0 else "no rate yet"
    of_rooms = f" {rooms_done} of {rooms} rooms," if rooms else ""
    return f"{done} of {total} rows,{of_rooms} {rate:.1f} rows/s, {left}"


@contextlib.contextmanager
def logged_to(log: FileIn | None) -> Iterator[TextIO]:
    """Redirects the stderr of this process and of its children into a file, and yields the stream to the screen.

    Workers are processes that log while they import, before any option reaches them. So the descriptor itself is
    redirected. None redirects nothing.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    screen, before = _screen(), sys.stderr
    try:
        if log is not None:
            _become_stderr(folder_files.open_for_writing(log.folder, log.name, os.O_WRONLY | os.O_APPEND))
            sys.stderr = never_failing_stderr()
        with os.fdopen(os.dup(screen), "w", buffering=1, errors="backslashreplace") as stream:
            yield stream
    finally:
        sys.stderr = before
        if sys.stderr is not None:
            # On a full disk the log cannot be written, and the screen must come back.
            with contextlib.suppress(OSError):
                sys.stderr.flush()
        os.dup2(screen, 2)
        os.close(screen)


def _screen() -> int:
    """A descriptor of the screen; a command that was started without standard error has none, and gets a void one."""
    try:
        return os.dup(2)
    except OSError:
        # Else the next file that is opened would become standard error.
        _become_stderr(os.open(os.devnull, os.O_WRONLY))
        return os.dup(2)


def _become_stderr(opened: int) -> None:
    if opened == 2:
        os.set_inheritable(2, True)
    else:
        os.dup2(opened, 2)
        os.close(opened)
