"""Training: the loop, its batch, its schedule, its checkpoints and what it tells, each in a module of its own."""

from model.training.checkpoints import RunRefused
from model.training.loop import TrainingDiverged, TrainingInterrupted, TrainingResult, train

__all__ = ["RunRefused", "TrainingDiverged", "TrainingInterrupted", "TrainingResult", "train"]
