"""The evaluations of a trained model, one module each; every number with its n, chance level and 95 % interval."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.data import ReleaseDataset
from model.embedding import Embedder
from model.evaluation.collect import Collected, collect
from model.evaluation.localisation import evaluate_localisation
from model.evaluation.retrieval import evaluate_retrieval
from model.evaluation.zero_shot import evaluate_zero_shot

__all__ = ["TASKS", "Collected", "evaluate"]

#: Every task by its name: a function of the model, what was collected and the folder for its figure.
TASKS: dict[str, Callable[[Embedder, Collected, Path], dict[str, Any]]] = {
    "retrieval": evaluate_retrieval,
    "zero_shot": evaluate_zero_shot,
    "localisation": evaluate_localisation,
}


def evaluate(
    run: Path | str,
    releases: Sequence[Path | str],
    output: Path | str,
    *,
    tasks: Sequence[str] = (),
    split: str = "test",
    device: str = "auto",
    workers: int = 0,
) -> dict[str, Any]:
    """Evaluates a trained model on a split of releases and writes metrics.json and figures.

    Args:
        run: the folder of a training.
        releases: folders, their rows put together.
        output: the folder that is written; files of an earlier evaluation in it are replaced.
        tasks: names of TASKS; all when empty.

    Returns:
        What metrics.json holds: ``run``, ``split``, ``rows`` and, under ``tasks``, the scores of each.

    Raises:
        ValueError: an unknown task, a release (ReleaseUnreadable) or a model (ModelUnreadable) that cannot be used.
    """
    for task in tasks:
        if task not in TASKS:
            raise ValueError(f"unknown task {task}; one of {', '.join(TASKS)}")
    embedder = Embedder.from_run(run, device)
    config = embedder.model.config
    dataset = ReleaseDataset(releases, split, sample_rate=config.sample_rate, clip_s=config.clip_s)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    collected = collect(embedder, dataset, workers=workers)
    metrics = {
        "run": str(run),
        "split": split,
        "rows": len(dataset),
        "tasks": {task: TASKS[task](embedder, collected, folder) for task in (tasks or TASKS)},
    }
    part = folder / "metrics.json.part"
    part.write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(folder / "metrics.json")
    return metrics
