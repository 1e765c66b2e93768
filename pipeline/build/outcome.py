"""What a build leaves behind: the totals of the release, what was rejected, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.release.totals import Totals
from transforms.records import Rejection

#: Reasons of clips that the recipe itself leaves out.
LEFT_OUT = ("excluded", "licence")


@dataclass(frozen=True)
class Outcome:
    """What a build leaves behind."""

    totals: Totals
    rejections: tuple[Rejection, ...]
    failures: tuple[str, ...]
    """Shards and chunks of rooms that are missing, each with its cause; the next build tries them again."""
    built_shards: int
    notes: tuple[str, ...]
    """Facts that are no fault: how clips without a split were dealt, files that no list names, captions that the
    budget or the endpoint left to the template."""
    no_answer_came: bool
    """True where a language model was asked and none of its answers came."""
    listed_clips: int
    """Clips that the list names and that can be found."""
    planned_clips: int
    """Those of them that the recipe's limit lets in."""

    @property
    def whole(self) -> bool:
        """Whether everything that the list names is in the release."""
        return not self.rejections and not self.failures and not self.no_answer_came

    @property
    def missing_clips(self) -> int:
        """Clips that are missing or were rejected, less those that the recipe's keys `select.…` leave out."""
        return len(self._missing(listed=True)) + len(self._missing(listed=False))

    @property
    def missing_share(self) -> float:
        """The share of all clips that `missing_clips` is.

        With a limit only some clips are decoded; the share that those lose stands for the others.
        """
        missing = len(self._missing(listed=True))
        found = self.listed_clips / max(self.listed_clips + missing, 1)
        usable = 1 - len(self._missing(listed=False)) / max(self.planned_clips, 1)
        return 1 - found * usable

    def whole_but_for(self, share: float) -> bool:
        """Whether nothing is wrong but for missing and rejected clips, and these are at most this share of all."""
        return not self.failures and not self.no_answer_came and self.missing_share <= share

    def _missing(self, *, listed: bool) -> set[tuple[str | None, str]]:
        """Clips that were rejected by the list, or after it; each once, however many rows it has."""
        return {
            (rejection.split, rejection.source_id or rejection.file)
            for rejection in self.rejections
            if (rejection.stage == "list") is listed and rejection.reason not in LEFT_OUT
        }
