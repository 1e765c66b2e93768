"""The place of a row in prose, from the phrases that the grammar marks as written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from transforms.captions.phrases.grammar import Said, place_grammar
from transforms.captions.phrases.notation import Node, write
from transforms.words import SpatialWords

#: Takes a number of options and gives the index of one.
Draw = Callable[[int], int]

_DEGREE = {"near": "close", "far": "far", "up": "high", "down": "low"}


@dataclass(frozen=True)
class PlaceProse:
    """The place of a row in prose; a part that the row has no word for is empty."""

    spot: str
    """Distance, height and side: "far away, high up on your left"."""
    room: str
    """"in a small, echoing room"."""
    origin: str
    """The spot as it is said after "from": "above on the left, far away"."""
    kind: str
    """What the room is like: "small and echoing"."""

    @property
    def whole(self) -> str:
        """The spot and the room."""
        return _joined(", ", self.spot, self.room)

    @property
    def source(self) -> str:
        """The origin and the room; empty without an origin."""
        return _joined(", ", self.origin, self.room) if self.origin else ""


def place_prose(words: SpatialWords, draw: Draw) -> PlaceProse:
    """The place of `words`, each part one of the ways to say it."""
    return PlaceProse(_spot(words, draw), _room(words, draw), _origin(words, draw), _kind(words, draw))


def _spot(words: SpatialWords, draw: Draw) -> str:
    distance, height, side = (
        _written("spot", attribute, word, draw)
        for attribute, word in (
            ("distance", words.distance),
            ("elevation", words.elevation),
            ("direction", words.direction),
        )
    )
    if not side:
        both = [*[_joined(", ", *_either_order(distance, height, draw))] * 2]
        if words.distance and words.elevation:
            both.append(f"{_DEGREE[words.distance]} {('above', 'below')[words.elevation == 'down']} you")
        return both[draw(len(both))]
    beside = _written("side", "direction", words.direction, draw)
    sides = [_joined(" ", height, side)]
    if words.elevation:
        sides += [f"{_DEGREE[words.elevation]} {beside}", _joined(", ", side, height)]
    elif words.distance:
        # "Far to your left", "close behind you".
        return (*[_joined(", ", *_either_order(distance, side, draw))] * 2, f"{_DEGREE[words.distance]} {beside}")[
            draw(3)
        ]
    return _joined(", ", *_either_order(distance, sides[draw(len(sides))], draw))


def _origin(words: SpatialWords, draw: Draw) -> str:
    """ "Above on the left, far away", but "far away" where nothing else is known."""
    side = _written("origin", "direction", words.direction, draw)
    height = _written("origin", "elevation", words.elevation, draw)
    if height and side:
        side = f"{height} {_written('side', 'direction', words.direction, draw)}"
    where = side or height
    if not where:
        return _written("origin", "distance", words.distance, draw)
    return _joined(", ", where, _written("spot", "distance", words.distance, draw))


def _room(words: SpatialWords, draw: Draw) -> str:
    size, sounding = _adjectives(words, draw)
    if not (size or sounding):
        return ""
    inside, noun = ("in", "in", "inside")[draw(3)], ("room", "room", "space")[draw(3)]
    beside = _written("beside", "reverberation", words.reverberation, draw)
    adjectives = [_joined(", ", size, sounding)]
    if size and sounding and " " not in sounding:
        adjectives.append(f"{sounding} {size}")
    forms = [f"{_article(text)} {text} {noun}" for text in adjectives]
    if beside:
        forms.append(f"{_article(size)} {size} {noun} {beside}" if size else f"a {noun} {beside}")
    return f"{inside} {forms[draw(len(forms))]}"


def _kind(words: SpatialWords, draw: Draw) -> str:
    return _joined(" and ", *_adjectives(words, draw))


def _adjectives(words: SpatialWords, draw: Draw) -> tuple[str, str]:
    table = place_grammar().written
    size = table.get(("room_size", words.room_size or ""), ("",))
    sounding = table.get(("reverberation", words.reverberation or ""), ("",))
    return size[draw(len(size))], sounding[draw(len(sounding))]


def _written(where: str, attribute: str, word: str | None, draw: Draw) -> str:
    return write(_phrase(where, (attribute, word)), draw) if word else ""


@lru_cache(maxsize=64)
def _phrase(where: str, said: Said) -> Node:
    return next(phrase.tree for phrase in place_grammar().phrases if phrase.write == where and phrase.says == (said,))


def _either_order(first: str, second: str, draw: Draw) -> tuple[str, str]:
    return (first, second) if draw(3) else (second, first)


def _article(following: str) -> str:
    return "an" if following[0] in "aeiou" else "a"


def _joined(separator: str, *parts: str) -> str:
    return separator.join(part for part in parts if part)
