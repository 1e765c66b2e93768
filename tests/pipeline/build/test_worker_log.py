"""What workers say goes into a file, and the screen keeps what is meant for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.build.worker_log import logged_to


def test_descriptor_2_goes_into_the_file_and_comes_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    with logged_to(str(log)) as screen:
        os.write(2, b"noise of a worker\n")
        print("progress", file=screen)
    os.write(2, b"after\n")
    assert log.read_text() == "noise of a worker\n"
    assert capfd.readouterr().err == "progress\nafter\n"


def test_without_a_file_nothing_is_redirected(capfd: pytest.CaptureFixture[str]) -> None:
    with logged_to(None):
        os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"
