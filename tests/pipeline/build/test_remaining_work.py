"""What a build takes for missing: before it runs, after it ran, and what it says of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import build as build_module
from pipeline.build.remaining_work import remaining_work
from pipeline.check.verify import verify
from pipeline.command import DONE, INCOMPLETE, main
from pipeline.dag import Work
from tests.commands import build_words, without_progress
from tests.pipeline.build.test_build import digest_of
from tests.pipeline.conftest import ONE_WORKER
from transforms import storage
from transforms.rooms import measure_rooms
from transforms.shards import workspace
from transforms.storage import folder_files

pytestmark = pytest.mark.slow

SHARDS = tuple(f"train/{number:05d}-of-00012" for number in range(12))


@pytest.mark.usefixtures("no_report")
def test_a_runner_that_says_it_is_done_and_did_nothing_finishes_no_release(
    release: Path,
    recordings: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An empty release was written, with exit 0.
    output = tmp_path / "o"
    with monkeypatch.context() as patch:
        patch.setattr(build_module, "build_dag", lambda pipeline, *_: pipeline | beam.Create([1]))
        assert main(build_words(recordings, output, *ONE_WORKER)) == INCOMPLETE
    (line,) = without_progress(capfd.readouterr().err)
    assert "and 4 more: not there, though the runner ended without an error" in line
    assert not (output / "release.json").exists()
    assert main(build_words(recordings, output, *ONE_WORKER)) == DONE
    assert digest_of(output) == digest_of(release)


def test_one_shard_that_a_runner_forgot_is_named(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay = build_module.build_dag

    def lay_less(pipeline: beam.Pipeline, recipe: Any, output: str, work: Work) -> None:
        lay(pipeline, recipe, output, Work(work.shards[1:], work.rooms, work.captions))

    monkeypatch.setattr(build_module, "build_dag", lay_less)
    assert main(build_words(recordings, tmp_path / "o", *ONE_WORKER)) == INCOMPLETE
    (line,) = without_progress(capfd.readouterr().err)
    assert line.startswith("elsa: train/00000-of-")
    assert "more" not in line.partition(":")[2]


@pytest.mark.usefixtures("no_report")
def test_rooms_that_cannot_be_measured_are_a_note_and_the_shards_stay(
    release: Path,
    recordings: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An exception in Measure rooms ended the whole pipe with Beam's own error.
    def odd(*_: object) -> Any:
        raise ValueError("an odd\nroom")

    output = tmp_path / "o"
    with monkeypatch.context() as patch:
        patch.setattr(measure_rooms, "measured_rooms", odd)
        assert main(build_words(recordings, output, *ONE_WORKER)) == INCOMPLETE
    (line,) = without_progress(capfd.readouterr().err)
    assert line == "elsa: rooms/00000: measure rooms: ValueError: an odd room (run the same command again to go on)"
    kept = {path: path.stat().st_mtime_ns for path in output.glob("*/*/metadata.parquet")}
    assert main(build_words(recordings, output, *ONE_WORKER)) == DONE
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert digest_of(output) == digest_of(release)
    assert verify(output).problems == []


@given(st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_what_is_left_is_neither_there_nor_noted(
    tmp_path_factory: pytest.TempPathFactory, done: set[int], failed: set[int], measured: set[int], broken: set[int]
) -> None:
    release = str(tmp_path_factory.mktemp("release"))
    for number in done:
        storage.write_bytes(storage.join(release, SHARDS[number], "metadata.parquet"), b"")
    for number in measured:
        folder_files.write_bytes(release, workspace.rooms_file(number), b"")
    for name in [*(SHARDS[number] for number in failed), *(workspace.chunk_path(number) for number in broken)]:
        workspace.write_failure(release, name, "odd")
    left = remaining_work(release, SHARDS, Work(tuple(range(12)), tuple((number, ()) for number in range(6))))
    assert set(left.shards) == set(range(12)) - done - failed
    assert {number for number, _ in left.rooms} == set(range(6)) - measured - broken


def test_chunks_of_rooms_are_listed_and_not_asked_for_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(folder_files, "exists", lambda _, name: (asked.append(name), False)[1])
    remaining_work(str(tmp_path), SHARDS, Work((), tuple((number, ()) for number in range(500))))
    assert asked == ["rooms.parquet"]
