"""Where a caption says the words of space: the same phrases that the check of captions accepts.

report.js marks the captions of the table in the same way, with the same patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from prompts import PHRASES
from transforms.captions.check import SYNONYMS

#: Words at the ends of a phrase that are not marked: of "on the left", only "left" is.
UNMARKED = frozenset("a an the in on at to from of toward towards and your our room space chamber hall ,".split())

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[,;:.!?()…—–\n]")
_Token = tuple[str, int, int]


def patterns() -> dict[str, str]:
    """For each word of space a regular expression that matches canonical text where it says the word."""
    return {
        # A single word such as "small" may be said of the sound; the check's patterns know when it is.
        word: "|".join([*([phrase] if " " in phrase else []), *SYNONYMS[attribute][word]])
        for attribute, phrases in PHRASES.items()
        for word, phrase in phrases.items()
    }


def marked(caption: str, words: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """The caption in pieces; each piece comes with True when it says one of the words."""
    tokens = _tokens(caption)
    canonical = " ".join(text for text, _, _ in tokens)
    # For each character of the canonical text, the index of its token.
    token_of = [index for index, (text, _, _) in enumerate(tokens) for _ in f"{text} "]
    spans: list[tuple[int, int]] = []
    for word in words:
        for match in _compiled(word).finditer(canonical):
            first, last = token_of[match.start()], token_of[match.end() - 1]
            while first < last and tokens[first][0] in UNMARKED:
                first += 1
            while last > first and tokens[last][0] in UNMARKED:
                last -= 1
            spans.append((tokens[first][1], tokens[last][2]))
    return _pieces(caption, _joined(caption, spans))


def _tokens(caption: str) -> list[_Token]:
    """Tokens as the patterns expect them, each with its start and end in the caption.

    They are in lower case and without hyphens. A comma stands for any punctuation, and for both ends of the caption.
    """
    tokens: list[_Token] = [(",", 0, 0)]
    for found in _TOKEN.finditer(caption):
        text = found[0].lower().replace("’", "'").removesuffix("'s")
        text = text if text[0].isalnum() else ","
        if text != "," or tokens[-1][0] != ",":
            tokens.append((text, found.start(), found.end()))
    if tokens[-1][0] != ",":
        tokens.append((",", len(caption), len(caption)))
    return tokens


def _joined(caption: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order; those with only a space or nothing between them are joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and not caption[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _pieces(caption: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    pieces: list[tuple[str, bool]] = []
    end_before = 0
    for start, end in spans:
        pieces += [(caption[end_before:start], False), (caption[start:end], True)]
        end_before = end
    pieces.append((caption[end_before:], False))
    return tuple((piece, mark) for piece, mark in pieces if piece)


@lru_cache(maxsize=64)
def _compiled(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{patterns().get(word, re.escape(word))})(?!\w)")
