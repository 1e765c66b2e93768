"""The words of an answer about a scene, with its phrases of place and of motion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_words
from transforms.captions.phrases.found import Found
from transforms.captions.phrases.parse import find_phrases
from transforms.captions.scenes.motions import Motion, find_motions

# Marks that end a clause for certain. A full stop inside a number or an abbreviation is none.
_STRONG = re.compile(r"[;:!?]|\.(?=\s|$)")


@dataclass(frozen=True)
class Tokens:
    """A text as canonical words, and what its phrases say."""

    words: tuple[str, ...]
    """A comma stands for any punctuation, and for both ends of the text."""
    strong: frozenset[int]
    """The commas that stand for a semicolon, a colon, the end of a sentence, or an end of the text."""
    phrases: tuple[Found, ...]
    """The phrases of place, in order. None shares a word with a motion."""
    motions: tuple[Motion, ...]
    """What is said of motion without directions: nearer, farther, up, down."""

    def is_particle(self, position: int) -> bool:
        """Whether a word is the "up" of "ends up", which tells no height."""
        return _is_particle(self.words, position)

    def text(self, start: int, end: int) -> str:
        """The words of a part, one space between two of them."""
        return " ".join(self.words[start:end])


def tokens_of(text: str) -> Tokens:
    """The words and phrases of a text."""
    words: list[str] = [","]
    strong = {0}
    for part in _STRONG.split(text):
        for word in canonical_words(part):
            if word != "," or words[-1] != ",":
                words.append(word)
        if words[-1] != ",":
            words.append(",")
        strong.add(len(words) - 1)
    motions = find_motions(words)
    # A comma in place of a motion, so that "farther away" is read as no place.
    plain = list(words)
    for motion in motions:
        plain[motion.start : motion.end] = [","] * (motion.end - motion.start)
    plain = ["," if _is_particle(words, position) else word for position, word in enumerate(plain)]
    # "Before you hear it" tells no place.
    phrases = [
        found
        for found in find_phrases(" ".join(plain))
        if not (words[found.end] in ("hear", "heard") and tuple(words[found.start : found.end]) == ("before", "you"))
    ]
    return Tokens(tuple(words), frozenset(strong), tuple(phrases), motions)


def _is_particle(words: Sequence[str], position: int) -> bool:
    return words[position] == "up" and bool(lemmas(words[position - 1]) & {"end", "wind", "finish"})
