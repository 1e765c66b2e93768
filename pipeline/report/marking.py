"""Where a caption says the words of space: in the phrases of place that the check of captions reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from transforms.bounds.limits import MOST_CAPTION_CHARACTERS
from transforms.captions.phrases.canonical import canonical_words
from transforms.captions.phrases.parse import find_phrases

# Words at the ends of a phrase that are not marked: of "on your left", only "left" is.
_UNMARKED = frozenset(
    "a an the in on at to from of toward towards and with your our you listener room space chamber hall ,".split()
)

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[,;:.!?()…—–\n]")
_Token = tuple[str, int, int]


def marked(caption: str, words: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """The caption in pieces; each piece comes with True when it says one of the words."""
    return _pieces(caption, marks(caption, words))


def marks(caption: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """The start and the end of each part of a caption that says one of the words, in order; none in a very long one."""
    if len(caption) > MOST_CAPTION_CHARACTERS:
        return []
    tokens = _tokens(caption)
    wanted = set(words)
    spans: list[tuple[int, int]] = []
    for found in find_phrases(" ".join(text for text, _, _ in tokens)):
        if found.of_another or not wanted & {word for _, word in (*found.says, *found.weakly)}:
            continue
        first, last = found.start, found.end - 1
        while first < last and tokens[first][0] in _UNMARKED:
            first += 1
        while last > first and tokens[last][0] in _UNMARKED:
            last -= 1
        spans.append((tokens[first][1], tokens[last][2]))
    return _joined(caption, spans)


def _tokens(caption: str) -> list[_Token]:
    """The canonical words of a caption, each with its start and end in the caption; a comma stands at both ends."""
    tokens: list[_Token] = [(",", 0, 0)]
    for found in _TOKEN.finditer(caption):
        words = canonical_words(found[0])
        text = words[0] if len(words) == 1 else found[0]
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
