"""The frame of a caption: the sentence with its places and its sounds blanked, such as "P, S"."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from transforms.captions.check.senses import Senses
from transforms.captions.check.sound_words import FUNCTION_WORDS
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.parse import SPOT, Found, find_phrases

#: Where a caption adds to its original.
BEFORE, BEHIND, AROUND = "before", "behind", "around"

_SPOT, _ROOM, _SOUND = "P", "R", "S"
# Words before a noun, which belong to the sound that follows.
_DETERMINERS = frozenset(
    "a an the this that these those some any another other each both its his her their one no".split()
)
# What may stand before the place at the beginning of a caption: "Somewhere on the left, …".
_BEFORE_PLACE = frozenset((",", "from", "somewhere"))
# What may stand between two phrases of one place or of one room: "low down and right behind you".
_JOINED = {
    _SPOT: re.compile(rf"\b{_SPOT}(?:(?: ,)*(?: (?:and|but|yet))?(?: ,)* {_SPOT})+\b"),
    _ROOM: re.compile(rf"\b{_ROOM}(?:(?: ,)*(?: (?:and|but|yet))?(?: ,)* {_ROOM})+\b"),
    _SOUND: re.compile(rf"\b{_SOUND}(?:(?: ,)* {_SOUND})+\b"),
}


@dataclass(frozen=True)
class Reading:
    """What is counted of one caption beside its original."""

    frame: str
    """The caption with P for its spots, R for its rooms and S for the sounds of the original."""
    has_place: bool
    """Whether it says a place that the original does not say."""
    begins_with_place: bool
    added: str
    """Where it adds to an original that it keeps whole: `before`, `behind` or `around` it; else empty."""
    bigrams: tuple[tuple[str, str], ...]
    """Every two words that follow each other; punctuation is no word."""
    words: tuple[str, ...]
    """The words outside its places."""
    new_words: tuple[str, ...]
    """Those of them of which the original has no form, each in its base form."""


def read_caption(caption: str, original: str) -> Reading:
    """The reading of a caption. Never raises and takes time linear in the two lengths.

    A phrase of place that the original has too, behind the same word, belongs to the sounds and not to the place.
    """
    tokens, before = _tokens(caption), _tokens(original)
    places = _own_places(tokens, before)
    # In "a large tiled room", "tiled" belongs to no phrase of place.
    in_place = _positions(places) - {position for found in places for position in found.keeps}
    words = [word for position, word in enumerate(tokens) if word != "," and position not in in_place]
    known = {lemma for word in before for lemma in lemmas(word)}
    spoken = [word for word in tokens if word != ","]
    return Reading(
        frame=_frame(tokens, before, places),
        has_place=any(found.says or found.weakly or found.denies for found in places),
        begins_with_place=_begins_with(tokens, places),
        added=_added(tokens, before),
        bigrams=tuple(itertools.pairwise(spoken)),
        words=tuple(words),
        new_words=tuple(_base_form(word) for word in words if not lemmas(word) & known),
    )


def _base_form(word: str) -> str:
    return word if word in lemmas(word) else min(lemmas(word))


def _added(tokens: Sequence[str], before: Sequence[str]) -> str:
    """Where words are added to an original that stands whole and in one piece; empty where it does not."""
    if not before or len(tokens) == len(before):
        return ""
    if tokens[: len(before)] == before:
        return BEHIND
    if tokens[-len(before) :] == before:
        return BEFORE
    return AROUND if f" {' '.join(before)} " in f" {' '.join(tokens)} " else ""


def _tokens(text: str) -> list[str]:
    """The canonical words of a text without the commas at its two ends."""
    return canonical_text(text).strip(" ,").split()


def _own_places(tokens: Sequence[str], before: Sequence[str]) -> list[Found]:
    """The phrases of place that are said of the listener or a room, without those that the original has."""
    # What the original says, each with the forms of the word before it.
    known: dict[str, set[str]] = defaultdict(set)
    for found in find_phrases(" ".join(before)):
        known[_text(found, before)] |= _forms_before(found, before)
    return [
        found
        for found in find_phrases(" ".join(tokens))
        if not found.of_another and not known[_text(found, tokens)] & _forms_before(found, tokens)
    ]


def _text(found: Found, tokens: Sequence[str]) -> str:
    return " ".join(tokens[found.start : found.end])


def _forms_before(found: Found, tokens: Sequence[str]) -> frozenset[str]:
    return lemmas(tokens[found.start - 1]) if found.start else frozenset((",",))


def _positions(places: Sequence[Found]) -> set[int]:
    return {position for found in places for position in range(found.start, found.end)}


def _begins_with(tokens: Sequence[str], places: Sequence[Found]) -> bool:
    first = places[0].start if places else len(tokens)
    return bool(places) and all(word in _BEFORE_PLACE for word in tokens[:first])


def _frame(tokens: Sequence[str], before: Sequence[str], places: Sequence[Found]) -> str:
    blanks = _sounds(tokens, before, places)
    for found in places:
        blanks |= dict.fromkeys(range(found.start, found.end), _SPOT if found.kind == SPOT else _ROOM)
    # A blank is told from a word by its capital letter.
    frame = " ".join(blanks.get(position, word) for position, word in enumerate(tokens))
    for blank, pattern in _JOINED.items():
        frame = pattern.sub(blank, frame)
    return re.sub(r"(?: ,)+", ",", f" {frame} ").strip(" ,")


def _sounds(tokens: Sequence[str], before: Sequence[str], places: Sequence[Found]) -> dict[int, str]:
    """The positions of the words that belong to the original's sounds, outside of the places.

    A run begins and ends with a word of the original. Little words inside it belong to it, those at its ends only as
    the determiners of its first word or where the original has them at the same word.
    """
    in_place = _positions(places)
    senses = Senses(word for word in before if word not in FUNCTION_WORDS and word != ",")
    pairs = set(itertools.pairwise(before))
    is_sound = [
        position not in in_place
        and word not in FUNCTION_WORDS
        and word != ","
        and (senses.says(word) or senses.has(word))
        for position, word in enumerate(tokens)
    ]
    blanks: dict[int, str] = {}
    last: int | None = None
    for position, word in enumerate(tokens):
        if is_sound[position]:
            first = position if last is None else last + 1
            if last is None:
                while _belongs_before(tokens, first - 1, in_place, blanks, pairs):
                    first -= 1
            blanks |= dict.fromkeys(range(first, position + 1), _SOUND)
            last = position
        elif position in in_place or (word not in FUNCTION_WORDS and word != ","):
            last = None
        elif last == position - 1 and (tokens[last], word) in pairs and word != ",":
            blanks[position] = _SOUND
            last = position
    return blanks


def _belongs_before(
    tokens: Sequence[str],
    position: int,
    in_place: set[int],
    blanks: dict[int, str],
    pairs: set[tuple[str, str]],
) -> bool:
    """Whether a little word belongs to the word of a sound that follows it."""
    if position < 0 or position in in_place or position in blanks:
        return False
    word = tokens[position]
    return word in FUNCTION_WORDS and (word in _DETERMINERS or (word, tokens[position + 1]) in pairs)
