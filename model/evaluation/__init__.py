"""The evaluations of a trained model, one module each; every number with its n, chance level and 95 % interval."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.elsa.embedding import Embedder
from model.evaluation.options import EvaluationOptions
from model.evaluation.page import METRICS, read_metrics, write_page
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.angle_errors import evaluate_errors
from model.evaluation.tasks.captioning import evaluate_captioning
from model.evaluation.tasks.clusters import evaluate_clusters
from model.evaluation.tasks.embedding_map import evaluate_map
from model.evaluation.tasks.localisation import evaluate_localisation
from model.evaluation.tasks.retrieval import evaluate_retrieval
from model.evaluation.tasks.swap import evaluate_swap
from model.evaluation.tasks.text_regression import evaluate_text_regression
from model.evaluation.tasks.zero_shot import evaluate_zero_shot

__all__ = ["TASKS", "EvaluationOptions", "evaluate"]

#: Every task by its name: a function of what is evaluated.
TASKS: dict[str, Callable[[Subject], dict[str, Any]]] = {
    "retrieval": evaluate_retrieval,
    "zero_shot": evaluate_zero_shot,
    "localisation": evaluate_localisation,
    "errors": evaluate_errors,
    "text_regression": evaluate_text_regression,
    "swap": evaluate_swap,
    "clusters": evaluate_clusters,
    "map": evaluate_map,
    "captioning": evaluate_captioning,
}


def evaluate(
    run: Path | str,
    releases: Sequence[Path | str],
    output: Path | str,
    *,
    tasks: Sequence[str] = (),
    split: str = "test",
    train_releases: Sequence[Path | str] = (),
    options: EvaluationOptions | None = None,
    beside: Sequence[Path | str] = (),
    device: str = "auto",
    workers: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Evaluates a trained model on a split of releases; writes metrics.json, figures and index.html.

    Args:
        run: the folder of a training.
        releases: folders, their rows put together.
        output: the folder that is written; files of an earlier evaluation in it are replaced.
        tasks: names of TASKS; all when empty.
        split: that is tested; what the tasks learn, they learn on train.
        train_releases: folders whose train split readouts learn from; ``releases`` when empty.
        beside: folders of other evaluations, whose numbers stand on the page too.
        told: hears the name of each task as it begins, and how far a split has come.

    Returns:
        What metrics.json holds: ``run``, ``split``, ``rows`` and, under ``tasks``, the scores of each.

    Raises:
        ValueError: an unknown task, a release (ReleaseUnreadable), a model (ModelUnreadable) or an option
            (ConfigurationError) that cannot be used.
    """
    for task in tasks:
        if task not in TASKS:
            raise ValueError(f"unknown task {task}; one of {', '.join(TASKS)}")
    for other in beside:
        read_metrics(Path(other))
    embedder = Embedder.from_run(run, device)
    folder = Path(output)
    subject = Subject(
        embedder,
        releases,
        split,
        folder,
        options or EvaluationOptions(),
        train_releases=train_releases,
        workers=workers,
        told=told,
    )
    rows = len(subject.dataset(split))
    folder.mkdir(parents=True, exist_ok=True)
    results = {}
    for task in tasks or TASKS:
        told(task)
        # A figure of an earlier evaluation is not one of this.
        (folder / f"{task}.png").unlink(missing_ok=True)
        try:
            results[task] = TASKS[task](subject)
        except NotScored as reason:
            results[task] = {"skipped": str(reason)}
    metrics = {"run": str(run), "split": split, "rows": rows, "tasks": results}
    part = folder / f"{METRICS}.part"
    part.write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(folder / METRICS)
    write_page(folder, [Path(other) for other in beside])
    return metrics
