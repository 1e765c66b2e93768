"""ELSA: language and spatial audio in one space; its features, model, losses, data, training and evaluation.

It reads releases and imports nothing of the pipeline that makes them. The names below load on first use, so that
``import model`` costs nothing where only the command line is asked for help.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.configuration import ElsaConfig, RunConfiguration, TrainingConfiguration, read_configuration
    from model.data import ReleaseDataset, ReleaseUnreadable
    from model.elsa import ElsaModel
    from model.embedding import Embedder
    from model.evaluation import evaluate
    from model.processor import ElsaProcessor
    from model.training import train

__all__ = [
    "ElsaConfig",
    "ElsaModel",
    "ElsaProcessor",
    "Embedder",
    "ReleaseDataset",
    "ReleaseUnreadable",
    "RunConfiguration",
    "TrainingConfiguration",
    "evaluate",
    "read_configuration",
    "train",
]

_HOMES = {
    "ElsaConfig": "model.configuration",
    "ElsaModel": "model.elsa",
    "ElsaProcessor": "model.processor",
    "Embedder": "model.embedding",
    "ReleaseDataset": "model.data",
    "ReleaseUnreadable": "model.data",
    "RunConfiguration": "model.configuration",
    "TrainingConfiguration": "model.configuration",
    "evaluate": "model.evaluation",
    "read_configuration": "model.configuration",
    "train": "model.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'model' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
