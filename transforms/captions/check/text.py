"""Text of captions in canonical form, and without its place."""

from __future__ import annotations

import re
import unicodedata

from transforms.captions.check.place_patterns import SAID
from transforms.captions.check.sound_words import FOREIGN_WORDS, FUNCTION_WORDS


def is_english(text: str) -> bool:
    """False where the letters are mostly not Latin or another language's little words prevail; tags are English."""
    letters = [character for character in text[:4000] if character.isalpha()]
    if letters and sum(character > "ɏ" for character in letters) > 0.15 * len(letters):
        return False
    tokens = canonical_text(text[:4000]).split()
    foreign = sum(token in FOREIGN_WORDS for token in tokens)
    return foreign < 2 or foreign <= sum(token in FUNCTION_WORDS for token in tokens)


def canonical_text(text: str) -> str:
    """Lower case without accents and hyphens, one space between tokens, a comma for any punctuation."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    tokens = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[,;:.!?()…—–\n]", plain)
    words = " ".join("," if token in ",;:.!?()…—–\n" else token.removesuffix("'s") for token in tokens)
    # A comma at both ends, so that a text says the same by itself and inside a longer sentence.
    return f", {re.sub(r'(?: ,)+', ' ,', words.strip(' ,'))} ,"


def without_place(text: str) -> str:
    """Canonical text without what says a word of space, so that a "small" that is left belongs to a sound."""
    for words in SAID.values():
        for pattern in words.values():
            text = pattern.sub(" , ", text)
    return text
