"""All tasks on a release of plane waves, end to end: the files, and every number with its n and interval."""

from __future__ import annotations

import json
import math

import pytest

from model.errors import ConfigurationError
from model.evaluation import TASKS, evaluate
from model.evaluation.page import leaves, task_section
from model.evaluation.paper import NUMBERS
from model.evaluation.tasks import captioner, captioning

from .conftest import OPTIONS

#: The map is tested separately.
ALL = [task for task in TASKS if task != "map"]


@pytest.fixture(scope="module")
def evaluated(trained_run, release, tmp_path_factory):
    output = tmp_path_factory.mktemp("all") / "out"
    reported: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioning, "_DRAWS", 20)
        patch.setattr(captioner, "SMALL", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 42})
        metrics = evaluate(
            trained_run, [release], output, tasks=ALL, options=OPTIONS, device="cpu", report=reported.append
        )
    assert reported == ALL
    return output, metrics


@pytest.mark.slow
def test_the_files_of_an_evaluation(evaluated):
    output, metrics = evaluated
    assert json.loads((output / "metrics.json").read_text()) == metrics
    figures = {f"{task}.png" for task in ("zero_shot", "localisation", "errors", "swap", "clusters")}
    names = {path.name for path in output.iterdir()}
    assert names == {"metrics.json", "index.html", "captions.json", *figures}
    assert metrics["rows"] == 8


@pytest.mark.slow
def test_every_number_has_its_n_chance_and_interval(evaluated):
    _, metrics = evaluated
    counted = 0
    for task in ALL:
        for path, score in leaves(metrics["tasks"][task]):
            low, high = score["interval_95"]
            assert all(math.isfinite(number) for number in (low, high, score["value"], score["chance"])), path
            assert low <= high
            assert score["n"] > 0
            counted += 1
    assert counted > 100


@pytest.mark.slow
def test_plane_waves_are_localised(evaluated):
    _, metrics = evaluated
    tasks = metrics["tasks"]
    clean = tasks["localisation"]["clean"]
    assert clean["branch"]["mean_angle_deg"]["value"] < 5
    assert clean["mean_intensity"]["mean_angle_deg"]["value"] < 5
    assert clean["branch"]["median_angle_deg"]["chance"] == 90
    noisy = tasks["localisation"]["noise_5_db"]
    assert clean["branch"]["mean_angle_deg"]["value"] < noisy["branch"]["mean_angle_deg"]["value"] < 45
    assert tasks["zero_shot"]["direction"]["accuracy"]["n"] == 8
    assert tasks["zero_shot"]["reverberation"] == {"skipped": "no row has a word"}
    assert tasks["errors"]["branch"]["elevation_deg"].keys() == {"-90…-40", "40…90"}
    # Every row gets each of the three other words.
    assert tasks["swap"]["take_new"]["n"] == 24


@pytest.mark.slow
def test_retrieval_uses_the_set_without_repeats_and_all_rows(evaluated):
    _, metrics = evaluated
    retrieval = metrics["tasks"]["retrieval"]
    # Half of the rows have augmentation 0, with two captions each.
    assert retrieval["spatial"]["text_to_audio"]["R@1"]["n"] == 8
    assert retrieval["spatial"]["audio_to_text"]["R@1"]["n"] == 4
    assert retrieval["spatial_all_rows"]["audio_to_text"]["R@1"]["n"] == 8


@pytest.mark.slow
def test_every_number_of_the_paper_belongs_to_one_of_ours(evaluated):
    output, metrics = evaluated
    found = {(task, *path) for task in ALL for path, _ in leaves(metrics["tasks"][task])}
    for number in NUMBERS:
        if "tut_2018_real" not in number.path and "reverberation" not in number.path:
            assert number.path in found, number.path
    section = task_section("zero_shot", [metrics["tasks"]["zero_shot"]], output)
    assert section["figure"].startswith("data:image/png")


@pytest.mark.slow
def test_one_task_alone_gives_the_same_numbers(evaluated, trained_run, release, tmp_path):
    output, metrics = evaluated
    again = evaluate(trained_run, [release], tmp_path, tasks=["swap"], options=OPTIONS, device="cpu", beside=[output])
    assert again["tasks"] == {"swap": metrics["tasks"]["swap"]}
    assert "Beside it" in (tmp_path / "index.html").read_text()


def test_an_unknown_name_is_an_error_before_anything_is_written(trained_run, release, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(ValueError, match="unknown task singing; one of retrieval"):
        evaluate(trained_run, [release], output, tasks=["singing"])
    with pytest.raises(ConfigurationError, match=r"no metrics\.json"):
        evaluate(trained_run, [release], output, beside=[tmp_path / "nowhere"])
    assert not output.exists()


def test_every_task_of_the_table_has_a_function():
    assert all(callable(task.load()) for task in TASKS.values())


def test_a_task_that_cannot_be_scored_gives_its_reason(trained_run, make_release, tmp_path):
    folder = make_release(tmp_path / "r", direction=None, distance=None)
    metrics = evaluate(
        trained_run, [folder], tmp_path / "out", tasks=["swap", "clusters"], options=OPTIONS, device="cpu"
    )
    assert metrics["tasks"]["swap"] == {"skipped": "no row has a direction word"}
    assert metrics["tasks"]["clusters"]["distance"] == {"skipped": "fewer than two words have rows"}
