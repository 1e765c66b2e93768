"""ELSA: language and spatial audio in one embedding space. Features, model, data, training and evaluation.

The package reads releases and imports nothing of the pipeline that builds them. The names below are imported when they
are first used, so ``import model`` is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.configuration import RunConfiguration, TrainingConfiguration, read_configuration
    from model.configuration.elsa_config import ElsaConfig
    from model.data import ReleaseDataset
    from model.elsa import ElsaModel, ElsaProcessor, Embedder
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
