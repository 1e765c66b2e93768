"""Lines of progress of a training: samples per second, and the remaining time."""

from __future__ import annotations

import time
from collections import deque
from typing import TextIO

#: Without a terminal, a line of progress this often.
LINE_EVERY_S = 30.0
#: The rate is the average over this time, because the load of a machine varies.
RATE_OVER_S = 120.0


class ProgressLine:
    """Prints the rate and the remaining time: on a terminal one line that is overwritten, otherwise a line sometimes.

    Args:
        steps: of the whole work.
        stream: where lines go.
        done: steps that are done already.
        what: name of a step.
    """

    def __init__(self, steps: int, stream: TextIO, done: int = 0, *, what: str = "step") -> None:
        self.what = what
        self.steps = steps
        self.stream = stream
        self.done = done
        self.samples = 0
        self.last = time.perf_counter()
        # Time, steps and samples at each moment of the last RATE_OVER_S, and at one moment before.
        self._moments = deque([(self.last, done, 0)])
        self._open = False

    def step(self, samples: int, loss: float | None = None) -> None:
        """Counts a step of ``samples`` samples, with its loss if it has one."""
        self.done += 1
        self.samples += samples
        now = time.perf_counter()
        self._moments.append((now, self.done, self.samples))
        while len(self._moments) > 2 and now - self._moments[1][0] >= RATE_OVER_S:
            self._moments.popleft()
        terminal = self.stream.isatty()
        if now - self.last < (1.0 if terminal else LINE_EVERY_S):
            return
        self.last = now
        started, done, samples_then = self._moments[0]
        rate = (self.samples - samples_then) / (now - started)
        remaining = (now - started) / (self.done - done) * (self.steps - self.done)
        of_loss = "" if loss is None else f"loss {loss:.4f}, "
        text = f"{self.what} {self.done} of {self.steps}: {of_loss}{rate:.1f} samples/s, {duration(remaining)} to go"
        print(f"\r{text}  " if terminal else text, end="" if terminal else "\n", file=self.stream)
        self._open = terminal
        self.stream.flush()

    def line(self, text: str) -> None:
        """Prints a separate line."""
        print(f"\n{text}" if self._open else text, file=self.stream)
        self._open = False
        self.stream.flush()


def duration(seconds: float) -> str:
    """A duration as a person writes it, such as 42 s, 12 min or 3 h 05 min."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
