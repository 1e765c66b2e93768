"""All that is wrong with an input's lists, each with the file and line to mend; no sound is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from transforms.records import Rejection
from transforms.sources import Listing, Selection, SourceUnusable, list_clips
from transforms.sources.listing import EVERYTHING
from transforms.sources.lists.rows import Where


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    file: str
    """The list, or the clip's own file where no list has a line of it; relative to the input."""
    line: int | None
    clip: str | None
    """The clip's name, where the line has one."""
    reason: str
    """Machine-readable, as in rejected.parquet."""
    detail: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file} line {self.line}"
        clip = "" if self.clip is None else f"{self.clip}: "
        return f"{where}: {clip}{self.detail} ({self.reason})"


@dataclass(frozen=True)
class CheckedLists:
    """What an input's lists come to."""

    problems: tuple[Problem, ...]
    listing: Listing = field(default_factory=Listing)
    """The clips that can be used, and in `notes` what a user would not expect."""


def check_lists(source: str, input_dir: str, selection: Selection = EVERYTHING) -> CheckedLists:
    """The problems of an input in the layout named `source`, in the order of its lists.

    An input that cannot be used at all has one problem, of the reason `unusable`.
    """
    try:
        listing = list_clips(source, input_dir, "", selection)
    except SourceUnusable as error:
        return CheckedLists((Problem(input_dir, None, None, "unusable", str(error)),))
    return CheckedLists(tuple(map(_problem, listing.rejections)), listing)


def _problem(rejection: Rejection) -> Problem:
    where, detail = Where.split(rejection.detail)
    if where is None:
        return Problem(rejection.file, None, None, rejection.reason, detail)
    clip = None if rejection.file in (where.name, where.file, "(no name)") else rejection.file
    return Problem(where.file, where.number, clip, rejection.reason, detail)
