"""A row of a list and where it stands, so that whatever is wrong with it can be found again by file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.records import Rejection
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.text import printable, short


@dataclass(frozen=True, slots=True)
class Where:
    """A line of a list; `unit` is "row" in a file without lines, and `entry` counts objects where a line has many."""

    file: str
    number: int
    unit: str = "line"
    entry: int | None = None

    def __str__(self) -> str:
        entry = "" if self.entry is None else f" entry {self.entry}"
        return f"{self.file} {self.unit} {self.number}{entry}"

    @property
    def name(self) -> str:
        """Short for a table of files: metadata.csv:7."""
        return f"{self.file}:{self.number}" if self.entry is None else f"{self.file}[{self.entry - 1}]"

    def says(self, detail: str) -> str:
        """A detail that names this line."""
        return f"{self}: {detail}"


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row, by the names of their columns."""

    where: Where
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line of a list that cannot be read as a row."""

    where: Where
    reason: str
    detail: str

    def rejection(self, split: str | None = None) -> Rejection:
        return Rejection(self.where.name, "list", self.reason, self.where.says(self.detail), split)


@dataclass(frozen=True)
class Columns:
    """What is read of a list; its other columns are passed over."""

    need: tuple[str, ...]
    one_of: tuple[str, ...] = ()
    """At least one of these is there."""
    also: tuple[str, ...] = ()
    looks: Mapping[str, str] | None = None
    """Patterns by column that tell a row from the middle of a text (see `csv_rows`)."""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.need, *self.one_of, *self.also)

    def lacking(self, names: Iterable[str]) -> str | None:
        """The first thing that a list with columns of these names lacks; None where it has all."""
        there = set(names)
        for name in self.need:
            if name not in there:
                return name
        return None if not self.one_of or there.intersection(self.one_of) else " or ".join(self.one_of)

    def check(self, path: str, names: Iterable[str]) -> None:
        """Raises SourceUnusable where a list with columns of these names cannot be used."""
        found = list(names)
        lacking = self.lacking(found)
        if lacking is not None:
            shown = ", ".join(short(printable(name), 40) for name in found[:20]) or "none"
            near = next((name for name in found if _letters(name) in map(_letters, lacking.split(" or "))), None)
            meant = "" if near is None else f"; is {short(near, 40)} meant? The name has to be as written here"
            raise SourceUnusable(f"{path} has no column {lacking}; its columns are {shown}{meant}")
        twice = next((name for name in self.all if found.count(name) > 1), None)
        if twice is not None:
            raise SourceUnusable(f"{path} has two columns that are called {twice}: which one is meant?")


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
