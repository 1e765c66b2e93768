"""The grammar of place phrases, read from `place.txt`.

Each entry of the file starts at the left edge; lines that are indented go on with it. There are these kinds:

| entry | meaning |
|---|---|
| `<name> = …` | a definition, which the notation of phrases refers to |
| `adjectives room_size.small = …` | what adjectives before a room say |
| `rooms = …` | what a room is called |
| `named rooms = …` | what is a room where an adjective of rooms stands before it |
| `written room_size.small = …` | adjectives of a room that the template writes |
| `direction.left weakly distance.near (conditions): …` | a phrase, and the words of space that it says |

What a phrase says weakly ("just behind you" is near) fulfils what a row demands and contradicts nothing. The word
`other` of an attribute is a place that no row has. Conditions:

| condition | meaning |
|---|---|
| `before spot`, `before room` | another spot, or a room, has to follow |
| `before stop`, `before comma` | the end of a clause or another spot has to follow, or a comma or an "and" |
| `after spot`, `after room`, `after stop` | a spot, a room, or the start of a clause has to come before |
| `preposition` | a noun behind it is another thing than the listener: "behind the door" |
| `inner` | words inside it say something of their own: "to the far left" |
| `free` | it tells of a room and stands apart from its noun: "with no echo" |
| `write spot`, `write origin` | the template writes it by itself, or behind "from"; other phrases read it |
| `write side`, `write beside` | the template writes it behind "far" and "high", or behind a room |

`{word}` stands for left and for right, `{other}` for the other one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from transforms.captions.phrases.notation import Node, parse

#: An attribute and its word, such as ("direction", "left").
Said = tuple[str, str]

_PHRASE = re.compile(
    r"(?P<says>[\w.{}, ]+?)(?: weakly (?P<weakly>[\w.{}, ]+?))?(?: \((?P<conditions>[\w, ]+)\))?: (?P<notation>.+)"
)
_DEFINITION = re.compile(r"<(\w+)> = (.+)")
_WRITTEN = re.compile(r"written (\S+) = (.+)")
_ADJECTIVES = re.compile(r"adjectives ([\w., ]+) = (.+)")


@dataclass(frozen=True)
class Phrase:
    """A phrase of the grammar."""

    tree: Node
    says: tuple[Said, ...]
    weakly: tuple[Said, ...]
    """What it says weakly."""
    before: str = ""
    """What has to follow: `spot`, `room`, `stop`, `comma` or nothing."""
    after: str = ""
    """What has to come before: `spot`, `room`, `stop` or nothing."""
    preposition: bool = False
    inner: bool = False
    free: bool = False
    write: str = ""
    """Where the template writes it: `spot`, `origin`, `side`, `beside` or nowhere."""


@dataclass(frozen=True)
class Grammar:
    """All that `place.txt` holds."""

    phrases: tuple[Phrase, ...]
    definitions: dict[str, str]
    adjectives: dict[str, tuple[Said, ...]]
    """What an adjective of one word or two says of a room."""
    adjective_starts: frozenset[str]
    """The first words of the adjectives."""
    rooms: frozenset[str]
    named_rooms: frozenset[str]
    written: dict[Said, tuple[str, ...]]
    """The adjectives of a room that the template writes."""


@lru_cache(maxsize=1)
def place_grammar() -> Grammar:
    """The grammar of the package."""
    return read_grammar(resources.files(__package__).joinpath("place.txt").read_text(encoding="utf-8"))


def read_grammar(text: str) -> Grammar:
    """The grammar of a text.

    Raises:
        ValueError: an entry that is none of these kinds.
    """
    definitions: dict[str, str] = {}
    adjectives: dict[str, tuple[Said, ...]] = {}
    written: dict[Said, tuple[str, ...]] = {}
    rooms: frozenset[str] = frozenset()
    named_rooms: frozenset[str] = frozenset()
    phrases: list[Phrase] = []
    for entry in _entries(text):
        if match := _DEFINITION.fullmatch(entry):
            definitions[match[1]] = match[2]
        elif match := _ADJECTIVES.fullmatch(entry):
            adjectives.update({word.strip(): _said(match[1]) for word in match[2].split("|")})
        elif match := _WRITTEN.fullmatch(entry):
            written[_said(match[1])[0]] = tuple(word.strip() for word in match[2].split("|"))
        elif entry.startswith("rooms = "):
            rooms = frozenset(word.strip() for word in entry.removeprefix("rooms = ").split("|"))
        elif entry.startswith("named rooms = "):
            named_rooms = frozenset(word.strip() for word in entry.removeprefix("named rooms = ").split("|"))
        elif match := _PHRASE.fullmatch(entry):
            phrases.extend(_phrases(match, definitions))
        else:
            raise ValueError(f"the grammar of places has an entry of no kind: {entry[:60]!r}")
    starts = frozenset(adjective.split()[0] for adjective in adjectives)
    return Grammar(tuple(phrases), definitions, adjectives, starts, rooms, named_rooms, written)


def _entries(text: str) -> list[str]:
    entries: list[str] = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")) and entries:
            entries[-1] += f" {line.strip()}"
        elif line.strip() and not line.startswith("#"):
            entries.append(line.strip())
    return entries


def _phrases(match: re.Match[str], definitions: dict[str, str]) -> list[Phrase]:
    """The phrase of an entry; two phrases where it holds for left and right."""
    if "{word}" not in match[0]:
        return [_phrase(match["says"], match["weakly"], match["conditions"], match["notation"], definitions)]
    phrases = []
    for word, other in (("left", "right"), ("right", "left")):
        entry = _PHRASE.fullmatch(match[0].replace("{word}", word).replace("{other}", other))
        assert entry is not None
        phrases.append(_phrase(entry["says"], entry["weakly"], entry["conditions"], entry["notation"], definitions))
    return phrases


def _phrase(
    says: str, weakly: str | None, conditions: str | None, notation: str, definitions: dict[str, str]
) -> Phrase:
    named = dict(part.strip().partition(" ")[::2] for part in (conditions or "").split(",") if part.strip())
    return Phrase(
        parse(notation, definitions),
        _said(says),
        _said(weakly or "nothing"),
        before=named.get("before", ""),
        after=named.get("after", ""),
        preposition="preposition" in named,
        inner="inner" in named,
        free="free" in named,
        write=named.get("write", ""),
    )


def _said(text: str) -> tuple[Said, ...]:
    if text.strip() == "nothing":
        return ()
    pairs = [part.strip().partition(".") for part in text.split(",")]
    if not all(dot for _, dot, _ in pairs):
        raise ValueError(f"the grammar of places has an entry of no kind: {text[:60]!r}")
    return tuple((attribute, word) for attribute, _, word in pairs)
