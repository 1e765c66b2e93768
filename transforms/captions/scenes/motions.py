"""What a text says of motion without directions: a sound comes nearer, goes farther away, rises or sinks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from transforms.captions.lexicon.base_forms import lemmas

#: Verbs that carry a motion.
MOVES = frozenset(
    "move go come get draw grow drift travel walk run fly drive ride roll glide slide float head edge creep step sail "
    "pull pass cross swing sweep wander shift circle race rush speed hurry stroll march make carry proceed journey "
    "traverse pan migrate sway veer curve arc turn zoom cruise advance slip flit".split()
)
#: Verbs that tell where a motion begins and ends.
BOUNDS = frozenset("start begin end finish stop settle arrive".split())


@dataclass(frozen=True)
class Motion:
    """A phrase of motion: its words, and one of `nearer`, `farther`, `up` and `down`."""

    start: int
    end: int
    word: str


# `MOVE` stands for any form of a verb of MOVES.
_DEGREE = (
    "(?:(?:ever|even|still|steadily|slowly|gradually|quickly|a little|a bit|much|somewhat|always|straight|right|"
    "directly|in|off) )*"
)
_LISTENER = "(?:you|us|me|the listener|where you (?:are|stand|sit)) "
_AWAY = f"(?:(?:and )?(?:away |off |out |from {_LISTENER}|into the (?:far )?distance ))"
# After these, "up" and "down" tell a place: "comes up on your left".
_NO_PLACE = "(?!(?:on|to|in|above|high|at|from|front|ahead|by|near|close|below|low|beneath|there|over|behind) )"

_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "nearer",
        f"(?:MOVE )?{_DEGREE}(?:closer|nearer) (?:and (?:closer|nearer) )?(?:still )?"
        f"(?:(?:to|toward|towards) {_LISTENER})?",
    ),
    ("nearer", f"approach(?:es|ing|ed)? (?:{_LISTENER})?"),
    ("nearer", f"(?:MOVE|com(?:es|ing)) {_DEGREE}(?:up )?(?:toward|towards) {_LISTENER}"),
    ("nearer", f"clos(?:es|ing|ed) in (?:on {_LISTENER})?"),
    ("nearer", f"near(?:s|ing|ed) (?:{_LISTENER})?"),
    ("nearer", f"(?:com|draw|gett?|mov)(?:es|ing|s) near (?:{_LISTENER})?"),
    ("farther", f"(?:MOVE|fad(?:es|ing)) {_DEGREE}(?:farther|further) (?:and (?:farther|further) )?{_AWAY}*"),
    ("farther", f"(?:farther|further) and (?:farther|further) {_AWAY}*"),
    ("farther", f"(?:reced(?:es|ing|ed|e)|retreat(?:s|ing|ed)?|withdraw(?:s|ing|n)?) {_AWAY}*"),
    ("farther", f"MOVE {_DEGREE}(?:away |into the (?:far )?distance ){_AWAY}*"),
    ("farther", f"MOVE off {_AWAY}*"),
    ("farther", "(?:fad|disappear|vanish|dwindl|trail)(?:es|s|ing) (?:(?:away|off|out) )?into the (?:far )?distance "),
    (
        "up",
        "(?:(?:ris(?:es|ing|en|e)|rose|soar(?:s|ing|ed)?) (?!from )|(?:ascend|climb)(?:s|ing|ed)? )"
        "(?:(?:up|upward|upwards|higher) (?:and higher )?)?",
    ),
    ("up", f"(?:MOVE|lift(?:s|ing)) {_DEGREE}(?:(?:upward|upwards|higher) (?:and higher )?|up {_NO_PLACE})"),
    (
        "down",
        "(?:sinks|sinking|sank|descend(?:s|ing|ed)?|lower(?:s|ing)) (?!from )(?:(?:down|downward|downwards|lower) )*",
    ),
    (
        "down",
        f"(?:MOVE|(?:drop|fall)(?:s|ing)?) {_DEGREE}(?:(?:downward|downwards|lower) (?:and lower )?|down {_NO_PLACE})",
    ),
)


def find_motions(words: Sequence[str]) -> tuple[Motion, ...]:
    """The motions in canonical words, in order; no two share a word."""
    taken = [False] * len(words)
    found: list[Motion] = []
    lines = (["MOVE" if moves(word) else word for word in words], list(words))
    for word, pattern in _compiled():
        for line in lines:
            starts = _starts(line)
            for match in pattern.finditer("".join(f"{one} " for one in line)):
                start, end = starts[match.start()], starts[match.end()]
                if start < end and not any(taken[start:end]):
                    taken[start:end] = [True] * (end - start)
                    found.append(Motion(start, end, word))
    return tuple(sorted(found, key=lambda motion: motion.start))


def moves(word: str) -> bool:
    """Whether a word is a form of a verb that carries a motion."""
    return word != "," and bool(lemmas(word) & MOVES)


def _starts(words: Sequence[str]) -> Mapping[int, int]:
    """The number of the word that begins at each position of the line of words."""
    starts, offset = {}, 0
    for position, word in enumerate(words):
        starts[offset] = position
        offset += len(word) + 1
    return {**starts, offset: len(words)}


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((word, re.compile(rf"(?<!\S){pattern}")) for word, pattern in _PATTERNS)
