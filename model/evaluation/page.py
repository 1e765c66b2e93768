"""The page of an evaluation: every number, beside the paper's and, if wanted, those of other runs."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.documents import MOST_JSON_BYTES, parse_json
from model.errors import ConfigurationError
from model.evaluation.paper import PaperNumber, numbers_for
from model.evaluation.task_table import TASKS
from model.files import read_bytes, write_text

TEMPLATE = Path(__file__).with_name("page.html.j2")
METRICS = "metrics.json"
#: Most bytes of a figure.
MOST_FIGURE_BYTES = 20_000_000
#: A longer table is closed when the page opens.
OPEN_ROWS = 30
#: A number from fewer samples is grey: its interval says little.
FEW_SAMPLES = 10
TRUST = "In brackets: P its text, D derived from it, M from memory and unchecked, M+ with a second source."
_UNITS = {"_deg": ("°", 1), "_m": (" m", 2)}


@dataclass(frozen=True)
class Cell:
    """A printed number and its interval; ``few`` if it has fewer than FEW_SAMPLES samples."""

    value: str
    interval: str
    few: bool


@dataclass(frozen=True)
class Row:
    """A number of every run, None for a run without it. ``n`` and ``chance`` are those of the first run that has it."""

    label: str
    cells: list[Cell | None]
    n: str
    chance: str
    few: bool
    paper: list[PaperNumber]


def write_page(output: Path, others: Sequence[Path] = ()) -> Path:
    """Writes index.html into the folder of an evaluation.

    Args:
        output: holds metrics.json and the figures.
        others: folders of other evaluations, whose numbers are shown too.

    Raises:
        ConfigurationError: a folder has no metrics.json that can be read.
    """
    import jinja2

    metrics = [read_metrics(folder) for folder in (output, *others)]
    names = [str(entry.get("name") or Path(entry["run"]).name) for entry in metrics]
    runs = [
        {"name": name, "rows": entry["rows"], "split": entry["split"]}
        for name, entry in zip(names, metrics, strict=True)
    ]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    tasks = [
        task_section(name, [entry["tasks"].get(name, {}) for entry in metrics], output)
        for name in TASKS
        if any(name in entry["tasks"] for entry in metrics)
    ]
    headlines = [
        replace(row, label=f"{task['title']}: {row.label}") for task in tasks for row in task["rows"] if row.paper
    ]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        runs=runs, tasks=tasks, headlines=headlines, trust=TRUST, most=OPEN_ROWS, few_samples=FEW_SAMPLES
    )
    write_text(output, "index.html", page + "\n")
    return output / "index.html"


def read_metrics(folder: Path) -> dict[str, Any]:
    """Reads metrics.json of an evaluation.

    Raises:
        ConfigurationError: it does not exist, or ``elsa evaluate`` has not written it.
    """
    file = folder / METRICS
    try:
        metrics = parse_json(read_bytes(folder, METRICS, MOST_JSON_BYTES))
    except (OSError, ValueError):
        raise ConfigurationError(f"{folder}: no {METRICS} that can be read") from None
    kinds = {"run": str, "rows": int, "split": str, "tasks": dict}
    if not isinstance(metrics, dict) or not all(isinstance(metrics.get(key), kind) for key, kind in kinds.items()):
        raise ConfigurationError(f"{file}: not written by elsa evaluate")
    for task, scores in metrics["tasks"].items():
        if not isinstance(scores, dict):
            raise ConfigurationError(f"{file}: the scores of {task} are {type(scores).__name__}, not a mapping")
        for path, score in leaves(scores):
            if not _is_score(score):
                raise ConfigurationError(f"{file}: {' '.join((task, *path))} is not a score")
        for pair in _shown_captions(scores):
            if not (isinstance(pair, dict) and {"written", "reference"} <= set(pair)):
                raise ConfigurationError(f"{file}: a caption of {task} has no written or no reference")
    return metrics


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_score(score: Mapping[str, Any]) -> bool:
    interval, chance = score["interval_95"], score.get("chance")
    return (
        _is_number(score.get("value"))
        and isinstance(score.get("n"), int)
        and (chance is None or _is_number(chance))
        and isinstance(interval, list)
        and len(interval) == 2
        and all(map(_is_number, interval))
    )


def _shown_captions(scores: Mapping[str, Any]) -> list[Any]:
    """The examples of captions in the scores of a task."""
    found = [value.get("shown", []) for value in scores.values() if isinstance(value, dict)]
    return [pair for shown in found if isinstance(shown, list) for pair in shown]


def task_section(name: str, of_runs: Sequence[Mapping[str, Any]], output: Path) -> dict[str, Any]:
    """The section of a task: rows for the template, notes about missing scores, and the figure as a data URI."""
    found = [dict(leaves(scores)) for scores in of_runs]
    paths = list(dict.fromkeys(path for scores in found for path in scores))
    rows = [_row(name, path, [scores.get(path) for scores in found]) for path in paths]
    task = TASKS[name]
    return {
        "name": name,
        "title": task.title,
        "text": task.description,
        "notes": [
            *_left_out(of_runs[0]),
            *(f"{' '.join(path) or task.title}: not scored, {why}." for path, why in skipped(of_runs[0])),
        ],
        "rows": rows,
        "captions": _shown_captions(of_runs[0]),
        "figure": _data_uri(output, f"{name}.png") if of_runs[0] else "",
    }


def _left_out(scores: Mapping[str, Any]) -> list[str]:
    """A note about the rows that a task leaves out; none if it takes all."""
    count = scores.get("rows_left_out")
    return [f"{count} rows of several or moving sources are left out."] if isinstance(count, int) and count else []


def leaves(scores: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yields every score of a task with its path."""
    for name, value in scores.items():
        if isinstance(value, dict):
            if "interval_95" in value:
                yield (*path, name), value
            else:
                yield from leaves(value, (*path, name))


def skipped(scores: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields every part of a task that was not scored, with the reason."""
    if isinstance(scores.get("skipped"), str):
        yield path, scores["skipped"]
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from skipped(value, (*path, name))


def _row(task: str, path: tuple[str, ...], scores: Sequence[dict[str, Any] | None]) -> Row:
    first = next(score for score in scores if score is not None)
    chance = first.get("chance")
    return Row(
        label=" · ".join(part.replace("_", " ") for part in path),
        cells=[None if score is None else _cell(task, path, score) for score in scores],
        n=str(first["n"]),
        chance="–" if chance is None else _print(task, path, chance),
        few=first["n"] < FEW_SAMPLES,
        paper=numbers_for((task, *path)),
    )


def _cell(task: str, path: tuple[str, ...], score: Mapping[str, Any]) -> Cell:
    low, high = score["interval_95"]
    interval = f"{_print(task, path, low)} to {_print(task, path, high)}"
    return Cell(_print(task, path, score["value"]), interval, score["n"] < FEW_SAMPLES)


def _print(task: str, path: tuple[str, ...], value: float) -> str:
    """A number with its unit. A name without a unit is of a share, except in clusters and captioning."""
    for ending, (unit, digits) in _UNITS.items():
        if path[-1].endswith(ending):
            return f"{value:.{digits}f}{unit}".replace("-", "−")
    if task in ("clusters", "captioning"):
        return f"{value:.3f}"
    return f"{100 * value:.1f} %".replace("-", "−")


def _data_uri(folder: Path, name: str) -> str:
    """A figure as a data URI; empty where there is none that can be read."""
    try:
        figure = read_bytes(folder, name, MOST_FIGURE_BYTES)
    except OSError:
        return ""
    return "data:image/png;base64," + base64.b64encode(figure).decode("ascii")
