"""Exceptions of the model, its data and its training. The message of each is one line for a person to read."""

from __future__ import annotations


def one_line(error: object) -> str:
    """The text of an error, or any text, without line breaks; the name of an error's class where it has no text."""
    text = " ".join(str(error).split())
    return text or (type(error).__name__ if isinstance(error, BaseException) else "")


class ConfigurationError(ValueError):
    """A configuration that cannot be used. The message names the file or key, and the value."""


class OptionError(ValueError):
    """An option of a command that cannot be used."""


class ReleaseUnreadable(ValueError):
    """A release that cannot be used. The message names the file, the field and the value."""


class SoundUnreadable(ReleaseUnreadable):
    """A sound file that cannot be used. This is found only when the file is read, during the work."""


class WorkersLost(SoundUnreadable):
    """A worker process has ended, usually because it was killed for its use of memory."""


class ModelUnreadable(ValueError):
    """A folder without a model that can be used."""


class RunRefused(ValueError):
    """A folder in which a training cannot start or continue."""


class TrainingDiverged(FloatingPointError):
    """A loss or a gradient that is not finite."""


class TrainingInterrupted(Exception):
    """A training that was stopped by a signal and has written its checkpoint."""
