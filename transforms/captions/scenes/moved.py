"""The motion of one sound in an answer, and how it differs from that of the scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.found import Found
from transforms.captions.scenes.motions import BOUNDS, MOVES, Motion, find_motions

_FROM = frozenset(("from",))
_TO = frozenset("to toward towards into until till onto".split())
_REVERSED = {"nearer": "farther", "farther": "nearer", "up": "down", "down": "up"}


@dataclass(frozen=True)
class Way:
    """A motion from one direction to another."""

    start: str
    end: str
    starts: tuple[Found, ...]
    """The phrases that tell where it starts."""
    ends: tuple[Found, ...]
    """The phrases that tell where it ends, which is not the place of the sound at its onset."""

    @property
    def starts_alone(self) -> bool:
        """Whether those phrases tell a direction and nothing else, so that no place is lost without them."""
        return all(attribute == "direction" for found in self.starts for attribute, _ in found.says)

    @property
    def word(self) -> str:
        """As a release names it: `left to front`."""
        return f"{self.start} to {self.end}"


def directions_of(spots: Sequence[Found]) -> list[tuple[str, Found]]:
    """The directions that phrases tell of the listener, in order."""
    return [
        (word, found)
        for found in spots
        if not found.of_another
        for word in dict.fromkeys(value for attribute, value in found.says if attribute == "direction")
    ]


def way_of(
    words: Sequence[str], spots: Sequence[Found], other_words: Sequence[str], own: frozenset[str] = frozenset()
) -> Way | None:
    """The motion between two directions that phrases of one sound tell; None where they tell none, or no clear one.

    Args:
        words: the words of the answer.
        spots: the phrases of place of the sound, in order.
        other_words: the words told of the sound outside of phrases.
        own: the lemmas of the sound's original; "a car drives on the left, in front" tells no motion.
    """
    told = directions_of(spots)
    values = list(dict.fromkeys(word for word, _ in told))
    changes = [index for index in range(1, len(told)) if told[index][0] != told[index - 1][0]]
    # With more changes, as in "from the left to the front on the left", nobody can tell.
    if len(values) != 2 or len(changes) != 1:
        return None
    verbs = [lemmas(word) & (MOVES | BOUNDS) for word in other_words]
    moves, is_told_to_move = any(verbs), any(found - own for found in verbs)
    begins, ends = _lead(words, told[changes[0] - 1][1]), _lead(words, told[changes[0]][1])
    if ends & _FROM and not begins & _FROM:
        if not begins & _TO or not moves:
            return None
        # "Moves to the front from the left."
        values.reverse()
    elif not (is_told_to_move or (begins & _FROM and ends & _TO) or (moves and (begins & _FROM or ends & _TO))):
        return None
    starts, reached = (tuple(found for word, found in told if word == value) for value in values)
    return Way(values[0], values[1], starts, reached)


def _lead(words: Sequence[str], found: Found) -> set[str]:
    """The words with which a phrase begins and those before it, up to the one before it of another kind."""
    return set(words[max(0, found.start - 2) : found.start + 2]) & (_FROM | _TO)


def own_motions(original: str) -> Counter[str]:
    """How often an original tells of each motion itself: "footsteps approach"."""
    return Counter(motion.word for motion in find_motions(canonical_text(original).split()))


def check_motion(wanted: str | None, motions: Sequence[Motion], way: Way | None, own: Counter[str]) -> str | None:
    """How the motion in an answer differs from the one of the scene: a reason, or None."""
    told = Counter(motion.word for motion in motions)
    extra = told - own
    if way is not None:
        extra[way.word] += 1
    if wanted is None:
        return "motion_added" if extra else None
    if " to " in wanted:
        start, _, end = wanted.partition(" to ")
        if way is not None and (way.start, way.end) == (end, start):
            return "motion_reversed"
    elif extra[_REVERSED[wanted]] and not extra[wanted]:
        return "motion_reversed"
    if set(extra) - {wanted}:
        return "motion_added"
    return None if extra[wanted] else "missing_motion"
