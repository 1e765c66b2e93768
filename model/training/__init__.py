"""Trains a model: losses, phases, steps, validation, and the loop that runs them."""

from model.training.loop import TrainingResult, train

__all__ = ["TrainingResult", "train"]
