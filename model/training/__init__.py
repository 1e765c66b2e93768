"""Training: the loop, the trainer, its schedule, its checkpoints and what it tells, each in a module of its own."""

from model.training.loop import TrainingResult, train

__all__ = ["TrainingResult", "train"]
