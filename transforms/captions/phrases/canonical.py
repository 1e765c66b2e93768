"""Text in canonical form, in which phrases are found and words are compared."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[,;:.!?()…—–\n]")
# Longer texts are no captions, and are not kept.
_LONGEST_KEPT_CHARS = 2000
_MARKS = frozenset(",;:.!?()…—–\n")


def canonical_words(text: str) -> list[str]:
    """The words of a text in lower case, without accents, hyphens and "'s"; a comma stands for any punctuation."""
    plain = text.lower()
    if not text.isascii():
        folded = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
        plain = "".join(character for character in folded if not unicodedata.combining(character))
    return ["," if word in _MARKS else word.removesuffix("'s") for word in _WORD.findall(plain)]


def canonical_text(text: str) -> str:
    """The canonical words of a text, one space between two of them, no comma twice."""
    return _kept_text(text) if len(text) <= _LONGEST_KEPT_CHARS else _text(text)


@lru_cache(maxsize=64)
def _kept_text(text: str) -> str:
    """The same, kept: one check of a caption asks for the same texts several times."""
    return _text(text)


def _text(text: str) -> str:
    words = " ".join(canonical_words(text))
    # A comma at both ends, so that a text says the same by itself and inside a longer sentence.
    return f", {re.sub(r'(?: ,)+', ' ,', words.strip(' ,'))} ,"
