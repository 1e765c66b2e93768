"""Whole clips decoded once and kept in a file: decoding and resampling a FLAC takes a third of a small model's time.

The file belongs to a run, and several processes fill it together. It holds 16-bit integers, as the FLACs do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ReleaseUnreadable

CHANNELS = 4
Clip = NDArray[np.int16]


class DecodedSound:
    """Clips by their row, each decoded when it is first asked for.

    A clip is written before its mark is, so a process that is killed in between leaves one that is decoded again.

    Args:
        path: of the file, which is made where there is none, or one of another size.
        lengths: samples of each row.

    Raises:
        ReleaseUnreadable: when there is no room for it on the disk; one line.
    """

    def __init__(self, path: Path, lengths: Sequence[int]) -> None:
        self.path = path
        self._ends = np.cumsum(np.asarray(lengths, dtype=np.int64))
        size = len(lengths) + 2 * CHANNELS * int(self._ends[-1])
        if not path.is_file() or path.stat().st_size != size:
            path.unlink(missing_ok=True)
            try:
                with path.open("wb") as file:
                    # A hole that the disk cannot fill would end the process when it is written to.
                    os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                path.unlink(missing_ok=True)
                raise ReleaseUnreadable(
                    f"{path}: no room for {size / 1e9:.1f} GB of decoded sound ({error.strerror}); "
                    "training.keep_decoded=false does without"
                ) from None
        self._open()

    def _open(self) -> None:
        rows = len(self._ends)
        self._marks = np.memmap(self.path, dtype=np.uint8, mode="r+", shape=(rows,))
        shape = (CHANNELS * int(self._ends[-1]),)
        self._samples = np.memmap(self.path, dtype=np.int16, mode="r+", offset=rows, shape=shape)

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens the file itself.
        return {"path": self.path, "_ends": self._ends}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def clip(self, row: int, decode: Callable[[], Clip]) -> Clip:
        """(4, samples) of a row; ``decode`` gives it where it has not been asked for before."""
        end = int(self._ends[row])
        begin = int(self._ends[row - 1]) if row else 0
        kept = self._samples[CHANNELS * begin : CHANNELS * end].reshape(CHANNELS, end - begin)
        if not self._marks[row]:
            kept[:] = decode()
            self._marks[row] = 1
        return kept
