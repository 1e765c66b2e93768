"""What listing an input gives: clips, and entries refused before any file is opened."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.records import Clip, Rejection


class SourceUnusable(ValueError):
    """The input as a whole cannot be read: no such folder, no list, a column missing. One line for the user."""


@dataclass(frozen=True)
class Listing:
    """Clips in the order of the list, and the entries that are refused."""

    clips: tuple[Clip, ...] = ()
    rejections: tuple[Rejection, ...] = ()
