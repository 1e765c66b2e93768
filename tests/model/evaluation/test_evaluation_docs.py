"""docs/evaluation.md names every task and option, and its Python code runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import soundfile

from model.evaluation import TASKS
from model.evaluation.options import EvaluationOptions
from model.evaluation.probes import Probe

PAGE = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_the_page_names_every_task_and_option():
    for task in TASKS:
        assert f"| `{task}` |" in PAGE
    for option in dataclasses.fields(EvaluationOptions):
        assert f"`{option.name}`" in PAGE, option.name
    assert f"it has {sum(parameter.numel() for parameter in Probe(512, 3).parameters()):,}" in PAGE


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), ids=["embed", "search"])
def test_the_python_code_of_the_page_runs(code, trained_run, release, make_plane_wave, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/run").symlink_to(trained_run)
    Path("out/release").symlink_to(release)
    soundfile.write("clip.flac", make_plane_wave(90, 0, rate=22050).T, 22050)
    names: dict = {}
    exec(code, names)
    if "likeness" in names:
        assert names["likeness"].shape == (1, 1)
    else:
        assert len(capsys.readouterr().out.splitlines()) == 5
