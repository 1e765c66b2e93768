"""Evaluates a trained model. Each number has its n, its chance level and a 95 % interval.

Importing this package does not import PyTorch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.evaluation.options import EvaluationOptions
from model.evaluation.page import METRICS, read_metrics, write_page
from model.evaluation.task_table import TASKS
from model.files import clear, write_text

__all__ = ["TASKS", "EvaluationOptions", "evaluate"]


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
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Evaluates a trained model on a split of releases. Writes metrics.json, figures and index.html.

    Args:
        run: the folder of a training.
        releases: folders; their rows are put together.
        output: the folder that is written. Files of an earlier evaluation in it are replaced.
        tasks: names of TASKS; empty is all of them.
        split: the split that is tested. Tasks that learn something learn it on train.
        train_releases: folders whose train split probes learn from; empty is ``releases``.
        options: of the evaluation; None is the defaults.
        beside: folders of other evaluations, whose numbers the page shows too.
        device: cpu, cuda or auto.
        workers: processes that decode.
        report: gets the name of each task when it begins, and lines about the progress.

    Returns:
        The content of metrics.json: ``run``, ``split``, ``rows`` and, under ``tasks``, the scores of each task.

    Raises:
        ValueError: an unknown task, or a release (ReleaseUnreadable), a model (ModelUnreadable) or an option
            (ConfigurationError) that cannot be used.
    """
    from model.elsa import Embedder
    from model.evaluation.subject import LEFT_OUT, NotScored, Subject

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
        report=report,
    )
    rows = len(subject.dataset(split))
    # Labels that cannot be used must be found before the work begins.
    _ = subject.corpora
    folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, Any]] = {}
    for task in tasks or TASKS:
        report(task)
        # A figure of an earlier evaluation must not appear on the page.
        clear(folder, f"{task}.png")
        try:
            results[task] = TASKS[task].load()(subject)
        except NotScored as reason:
            results[task] = {"skipped": str(reason)}
        if LEFT_OUT in results[task]:
            report(f"{task} leaves out {results[task][LEFT_OUT]} of {rows} rows, of several or moving sources")
    metrics = {"run": str(run), "split": split, "rows": rows, "tasks": results}
    write_text(folder, METRICS, json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    write_page(folder, [Path(other) for other in beside])
    return metrics
