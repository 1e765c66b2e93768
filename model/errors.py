"""Exceptions of the model, its data and its training. The message of each is one line for a person to read."""

from __future__ import annotations


def one_line(error: object) -> str:
    """The text of an error, or any text, without line breaks."""
    return " ".join(str(error).split())


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the message names the file or key and the value, on one line."""


class OptionError(ValueError):
    """An option that cannot be used."""


class ReleaseUnreadable(ValueError):
    """A release that cannot be used; the message is one line that names the file, the field and the value."""


class SoundUnreadable(ReleaseUnreadable):
    """A sound file that cannot be used, which only shows when its turn comes."""


class WorkersLost(SoundUnreadable):
    """A process that decodes has ended, killed for memory as a rule."""


class ModelUnreadable(ValueError):
    """A folder that holds no model that can be used; the message is one line that names it."""


class RunRefused(ValueError):
    """A folder in which this training cannot go on; the message is one line that names it."""


class TrainingDiverged(FloatingPointError):
    """A loss or a gradient that is not finite; the message is one line."""


class TrainingInterrupted(Exception):
    """A training that was asked to stop, and has written its checkpoint; the message is one line."""
