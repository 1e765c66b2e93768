"""The language of a text, and a text without its place."""

from __future__ import annotations

from collections.abc import Container

from transforms.captions.check.sound_words import FOREIGN_WORDS, FUNCTION_WORDS
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.parse import find_phrases, without_phrases


def is_english(text: str) -> bool:
    """False where the letters are mostly not Latin or another language's little words prevail; tags are English."""
    letters = [character for character in text[:4000] if character.isalpha()]
    if letters and sum(character > "ɏ" for character in letters) > 0.15 * len(letters):
        return False
    tokens = canonical_text(text[:4000]).split()
    foreign = sum(token in FOREIGN_WORDS for token in tokens)
    return foreign < 2 or foreign <= sum(token in FUNCTION_WORDS for token in tokens)


def without_place(text: str, kept: Container[str] = ()) -> str:
    """Canonical text without its phrases of place, so that a "small" that is left belongs to a sound.

    Words that speak of a room go with the phrases beside them, but not those in `kept`.
    """
    return without_phrases(text, find_phrases(text), kept)
