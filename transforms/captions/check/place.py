"""The check of the words of space: missing, contradicted or invented."""

from __future__ import annotations

import re
from collections import Counter

from transforms.captions.check.place_patterns import ELSEWHERE, OF_ROOM, SAID, SUSPECTED
from transforms.captions.check.text import canonical_text
from transforms.words import VOCABULARY, SpatialWords

# No text encoder reads further; what an original says beyond is not compared, so that no caption costs seconds.
_LONGEST_ORIGINAL_CHARS = 4000


def check_place(answer: str, original: str, words: SpatialWords) -> str | None:
    """The part of `check_caption` about the words of space: contradicted, invented or missing, else None.

    What the original says of a place it may say again, as often as it did: a contradiction is what is new.
    """
    text, before = canonical_text(answer), canonical_text(compared_original(original))
    said, denied = _count(SAID, text)
    inside = _count(SAID, ELSEWHERE.sub(" , ", text))[0]
    loosely = _count(SUSPECTED, text)[0]
    said_before, denied_before = _count(SAID, before)
    loosely_before = _count(SUSPECTED, before)[0]
    demanded = words.present()
    for attribute in VOCABULARY:
        wanted = demanded.get(attribute)
        new = {word for key, word in (said - said_before) + (loosely - loosely_before) if key == attribute}
        new_denials = {word for key, word in denied - denied_before if key == attribute}
        if wanted is None and new | new_denials:
            return f"invents_{attribute}"
        if wanted is not None and (new - {wanted} or wanted in new_denials):
            return f"contradicts_{attribute}"
    for attribute, wanted in demanded.items():
        # A room's words have to be those of the room that the sound is in.
        if not (inside if attribute in OF_ROOM else said)[(attribute, wanted)]:
            return f"missing_{attribute}"
    return None


def compared_original(original: str) -> str:
    """The part of an original that an answer is held against, on one line."""
    return " ".join(original.split())[:_LONGEST_ORIGINAL_CHARS]


_Counts = Counter[tuple[str, str]]


def _count(table: dict[str, dict[str, re.Pattern[str]]], text: str) -> tuple[_Counts, _Counts]:
    """How often each (attribute, word) is said in canonical text, and how often it is denied."""
    said: _Counts = Counter()
    denied: _Counts = Counter()
    for attribute, words in table.items():
        for word, pattern in words.items():
            for match in pattern.finditer(text):
                (denied if match["no"] else said)[(attribute, word)] += 1
    return said, denied
