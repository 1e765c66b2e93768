"""Quotes: where a caption holds the words that a judge quotes, and which of its words no quote holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from transforms.captions.check.sound_words import FUNCTION_WORDS
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_words

# A quote may leave out what stands between its pieces: "a man ... speaks".
_GAP = re.compile(r"\s*(?:…|\.{3,}|\[\.{3,}\])\s*")
# Words that by themselves say a position; the check counts some of them as words that tell nothing.
_POSITIONS = frozenset(
    "front back left right ahead up down off over out around past along away near nearby far close beside behind above "
    "below beneath under underneath atop across against before after within through throughout toward towards".split()
)
# Those that as often say a time or belong to a verb.
_IN_TIME = frozenset("before after up down off over out through past along within throughout".split())
# Words, in any form, that say only that something is heard, or that there is a place.
_HEARD = frozenset(
    "sound noise hear audible come emanate originate occur happen place position side room space".split()
)
# Words for somebody or something else than the listener.
_OTHERS = frozenset(
    "it its itself him his himself her hers herself them their theirs themselves another "
    "someone somebody anyone".split()
)


def tokens_of(text: str) -> list[str]:
    """The words of a text in canonical form, without punctuation."""
    return [token for token in canonical_words(text) if token != ","]


def find_quote(quote: str, caption: list[str]) -> set[int]:
    """The positions in `caption` of the words that a quote holds; none where the caption does not hold it.

    A quote is found wherever it occurs. The pieces of a quote with gaps have to follow each other.
    """
    pieces = [tokens for piece in _GAP.split(quote) if (tokens := tokens_of(piece))]
    if len(pieces) == 1:
        starts = _occurrences(pieces[0], caption)
        return {start + step for start in starts for step in range(len(pieces[0]))}
    found: set[int] = set()
    after = 0
    for piece in pieces:
        start = next((start for start in _occurrences(piece, caption) if start >= after), None)
        if start is None:
            return set()
        after = start + len(piece)
        found |= set(range(start, after))
    return found


def _occurrences(piece: list[str], caption: list[str]) -> list[int]:
    length = len(piece)
    return [start for start in range(len(caption) - length + 1) if caption[start : start + length] == piece]


def says_something_new(positions: Iterable[int], caption: list[str], original: list[str]) -> bool:
    """Whether quoted words are in the caption more often than in the original; articles and pronouns do not count."""
    before, after = Counter(original), Counter(caption)
    quoted = {caption[position] for position in positions}
    return any(after[token] > before[token] for token in quoted if token in _POSITIONS or not _is_empty(token))


def names_another(positions: Iterable[int], caption: list[str], original: list[str]) -> bool:
    """Whether the quoted words of a place name what the original tells of, or somebody else: "behind the car"."""
    before, after = Counter(original), Counter(caption)
    quoted = {caption[position] for position in positions}
    return bool(quoted & _OTHERS) or any(before[token] >= after[token] for token in quoted if not _is_empty(token))


def unquoted_words(caption: list[str], quoted: set[int]) -> list[str]:
    """The words of a caption that tell something and that no quote holds."""
    rest = (token for position, token in enumerate(caption) if position not in quoted)
    return [token for token in rest if not _is_empty(token) or token in _POSITIONS - _IN_TIME]


def _is_empty(token: str) -> bool:
    """Whether a word says neither a sound nor what it is like; a position is no sound."""
    return token in FUNCTION_WORDS or bool(lemmas(token) & _HEARD)
