"""`elsa build --allow-missing`: clips that nobody can download any more need not make every build end with 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.command import main
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import small_folder


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_a_missing_clip_is_let_pass_up_to_the_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings = small_folder(tmp_path / "in", clips=8)
    (recordings / "burst 5.wav").unlink()
    words = ["build", "folder", "--input", str(recordings), "--output", str(tmp_path / "out")]
    words += [part for setting in SMALL for part in ("--set", setting)]
    words += ONE_WORKER
    assert main(words) == 1
    assert main([*words, "--allow-missing", "10%"]) == 1
    capsys.readouterr()
    assert main([*words, "--allow-missing", "15%"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == (
        "1 clip is missing or rejected, 12.5 % of all: --allow-missing lets that pass"
    )
    # It is named all the same.
    assert "rejected burst 5.wav: missing" in printed.err
