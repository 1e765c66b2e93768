"""Exceptions of the model, its data and its training. The message of each is one line for a person to read."""

from __future__ import annotations

import unicodedata

#: Longest line that is printed, in characters. A name or a value in a stranger's file may be longer.
LONGEST_LINE = 1000


def one_line(error: object) -> str:
    """The text of an error, or any text, on one line; the name of an error's class where it has no text.

    The text may hold names and values from a stranger's files, so it is cut and made printable.
    """
    text = " ".join(str(error).split())
    if len(text) > LONGEST_LINE:
        text = text[:LONGEST_LINE] + "…"
    return printable(text) or (type(error).__name__ if isinstance(error, BaseException) else "")


def printable(text: str) -> str:
    """The text with control characters, marks of direction and other invisible characters as escapes.

    A terminal would obey some of them, and others change the order in which a line appears.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else char.encode("unicode_escape").decode()
        for char in text
    )


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
