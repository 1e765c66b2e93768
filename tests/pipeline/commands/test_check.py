"""`elsa check`: every problem of a folder by name, nothing rendered, and the exit code that a build would have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.command import main
from tests.sounds import small_folder, write_folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, list[str]]:
    code = main(["check", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, [line for line in printed.err.splitlines() if line.strip()]


def test_a_good_folder_has_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_folder(tmp_path / "in", clips=4)
    code, out, lines = run(capsys, folder)
    assert (code, lines) == (0, [])
    assert "4 clips" in out
    assert out.endswith("no problem found\n")
    # Nothing is written beside the recordings.
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {".wav", ".csv"}


def test_each_problem_is_named_with_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "bad.wav").write_text("no sound")
    (folder / "nothing.wav").write_bytes(b"")
    soundfile.write(folder / "slow.wav", np.zeros(1000), 500)
    soundfile.write(folder / "long.flac", np.zeros(8000 * 301), 8000)
    names = ["good.wav", "bad.wav", "nothing.wav", "slow.wav", "long.flac", "gone.wav"]
    write_folder(folder, [{"file_name": name, "caption": "A sound"} for name in names])
    (folder / "gone.wav").unlink(missing_ok=True)
    code, out, lines = run(capsys, folder)
    assert code == 1
    said = {line.split()[2].rstrip(":"): line for line in lines}
    assert set(said) == {"bad.wav", "nothing.wav", "slow.wav", "long.flac", "gone.wav"}
    for name, reason in (
        ("bad.wav", "unreadable"),
        ("nothing.wav", "empty"),
        ("slow.wav", "sample_rate"),
        ("long.flac", "too_long"),
        ("gone.wav", "missing"),
    ):
        assert f": {reason}: " in said[name]
    assert "would reject 5 inputs" in out
    code, out, _ = run(capsys, folder, "--json")
    stated = json.loads(out)
    assert (code, stated["ok"], stated["clip_count"], len(stated["rejections"])) == (1, False, 1, 5)


def test_a_folder_of_which_nothing_can_be_built_ends_as_a_build_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, tmp_path / "none")[0] == 2
    folder = tmp_path / "in"
    folder.mkdir()
    assert run(capsys, folder)[0] == 2
    (folder / "metadata.csv").write_text("file_name,caption\ngone.wav,A sound\n")
    code, _, lines = run(capsys, folder)
    assert code == 2
    assert "gone.wav" in lines[0]
    assert "no clip to build from" in lines[-1]
