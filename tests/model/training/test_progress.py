"""What is told of a training, on a clock of the test's own."""

from __future__ import annotations

import io
import re
import time

import pytest

from model.training.progress import RATE_OVER_S, ProgressLine, duration


def test_the_rate_is_that_of_now_not_that_of_a_slower_start(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    told = io.StringIO()
    line = ProgressLine(1000, told)
    for seconds in [4.0] * 50 + [1.0] * round(RATE_OVER_S + 40):
        clock[0] += seconds
        line.step(32, 1.0)
    first, *_, last = re.findall(r"([\d.]+) samples/s, (.*) to go", told.getvalue())
    assert first[0] == "8.0"
    assert last[0] == "32.0"
    done = int(re.findall(r"step (\d+) of", told.getvalue())[-1])
    assert last[1] == duration(1000 - done)
