"""Measures an epoch: the clips, the time, and the part of the time in which training waits for data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class EpochClock:
    """Measures an epoch from the moment when it is made.

    Attributes:
        clips: clips of the epoch so far, over all processes.
    """

    def __init__(self) -> None:
        self.clips = 0
        self._started = time.perf_counter()
        self._waited_s = 0.0
        self._seconds = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time in the block as waiting."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._waited_s += time.perf_counter() - began

    def stop(self) -> None:
        """Ends the measurement."""
        self._seconds = max(time.perf_counter() - self._started, 1e-9)

    @property
    def seconds(self) -> float:
        """Length of the epoch, after ``stop``."""
        return self._seconds

    @property
    def clips_per_s(self) -> float:
        """Clips per second, after ``stop``."""
        return self.clips / self._seconds

    @property
    def waiting_share(self) -> float:
        """Share of the time in which training waited for data, after ``stop``."""
        return self._waited_s / self._seconds
