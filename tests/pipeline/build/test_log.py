"""The log of workers goes into a file, and the screen shows only progress."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.build.progress import logged_to
from transforms.storage.folder_files import FileIn


def test_descriptor_2_goes_into_the_file_and_comes_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    with logged_to(FileIn(str(log.parent), log.name)) as screen:
        os.write(2, b"noise of a worker\n")
        print("progress", file=screen)
    os.write(2, b"after\n")
    assert log.read_text() == "noise of a worker\n"
    assert capfd.readouterr().err == "progress\nafter\n"


def test_without_a_file_nothing_is_redirected(capfd: pytest.CaptureFixture[str]) -> None:
    with logged_to(None):
        os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"


def test_a_command_without_standard_error_builds_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Started with 2>&-, it did nothing; a file that is opened next must not become standard error.
    monkeypatch.setattr(sys, "stderr", None)
    for log in (FileIn(str(tmp_path), "log"), None):
        kept = os.dup(2)
        os.close(2)
        try:
            with logged_to(log) as screen:
                print("progress", file=screen)
                os.write(2, b"noise of a worker\n")
            with (tmp_path / "next").open("w") as file:
                assert file.fileno() != 2
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    assert (tmp_path / "log").read_text() == "noise of a worker\n"
