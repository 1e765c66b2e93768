"""The configuration of a model, its training and its data, as a YAML file states it.

Importing this package imports neither PyTorch nor transformers.
"""

from __future__ import annotations

from model.configuration.data import DataConfiguration
from model.configuration.run_configuration import RunConfiguration, read_configuration, shipped_configurations
from model.configuration.training import LossWeights, PretrainingConfiguration, TrainingConfiguration

__all__ = [
    "DataConfiguration",
    "LossWeights",
    "PretrainingConfiguration",
    "RunConfiguration",
    "TrainingConfiguration",
    "read_configuration",
    "shipped_configurations",
]
