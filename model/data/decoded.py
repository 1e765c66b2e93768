"""Keeps decoded clips in a file, since decoding and resampling FLAC takes a third of a small model's training time.

The file belongs to a run, and several processes fill it together. It holds 16-bit integers, like the FLAC files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ReleaseUnreadable
from model.files import clear, create, has_size, open_to_change

CHANNELS = 4
Clip = NDArray[np.int16]


class DecodedSound:
    """Clips by row. Each is decoded when it is first needed.

    A clip is written before it is marked as written, so a clip is decoded again if its process was killed in between.

    Args:
        path: the file. It is created if it does not exist or has another size.
        lengths: samples of each row.

    Raises:
        ReleaseUnreadable: no space on the disk.
    """

    def __init__(self, path: Path, lengths: Sequence[int]) -> None:
        self.path = path
        self._ends = np.cumsum(np.asarray(lengths, dtype=np.int64))
        size = len(lengths) + 2 * CHANNELS * int(self._ends[-1])
        if not has_size(path.parent, path.name, size):
            try:
                with create(path.parent, path.name) as file:
                    # Without this, a full disk would kill the process when it writes to the mapped file.
                    os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                clear(path.parent, path.name)
                raise ReleaseUnreadable(
                    f"{path}: no space for {size / 1e9:.1f} GB of decoded sound ({error.strerror}); "
                    "free some, or set training.keep_decoded=false"
                ) from None
        self._open()

    def _open(self) -> None:
        rows = len(self._ends)
        shape = (CHANNELS * int(self._ends[-1]),)
        with open_to_change(self.path.parent, self.path.name) as file:
            self._marks = np.memmap(file, dtype=np.uint8, mode="r+", shape=(rows,))
            self._samples = np.memmap(file, dtype=np.int16, mode="r+", offset=rows, shape=shape)

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the file itself.
        return {"path": self.path, "_ends": self._ends}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def clip(self, row: int, decode: Callable[[], Clip]) -> Clip:
        """The clip of a row, (4, samples); ``decode`` is called if the file does not hold it yet."""
        end = int(self._ends[row])
        begin = int(self._ends[row - 1]) if row else 0
        kept = self._samples[CHANNELS * begin : CHANNELS * end].reshape(CHANNELS, end - begin)
        if not self._marks[row]:
            kept[:] = decode()
            self._marks[row] = 1
        return kept
