"""A process of its own gives a result or an error, and may crash without harm."""

from __future__ import annotations

import math
import os
import signal

import pytest

from transforms.own_process import ProcessCrashed, call_in_own_process


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def loop() -> None:
    while True:
        pass


def test_results_and_errors_come_back() -> None:
    assert call_in_own_process(math.hypot, 3.0, 4.0) == 5.0
    with pytest.raises(ValueError, match=r"math domain|expected a nonnegative"):
        call_in_own_process(math.sqrt, -1.0)


def test_a_crash_and_a_loop_end_the_process_alone() -> None:
    with pytest.raises(ProcessCrashed):
        call_in_own_process(crash)
    with pytest.raises(ProcessCrashed):
        call_in_own_process(loop, most_cpu_s=2)
