"""Text of captions in canonical form, and the stems of its words."""

from __future__ import annotations

import threading
from functools import lru_cache

import snowballstemmer

from transforms.captions.check.sound_words import (
    DROPPABLE_WORDS,
    FOREIGN_WORDS,
    FUNCTION_WORDS,
    NEUTRAL_WORDS,
    SAME_SENSE,
)
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.parse import find_phrases, without_phrases

# The stemmer takes more than linear time; no English word is longer.
_LONGEST_WORD_CHARS = 40


def is_english(text: str) -> bool:
    """False where the letters are mostly not Latin or another language's little words prevail; tags are English."""
    letters = [character for character in text[:4000] if character.isalpha()]
    if letters and sum(character > "ɏ" for character in letters) > 0.15 * len(letters):
        return False
    tokens = canonical_text(text[:4000]).split()
    foreign = sum(token in FOREIGN_WORDS for token in tokens)
    return foreign < 2 or foreign <= sum(token in FUNCTION_WORDS for token in tokens)


def without_place(text: str) -> str:
    """Canonical text without its phrases of place, so that a "small" that is left belongs to a sound."""
    return without_phrases(text, find_phrases(text))


def word_stems(canonical: str) -> list[str]:
    """Each word's stem once, in order of first use."""
    return list(dict.fromkeys(word_stem(token) for token in canonical.split() if token != ","))


@lru_cache(maxsize=50_000)
def word_stem(word: str) -> str:
    stem = bare_stem(word)
    return _senses().get(word) or _senses().get(stem, stem)


@lru_cache(maxsize=50_000)
def bare_stem(word: str) -> str:
    if len(word) > _LONGEST_WORD_CHARS:
        return word
    stem: str = _STEMMERS.english.stemWord(word)
    # "purr" and "purring" have the stems "purr" and "pur".
    return stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem


@lru_cache(maxsize=1)
def _senses() -> dict[str, str]:
    lines = (line.split() for line in SAME_SENSE)
    return {word: words[0] for words in lines for word in words}


class _Stemmers(threading.local):
    """A stemmer a thread: it keeps the word that it works on in itself, and captions are checked from many threads."""

    def __init__(self) -> None:
        self.english = snowballstemmer.stemmer("english")


_STEMMERS = _Stemmers()


@lru_cache(maxsize=1)
def function_stems() -> frozenset[str]:
    return frozenset(word_stem(word) for word in FUNCTION_WORDS)


@lru_cache(maxsize=1)
def neutral_stems() -> frozenset[str]:
    return frozenset(word_stem(word) for word in NEUTRAL_WORDS)


@lru_cache(maxsize=1)
def droppable_stems() -> frozenset[str]:
    return frozenset(word_stem(word) for word in DROPPABLE_WORDS)
