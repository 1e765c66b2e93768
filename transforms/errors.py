"""What an error says, in one line for a message."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """The error's message on one line; the name of its class where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def first_line(error: BaseException) -> str:
    """As `one_line`; of a message of several lines only the first, for libraries whose further lines are details."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def reason_of(error: BaseException) -> str:
    """As `one_line`; of an OSError only the reason, for a message that names the path itself."""
    return getattr(error, "strerror", None) or one_line(error)
