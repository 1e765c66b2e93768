"""ELSA: language and spatial audio in one space; its features, model, losses, data, training and evaluation.

It reads releases and imports nothing of the pipeline that makes them. The names below load on first use, so that
``import model`` costs nothing where only the command line is asked for help.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.configuration.elsa_config import ElsaConfig
    from model.configuration.run_configuration import RunConfiguration, read_configuration
    from model.configuration.training import TrainingConfiguration
    from model.data import ReleaseDataset
    from model.elsa.embedding import Embedder
    from model.elsa.network import ElsaModel
    from model.elsa.processor import ElsaProcessor
    from model.errors import ReleaseUnreadable
    from model.evaluation import evaluate
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
    "ElsaConfig": "model.configuration.elsa_config",
    "ElsaModel": "model.elsa",
    "ElsaProcessor": "model.elsa",
    "Embedder": "model.elsa",
    "ReleaseDataset": "model.data",
    "ReleaseUnreadable": "model.errors",
    "RunConfiguration": "model.configuration.run_configuration",
    "TrainingConfiguration": "model.configuration.training",
    "evaluate": "model.evaluation",
    "read_configuration": "model.configuration.run_configuration",
    "train": "model.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'model' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
