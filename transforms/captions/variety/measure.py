"""Measures of variety that can be compared between sets of captions of any size."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from transforms.captions.variety.frames import BEFORE, BEHIND, Reading, read_caption
from transforms.captions.variety.sample import CaptionSample

#: At most so many captions are measured; more would make more frames of the same writer.
MEASURED = 1_000
#: Counts are also given for so many captions, so that small sets can be compared.
FEW = 100
#: Distinct bigrams are counted among so many.
BIGRAMS = 1_000


@dataclass(frozen=True)
class Variety:
    """How varied some captions are. All but `without_place` is about the captions that say a place."""

    captions: int
    """The captions that were measured, at most a thousand."""
    without_place: int
    """Captions that say no place beyond what their originals say. They were passed over."""
    frames: int
    """Distinct sentence frames."""
    frames_per_100: float | None
    """Distinct frames to expect among 100 of the captions; None where there are fewer."""
    frames_per_1000: float | None
    """The same among 1,000."""
    begins_with_place: float | None
    """The share of captions whose first words are a phrase of place."""
    adds_only: float | None
    """The share that is the original, whole and in one piece, with something put before it, behind it or around it."""
    adds_before: float | None
    """The share that is the original with something put before it alone."""
    adds_behind: float | None
    """The share that is the original with something put behind it alone."""
    bigrams_per_1000: float | None
    """Distinct pairs of neighbouring words to expect among 1,000 pairs; None where there are fewer."""
    new_word_share: float | None
    """The share of the words outside of places of which the original has no form."""
    new_words: int
    """Such words, each base form once."""
    new_words_per_100: float | None
    """Distinct such words to expect among 100 of the captions; None where there are fewer."""

    def as_json(self) -> dict[str, Any]:
        """The measures by name."""
        return asdict(self)


def measure_variety(pairs: Iterable[tuple[str, str]]) -> Variety:
    """The variety of captions, each with its original: of the first thousand that say a place.

    Give them in an order that does not depend on files (see CaptionSample). The order decides which captions are
    measured where there are more, and nothing else.
    """
    frames: Counter[str] = Counter()
    bigrams: Counter[tuple[str, str]] = Counter()
    captions_with: Counter[str] = Counter()
    added: Counter[str] = Counter()
    captions = without_place = begins = words = new_words = 0
    for caption, original in pairs:
        reading = _read(caption, original)
        if not reading.has_place:
            without_place += 1
            continue
        captions += 1
        frames[reading.frame] += 1
        begins += reading.begins_with_place
        added[reading.added] += 1
        bigrams.update(reading.bigrams)
        words += len(reading.words)
        new_words += len(reading.new_words)
        captions_with.update(set(reading.new_words))
        if captions == MEASURED:
            break
    return Variety(
        captions=captions,
        without_place=without_place,
        frames=len(frames),
        frames_per_100=_rounded(rarefied(frames, captions, FEW), 1),
        frames_per_1000=_rounded(rarefied(frames, captions, MEASURED), 1),
        begins_with_place=_share(begins, captions),
        adds_only=_share(captions - added[""], captions),
        adds_before=_share(added[BEFORE], captions),
        adds_behind=_share(added[BEHIND], captions),
        bigrams_per_1000=_rounded(rarefied(bigrams, bigrams.total(), BIGRAMS), 1),
        new_word_share=_share(new_words, words),
        new_words=len(captions_with),
        new_words_per_100=_rounded(rarefied(captions_with, captions, FEW), 1),
    )


def caption_variety(samples: Mapping[str, CaptionSample]) -> dict[str, dict[str, Any]]:
    """The variety of all captions (`all`) and of those of each status, for release.json; empty without captions."""
    everything = CaptionSample()
    for sample in samples.values():
        everything.merge(sample)
    named = {"all": everything, **dict(sorted(samples.items()))}
    return {name: measure_variety(sample.pairs()).as_json() for name, sample in named.items() if sample.entries}


def rarefied(times: Mapping[Any, int], total: int, size: int) -> float | None:
    """How many distinct kinds to expect among `size` of `total` things drawn without replacement (rarefaction).

    Args:
        times: kind → in how many of the things it occurs.
        total: the number of things.
        size: the number of things that are drawn.

    Returns:
        The expected number; None where there are fewer than `size` things.
    """
    if total < size:
        return None
    # The chance that no draw has a kind that occurs n times: C(total - n, size) / C(total, size).
    missed = [1.0]
    for drawn in range(max(times.values(), default=0)):
        missed.append(missed[-1] * max(total - size - drawn, 0) / (total - drawn))
    return math.fsum(1.0 - missed[count] for count in times.values())


@lru_cache(maxsize=2 * MEASURED)
def _read(caption: str, original: str) -> Reading:
    """The reading of a caption, which counts among all captions and among those of its status."""
    return read_caption(caption, original)


def _share(part: int, whole: int) -> float | None:
    return _rounded(part / whole, 4) if whole else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
