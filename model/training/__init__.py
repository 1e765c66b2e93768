"""Training: the loop, the trainer, its schedule, its checkpoints and what it tells, each in a module of its own."""

from model.training.checkpoints import RunRefused
from model.training.loop import TrainingInterrupted, TrainingResult, train
from model.training.trainer import TrainingDiverged

__all__ = ["RunRefused", "TrainingDiverged", "TrainingInterrupted", "TrainingResult", "train"]
