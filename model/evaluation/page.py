"""One page of an evaluation, whole in itself: every number beside the paper's, and beside other runs' where asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.errors import ConfigurationError
from model.evaluation.paper import PaperNumber, beside

TEMPLATE = Path(__file__).with_name("page.html.j2")
METRICS = "metrics.json"
#: A task's title, and what it does in one line.
TASKS: dict[str, tuple[str, str]] = {
    "retrieval": ("Retrieval", "A caption finds its clip among all, and a clip its captions."),
    "zero_shot": ("Zero-shot words of space", "“A sound coming from …”: the nearest template of each clip."),
    "localisation": ("Localisation", "The angle between the predicted and the true direction."),
    "errors": ("Errors", "The angle by what a row is."),
    "text_regression": ("Captions through the heads", "Heads that were trained on audio read spatial captions."),
    "swap": ("Direction swap", "The direction of a clip exchanged in its embedding, by words alone."),
    "clusters": ("Clusters", "Wasserstein distance between the clips of two words."),
    "map": ("Map", "Supervised UMAP, fitted on train; test is drawn. Audio filled, text hollow."),
    "captioning": ("Captioning", "Sentences written from frozen embeddings."),
}
#: A longer table is folded.
OPEN_ROWS = 30
TRUST = "In brackets: P its text, D derived from it, M remembered and unchecked, M+ with a second source."
_UNITS = {"_deg": ("°", 1.0, 1), "_m": (" m", 1.0, 2)}


@dataclass(frozen=True)
class Cell:
    """A number and its interval, printed."""

    value: str
    interval: str


@dataclass(frozen=True)
class Row:
    """A number of every run, None where one lacks it; n and chance are the first run's that has it."""

    label: str
    cells: list[Cell | None]
    n: str
    chance: str
    paper: list[PaperNumber]


def write_page(output: Path, others: Sequence[Path] = ()) -> Path:
    """index.html in the folder of an evaluation.

    Args:
        output: holds metrics.json and the figures.
        others: folders of other evaluations, whose numbers stand beside.

    Raises:
        ConfigurationError: a folder without metrics.json that can be read.
    """
    import jinja2

    metrics = [read_metrics(folder) for folder in (output, *others)]
    names = [str(entry.get("name") or Path(str(entry["run"])).name) for entry in metrics]
    runs = [
        {"name": name, "rows": entry["rows"], "split": entry["split"]}
        for name, entry in zip(names, metrics, strict=True)
    ]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    tasks = [
        task_of(name, [entry["tasks"].get(name, {}) for entry in metrics], output)
        for name in TASKS
        if any(name in entry["tasks"] for entry in metrics)
    ]
    headlines = [
        replace(row, label=f"{task['title']}: {row.label}") for task in tasks for row in task["rows"] if row.paper
    ]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        runs=runs, tasks=tasks, headlines=headlines, trust=TRUST, most=OPEN_ROWS
    )
    part = output / "index.html.part"
    part.write_text(page + "\n", encoding="utf-8")
    part.replace(output / "index.html")
    return output / "index.html"


def read_metrics(folder: Path) -> dict[str, Any]:
    """metrics.json of an evaluation.

    Raises:
        ConfigurationError: it is not there, or not one of ours.
    """
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigurationError(f"{folder}: no {METRICS} that can be read") from None
    if not isinstance(metrics, dict) or not {"run", "rows", "split", "tasks"} <= set(metrics):
        raise ConfigurationError(f"{folder / METRICS}: not written by elsa evaluate")
    return metrics


def task_of(name: str, of_runs: Sequence[Mapping[str, Any]], output: Path) -> dict[str, Any]:
    """A task's section: rows for the template, notes on what is not scored, and its figure as a data URI."""
    found = [dict(leaves(scores)) for scores in of_runs]
    paths = list(dict.fromkeys(path for leaf in found for path in leaf))
    rows = [_row(name, path, [leaf.get(path) for leaf in found]) for path in paths]
    figure = output / f"{name}.png"
    captions = [pair for value in of_runs[0].values() if isinstance(value, dict) for pair in value.get("shown", [])]
    title, text = TASKS[name]
    return {
        "name": name,
        "title": title,
        "text": text,
        "notes": [f"{' '.join(path) or title}: not scored, {why}." for path, why in skipped(of_runs[0])],
        "rows": rows,
        "captions": captions,
        "figure": _data_uri(figure) if of_runs[0] and figure.is_file() else "",
    }


def leaves(scores: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every score of a task with its path."""
    for name, value in scores.items():
        if isinstance(value, dict):
            if "interval_95" in value:
                yield (*path, name), value
            else:
                yield from leaves(value, (*path, name))


def skipped(scores: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every part of a task that was not scored, with the reason."""
    if isinstance(scores.get("skipped"), str):
        yield path, scores["skipped"]
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from skipped(value, (*path, name))


def _row(task: str, path: tuple[str, ...], scores: Sequence[dict[str, Any] | None]) -> Row:
    first = next(score for score in scores if score is not None)
    chance = first["chance"]
    return Row(
        label=" · ".join(part.replace("_", " ") for part in path),
        cells=[None if score is None else _cell(task, path, score) for score in scores],
        n=str(first["n"]),
        chance="–" if chance is None else _print(task, path, chance),
        paper=beside((task, *path)),
    )


def _cell(task: str, path: tuple[str, ...], score: Mapping[str, Any]) -> Cell:
    low, high = score["interval_95"]
    return Cell(_print(task, path, score["value"]), f"{_print(task, path, low)} to {_print(task, path, high)}")


def _print(task: str, path: tuple[str, ...], value: float) -> str:
    """With the unit of the name; what has none is a share, but for distances of clusters and scores of captions."""
    for ending, (unit, factor, places) in _UNITS.items():
        if path[-1].endswith(ending):
            return f"{factor * value:.{places}f}{unit}".replace("-", "−")
    if task in ("clusters", "captioning"):
        return f"{value:.3f}"
    return f"{100 * value:.1f} %".replace("-", "−")


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
