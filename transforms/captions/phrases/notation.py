"""A small notation for phrases, which is read as a pattern of text and written out as prose.

| notation | meaning |
|---|---|
| `on the left` | these words in this order |
| `[very]` | these words or none |
| `(near|close by)` | one of these |
| `<you>` | a definition of that name |
| `*` | any one word; a phrase that holds it is read and never written |

Patterns are matched on canonical text (`canonical_text`) that ends in a space. Nothing repeats, so a match takes
bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transforms.captions.phrases.canonical import canonical_words

_TOKEN = re.compile(r"[\[\]()|]|<\w+>|[^\s\[\]()|<>]+")


@dataclass(frozen=True)
class Word:
    """One word, as it is written."""

    text: str


@dataclass(frozen=True)
class Sequence:
    """Parts that follow each other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """Alternatives; an empty sequence among them makes the choice optional."""

    options: tuple[Node, ...]


Node = Word | Sequence | Choice


def parse(notation: str, definitions: Mapping[str, str] | None = None) -> Node:
    """The notation as a tree.

    Raises:
        ValueError: a bracket that is not closed, or an unknown definition.
    """
    tokens = _TOKEN.findall(notation)
    node, end = _choice(tokens, 0, definitions or {})
    if end != len(tokens):
        raise ValueError(f"{notation!r}: {tokens[end]!r} is not expected")
    return node


def _choice(tokens: list[str], start: int, definitions: Mapping[str, str]) -> tuple[Node, int]:
    options: list[Node] = []
    position = start
    while True:
        parts: list[Node] = []
        while position < len(tokens) and tokens[position] not in "|])":
            part, position = _part(tokens, position, definitions)
            parts.append(part)
        options.append(parts[0] if len(parts) == 1 else Sequence(tuple(parts)))
        if position == len(tokens) or tokens[position] != "|":
            break
        position += 1
    return options[0] if len(options) == 1 else Choice(tuple(options)), position


def _part(tokens: list[str], position: int, definitions: Mapping[str, str]) -> tuple[Node, int]:
    token = tokens[position]
    if token in "[(":
        inner, end = _choice(tokens, position + 1, definitions)
        if end == len(tokens) or tokens[end] != {"[": "]", "(": ")"}[token]:
            raise ValueError(f"{token!r} is not closed")
        return (Choice((Sequence(()), inner)) if token == "[" else inner), end + 1
    if token.startswith("<"):
        return parse(definitions[token[1:-1]], definitions), position + 1
    return Word(token), position + 1


def pattern(node: Node) -> str:
    """The regular expression that reads the tree; each word of it ends in a space."""
    match node:
        case Word("*"):
            return r"[^\W\d_]+ "
        case Word(text):
            return "".join(f"{re.escape(word)} " for word in canonical_words(text))
        case Sequence(parts):
            return "".join(map(pattern, parts))
        case Choice(options):
            filled = [pattern(option) for option in options if option != Sequence(())]
            # The longer option first: "close by" before "close".
            filled.sort(key=lambda text: -text.count(" "))
            return f"(?:{'|'.join(filled)}){'?' if len(filled) < len(options) else ''}"


def first_words(node: Node) -> set[str]:
    """The words with which a text that the tree reads can begin; an empty string stands for nothing."""
    match node:
        case Word(text):
            return set(canonical_words(text)[:1])
        case Choice(options):
            return set().union(*map(first_words, options))
        case Sequence(parts):
            found: set[str] = set()
            for part in parts:
                words = first_words(part)
                found |= words - {""}
                if "" not in words:
                    return found
            return found | {""}


def write(node: Node, draw: Callable[[int], int]) -> str:
    """Prose from the tree: one of each choice.

    Args:
        draw: takes a number of options and gives the index of one.
    """
    match node:
        case Word(text):
            return text
        case Sequence(parts):
            return " ".join(text for text in (write(part, draw) for part in parts) if text)
        case Choice(options):
            return write(options[draw(len(options))], draw)
