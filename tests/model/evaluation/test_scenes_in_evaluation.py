"""Evaluation of a release with rows of several or moving sounds: tasks of one place leave them out and say so."""

from __future__ import annotations

import dataclasses

import pytest

from model.elsa.embedding import Embedder
from model.evaluation import evaluate
from model.evaluation.page import read_metrics, task_section
from model.evaluation.subject import NotScored, Subject
from model.search import ReleaseIndex
from tests.model.conftest import make_scenes
from tests.model.evaluation.conftest import OPTIONS

#: Without noise, which is measured in a test of its own.
QUICK = dataclasses.replace(OPTIONS, noise_db=())


@pytest.fixture(scope="module")
def scenes(make_release, tmp_path_factory):
    return make_scenes(make_release(tmp_path_factory.mktemp("scenes") / "r", rows={"train": 8, "test": 8}))


def test_tasks_of_one_place_leave_scenes_out_and_retrieval_takes_all(trained_run, scenes, tmp_path):
    reported: list[str] = []
    metrics = evaluate(
        trained_run,
        [scenes],
        tmp_path / "out",
        tasks=["retrieval", "zero_shot", "localisation", "errors", "swap"],
        options=QUICK,
        device="cpu",
        report=reported.append,
    )
    tasks = metrics["tasks"]
    assert metrics["rows"] == 8
    for task in ("zero_shot", "localisation", "errors"):
        assert tasks[task]["rows_left_out"] == 4
        assert f"{task} leaves out 4 of 8 rows, of several or moving sources" in reported
    assert tasks["localisation"]["clean"]["branch"]["mean_angle_deg"]["n"] == 4
    assert tasks["zero_shot"]["distance"]["accuracy"]["n"] == 4
    assert sum(one["mean_angle_deg"]["n"] for one in tasks["errors"]["branch"]["azimuth_deg"].values()) == 4
    assert "rows_left_out" not in tasks["retrieval"]
    assert tasks["retrieval"]["spatial_all_rows"]["audio_to_text"]["R@1"]["n"] == 8
    # The page of the evaluation says it too.
    read = read_metrics(tmp_path / "out")
    section = task_section("localisation", [read["tasks"]["localisation"]], tmp_path / "out")
    assert section["notes"] == ["4 rows of several or moving sources are left out."]


def test_noise_is_measured_on_rows_of_one_place(trained_run, scenes, tmp_path):
    subject = Subject(Embedder.from_run(trained_run, "cpu"), [scenes], "test", tmp_path, OPTIONS)
    assert len(subject.in_noise(5.0).audio) == len(subject.tested_in_one_place.ids) == 4
    assert subject.readout.rows == 4


def test_a_release_of_scenes_alone_has_nothing_to_localise(trained_run, make_release, tmp_path):
    folder = make_scenes(make_release(tmp_path / "r", rows={"train": 4, "test": 4}), every=1)
    subject = Subject(Embedder.from_run(trained_run, "cpu"), [folder], "test", tmp_path, OPTIONS)
    with pytest.raises(NotScored, match="no row of test has one still source"):
        _ = subject.tested_in_one_place
    with pytest.raises(NotScored, match="no row of train has one still source"):
        _ = subject.readout
    metrics = evaluate(trained_run, [folder], tmp_path / "o", tasks=["localisation"], options=QUICK, device="cpu")
    assert metrics["tasks"]["localisation"] == {"skipped": "no row of test has one still source"}


def test_a_search_finds_scenes(trained_run, scenes):
    embedder = Embedder.from_run(trained_run, "cpu")
    index = ReleaseIndex.of_release(embedder, [scenes])
    assert len(index.search(embedder, "sound number two", 20)) == 8
