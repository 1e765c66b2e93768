"""A sample of captions that depends on the names of their rows alone, and not on the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from transforms.seeds import derive_seed

#: So many captions are kept. Some of them say no place and are passed over, and a thousand are to be measured.
KEPT = 2_000
# What stands behind is cut off, because a caption of the input may be a whole book.
_LONGEST_CHARS = 1_000

_Entry = tuple[int, str, int, str, str]


@dataclass
class CaptionSample:
    """The captions that come first in the order of a hash over the id of their row and their number in it.

    Any two samples of the same captions are equal, in whatever order and in however many parts they were added.
    """

    limit: int = KEPT
    entries: list[_Entry] = field(default_factory=list)
    """Hash, id of the row, number of the caption in it, caption, original."""

    def add(self, row_id: str, index: int, caption: str, original: str) -> None:
        """Adds a caption and its original."""
        key = derive_seed(row_id, index)
        self._add(((key, row_id, index, caption[:_LONGEST_CHARS], original[:_LONGEST_CHARS]),))

    def merge(self, other: CaptionSample) -> None:
        """Adds the captions of another sample."""
        self._add(other.entries)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Captions with their originals, in the order of the hash."""
        return ((caption, original) for *_, caption, original in sorted(self.entries)[: self.limit])

    def _add(self, entries: Iterable[_Entry]) -> None:
        self.entries.extend(entries)
        # Sorted now and then, so that adding takes no time that grows with the sample.
        if len(self.entries) >= 2 * self.limit:
            self.entries = sorted(self.entries)[: self.limit]
