"""The page: numbers with units, the paper's numbers, those of other runs, and no external resources."""

from __future__ import annotations

import json
import re

import pytest

from model.errors import ConfigurationError
from model.evaluation import TASKS
from model.evaluation.page import read_metrics, write_page
from model.evaluation.paper import NUMBERS


def _score(value: float, chance: float | None = 0.25) -> dict:
    return {"value": value, "interval_95": [value - 0.1, value + 0.1], "n": 42, "chance": chance}


def _write(folder, tasks: dict, run: str = "runs/<first>") -> None:
    folder.mkdir()
    metrics = {"run": run, "split": "test", "rows": 42, "tasks": tasks}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def _cells(page: str, label: str) -> list[str]:
    row = re.search(rf'<th scope="row">{label}</th>(.*?)</tr>', page, re.DOTALL)
    assert row, label
    return [re.sub(r"<[^>]+>", " ", cell).split() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[1], re.DOTALL)]


def test_a_row_has_our_number_the_papers_and_another_runs(tmp_path):
    _write(
        tmp_path / "a",
        {
            "zero_shot": {"direction": {"accuracy": _score(0.975)}, "elevation": {"skipped": "no row has a word"}},
            "localisation": {"clean": {"branch": {"mean_angle_deg": _score(3.21, 90.0)}}},
            "clusters": {"direction": {"front_back": _score(0.5)}},
            "swap": {"R@10_change": _score(-0.01, 0.0)},
            "captioning": {"spatial": {"shown": [{"written": "a <dog>", "reference": "A dog."}]}},
            "map": {"skipped": "umap-learn is not installed"},
        },
    )
    _write(tmp_path / "b", {"zero_shot": {"direction": {"accuracy": _score(0.5)}}}, run="runs/second")
    path = write_page(tmp_path / "a", [tmp_path / "b"])
    page = path.read_text()
    direction = _cells(page, "direction · accuracy")
    assert direction[:4] == [
        ["97.5", "%", "87.5", "%", "to", "107.5", "%"],
        ["50.0", "%", "40.0", "%", "to", "60.0", "%"],
        ["42"],
        ["25.0", "%"],
    ]
    assert "92.0" in direction[4]
    assert "[M]" in direction[4]
    assert _cells(page, "clean · branch · mean angle deg")[0][0] == "3.2°"
    assert _cells(page, "clean · branch · mean angle deg")[1] == ["–"]
    assert _cells(page, "direction · front back")[0][0] == "0.500"
    assert _cells(page, "R@10 change")[0][:2] == ["−1.0", "%"]
    # Numbers that the paper has too are repeated at the top.
    assert page.index("Beside the paper") < page.index("Zero-shot words of space: direction · accuracy")
    assert "elevation: not scored, no row has a word." in page
    assert "Map: not scored, umap-learn is not installed." in page
    assert "a &lt;dog&gt;" in page
    assert "&lt;first&gt;" in page
    assert "<first>" not in page
    # The page loads nothing from other files.
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_a_number_from_few_samples_is_grey(tmp_path):
    few = _score(1.0) | {"n": 1}
    _write(tmp_path / "a", {"zero_shot": {"direction": {"accuracy": few}, "elevation": {"accuracy": _score(0.5)}}})
    _write(tmp_path / "b", {"zero_shot": {"direction": {"accuracy": _score(0.5)}}})
    page = write_page(tmp_path / "a", [tmp_path / "b"]).read_text()
    (grey,) = re.findall(r'<tr class="few"><th scope="row">direction · accuracy</th>(.*?)</tr>', page, re.DOTALL)
    assert re.findall(r"<td[^>]*>", grey)[:2] == ['<td class="few">', "<td>"]
    assert '<tr><th scope="row">elevation · accuracy</th>' in page
    assert "fewer than 10 samples are grey" in page


@pytest.mark.parametrize(
    ("tasks", "named"),
    [
        ([1], "not written by elsa evaluate"),
        ({"swap": [1]}, "the scores of swap are list"),
        ({"swap": {"take_new": {"interval_95": 3}}}, "swap take_new is not a score"),
        ({"swap": {"take_new": _score(0.5) | {"n": "many"}}}, "swap take_new is not a score"),
        ({"swap": {"take_new": _score(0.5) | {"chance": []}}}, "swap take_new is not a score"),
        ({"captioning": {"spatial": {"shown": [{"written": "a"}]}}}, "a caption of captioning"),
    ],
)
def test_metrics_of_other_types_are_one_line(tmp_path, tasks, named):
    _write(tmp_path / "a", tasks)
    with pytest.raises(ConfigurationError, match=named):
        read_metrics(tmp_path / "a")


def test_a_folder_without_metrics_is_one_line(tmp_path):
    _write(tmp_path / "a", {})
    with pytest.raises(ConfigurationError, match=r"no metrics\.json"):
        write_page(tmp_path / "a", [tmp_path])
    (tmp_path / "metrics.json").write_text("[1]")
    with pytest.raises(ConfigurationError, match="not written by elsa evaluate"):
        write_page(tmp_path / "a", [tmp_path])


def test_every_number_of_the_paper_has_a_task():
    assert {number.path[0] for number in NUMBERS} <= set(TASKS)
    assert {number.trust for number in NUMBERS} <= {"P", "D", "M", "M+"}
