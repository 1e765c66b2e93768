"""Lines of progress, with a clock that the test controls."""

from __future__ import annotations

import io
import re
import time

import pytest

from model.training.progress import RATE_OVER_S, ProgressLine, duration


def test_the_rate_is_the_current_one_after_a_slow_start(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    stream = io.StringIO()
    line = ProgressLine(1000, stream)
    for seconds in [4.0] * 50 + [1.0] * round(RATE_OVER_S + 40):
        clock[0] += seconds
        line.step(32, 1.0)
    first, *_, last = re.findall(r"([\d.]+) samples/s, (.*) to go", stream.getvalue())
    assert first[0] == "8.0"
    assert last[0] == "32.0"
    done = int(re.findall(r"step (\d+) of", stream.getvalue())[-1])
    assert last[1] == duration(1000 - done)
