"""The tasks of an evaluation. A task's module is imported when the task runs, so the table needs no PyTorch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """A task of an evaluation.

    Attributes:
        title: heading of its section on the page.
        description: one line below the heading.
        home: ``module:function`` in ``model.evaluation.tasks``. The function takes a ``Subject``, and returns scores
            for metrics.json.
    """

    title: str
    description: str
    home: str

    def load(self) -> Callable[[Any], dict[str, Any]]:
        """Imports the function of the task."""
        module, _, function = self.home.partition(":")
        found: Callable[[Any], dict[str, Any]] = getattr(
            importlib.import_module(f"model.evaluation.tasks.{module}"), function
        )
        return found


#: Every task by its name, in the order in which they run.
TASKS = {
    "retrieval": Task(
        "Retrieval",
        "A caption finds its clip among all clips, and a clip finds its captions.",
        "retrieval:evaluate_retrieval",
    ),
    "zero_shot": Task(
        "Zero-shot words of space",
        "“A sound coming from …”: the nearest template of each clip.",
        "zero_shot:evaluate_zero_shot",
    ),
    "localisation": Task(
        "Localisation",
        "The angle between the predicted and the true direction.",
        "localisation:evaluate_localisation",
    ),
    "errors": Task("Errors", "The angle by properties of the rows.", "angle_errors:evaluate_errors"),
    "text_regression": Task(
        "Captions through the heads",
        "Heads that were trained on audio read spatial captions.",
        "text_regression:evaluate_text_regression",
    ),
    "swap": Task(
        "Direction swap",
        "The direction in a clip's embedding is exchanged, with words alone.",
        "swap:evaluate_swap",
    ),
    "clusters": Task("Clusters", "Wasserstein distance between the clips of two words.", "clusters:evaluate_clusters"),
    "map": Task(
        "Map",
        "Supervised UMAP, fitted on train; the picture shows test. Audio is filled, text hollow.",
        "embedding_map:evaluate_map",
    ),
    "captioning": Task("Captioning", "Sentences written from frozen embeddings.", "captioning:evaluate_captioning"),
}
