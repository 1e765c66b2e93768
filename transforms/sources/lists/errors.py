"""The error of an input that cannot be used at all."""

from __future__ import annotations


class SourceUnusable(ValueError):
    """The input as a whole cannot be read: no such folder, no list, a column missing. One line for the user."""
