"""The problems of a release: a hostile one may have millions, so those after a limit are only counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from transforms.bounds.limits import MOST_PROBLEM_CHARACTERS, MOST_PROBLEM_KINDS, MOST_PROBLEMS

#: So many problems of one kind are shown to a person.
MOST_ALIKE = 20


@dataclass
class Findings:
    """The problems of a release, one line each, and how much was checked."""

    problems: list[str] = field(default_factory=list)
    """The first MOST_PROBLEMS of them."""
    rows: int = 0
    bytes: int = 0
    digest: str | None = None
    rerendered: int = 0
    not_kept: int = 0
    """How many problems came after the first MOST_PROBLEMS."""

    def add(self, problems: Iterable[str]) -> None:
        """Adds problems; a long line is cut."""
        for problem in problems:
            if len(self.problems) >= MOST_PROBLEMS:
                self.not_kept += 1
                continue
            cut = f"{problem[:MOST_PROBLEM_CHARACTERS]}…"
            self.problems.append(problem if len(problem) < len(cut) else cut)

    def lines(self) -> list[str]:
        """The problems for a person: the first few of each kind, then how many more there are of that kind."""
        shown: dict[str, list[str]] = {}
        for problem in self.problems:
            shown.setdefault(_kind(problem), []).append(problem)
        lines = []
        for alike in list(shown.values())[:MOST_PROBLEM_KINDS]:
            more = len(alike) - MOST_ALIKE
            lines += alike[:MOST_ALIKE]
            lines += [f"… and {more:,} more of this kind, which --json lists"] if more > 0 else []
        if len(shown) > MOST_PROBLEM_KINDS:
            lines.append(f"… and {len(shown) - MOST_PROBLEM_KINDS:,} more kinds, which --json lists")
        return [*lines, *([f"… and {self.not_kept:,} more problems"] if self.not_kept else [])]

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return {
            "ok": not self.problems,
            "rows": self.rows,
            "bytes": self.bytes,
            "digest": self.digest,
            "rerendered": self.rerendered,
            "problem_count": len(self.problems) + self.not_kept,
            "problems": self.problems,
        }


def _kind(problem: str) -> str:
    """A problem without the file, the row and the numbers that it names."""
    return re.sub(r"\S*[/#]\S*|-?\d+(?:\.\d+)?(?:e-?\d+)?", "0", problem.rpartition(": ")[2])
