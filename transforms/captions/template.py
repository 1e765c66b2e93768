"""The template writer: a spatial caption without a language model, grammatical with any caption, no word lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from transforms.captions.check.place import check_place
from transforms.captions.check.text import is_english
from transforms.seeds import keyed_generator
from transforms.words import SpatialWords

__all__ = ["template_caption"]

_DISTANCE = {"near": ("nearby", "close by", "at close range"), "far": ("far away", "far off", "in the distance")}
_DIRECTION = {
    "front": ("in front", "at the front"),
    "left": ("on the left", "to the left", "on the left side"),
    "right": ("on the right", "to the right", "on the right side"),
    "back": ("at the back", "in the back", "behind the listener"),
}
_ELEVATION = {"up": ("high up", "up above", "overhead"), "down": ("down below", "low down", "below")}
_ROOM_SIZE = {"small": ("small", "small", "compact"), "large": ("large", "large", "big")}
_REVERBERATION = {
    "dampened": ("acoustically dampened", "dampened", "acoustically dry"),
    "reverberant": ("highly reverberant", "reverberant", "echoing"),
}
_ROOM = ("room", "room", "space")
# The same after "from".
_FROM_DISTANCE = {"near": ("nearby", "close by"), "far": ("far away", "afar")}
_FROM_ELEVATION = {"up": ("above", "high up"), "down": ("below", "down below")}
_FROM_DIRECTION = {"front": ("the front",), "left": ("the left",), "right": ("the right",), "back": ("the back",)}

# Shapes of a sentence. {place} is all of the place. A shape with {spot} (distance, height, side), {room}, {origin} (the
# spot as it is said after "from") or {source} (that and the room) is taken only where the row has them.
_ANY_CAPTION = (
    "{Place}, {caption}.",
    "{Room}, {spot}, {caption}.",
    "Heard {place}: {caption}.",
    "This is heard {place}: {caption}.",
    "A sound is heard {place}: {caption}.",
    "There is a sound {place}: {caption}.",
    "{Place}, this is heard: {caption}.",
    "From {source}, {caption}.",
    "Somewhere {place}, {caption}.",
    "{Room}, this comes from {origin}: {caption}.",
)
# The place after a caption, for one that has a single sound and for one that has several.
_ONE_SOUND = (
    *_ANY_CAPTION,
    "{Caption}, {place}.",
    "{Caption}, heard {place}.",
    "{Caption}, coming from {source}.",
    "{Spot}, {caption}, {room}.",
    "{Room}, {caption}, {spot}.",
    "{Caption}, and this is heard {place}.",
)
_MANY_SOUNDS = (
    *_ANY_CAPTION,
    "{Caption}, all {place}.",
    "{Caption}, all heard {place}.",
    "{Caption}, all coming from {source}.",
    "{Caption}, and all of it is {place}.",
    "{Caption}, and all of it comes from {source}.",
    "{Spot}, {caption}, all {room}.",
    "{Room}, {caption}, all {spot}.",
)
# For a caption that is no plain English phrase: a question, a quotation, another language.
_QUOTED = (
    "Heard {place}: “{quote}”",
    "A sound {place}, described as “{quote}”",
    "{Place}, a sound described as “{quote}”",
)
_WITHOUT_CAPTION = ("A sound {place}.", "A sound is heard {place}.", "{Place}, a sound is heard.")
# A caption this long is told after its place, so that a text encoder which cuts its input still reads the place.
_LONG_CAPTION_WORDS = 40
# No text encoder reads further than this, and a caption may be a whole book.
_LONGEST_CAPTION_CHARS = 2000
_TWICE = re.compile(r"\b(\w+),? \1\b", re.IGNORECASE)
_SLOT = re.compile(r"\{(\w+)\}")
# The slots that every row fills.
_ALWAYS = {"caption", "place", "quote"}
_SEVERAL = re.compile(r"\b(?:and|as|while|with|then|followed|before|after|over|when)\b|,|;")
# Words with which a caption begins and which need no capital letter inside a sentence.
_LOWER_WITHIN = frozenset(
    "a an the some several many multiple various two three four five people men women children birds dogs someone "
    "something loud soft water wind rain music male female adult this there continuous distant".split()
)


@dataclass(frozen=True)
class _Place:
    """The place of a row in prose; a part that the row has no word for is empty."""

    spot: str
    """Distance, height and side: "far away, high up on the left"."""
    room: str
    """"in a small, echoing room"."""
    origin: str
    """The spot as it is said after "from": "above on the left, far away"."""

    @property
    def whole(self) -> str:
        return _joined(", ", self.spot, self.room)

    @property
    def source(self) -> str:
        return _joined(", ", self.origin, self.room) if self.origin else ""


def template_caption(original: str, words: SpatialWords, seed: int) -> str:
    """One English sentence with the caption and every word of its place; the same seed gives the same sentence.

    Without a word of space it is the caption itself as a sentence, and without a caption a sentence about a sound.
    """
    generator = keyed_generator(seed, "caption-template")
    place = _place(words, generator)
    caption = _plain(original)
    if not place.whole:
        return _as_sentence(caption) if caption else "A sound is heard."
    for shape in _shuffled(_shapes(caption, original, place), generator):
        text = _fill(shape, caption, place)
        # "Someone snores nearby, nearby" is for another shape.
        if check_place(text, original, words) is None and len(_TWICE.findall(text)) <= len(_TWICE.findall(caption)):
            return text
    # A caption whose end would run into the place ("..., not") keeps a full stop's distance from it.
    return f"{_capital(place.whole)}: “{caption}”"


def _shapes(caption: str, original: str, place: _Place) -> list[str]:
    shapes: tuple[str, ...] = _MANY_SOUNDS if _SEVERAL.search(caption) else _ONE_SOUND
    odd = re.search(r"[?!\"“”:<>{}\[\]|\\]|https?:", original) or not (caption[:1].isascii() and caption[:1].isalpha())
    if not caption:
        shapes = _WITHOUT_CAPTION
    elif odd or not is_english(caption):
        shapes = _QUOTED
    elif len(caption.split()) > _LONG_CAPTION_WORDS:
        shapes = ("Heard {place}: {caption}.",)
    elif _keeps_capital(caption):
        shapes = tuple(shape for shape in shapes if "{Caption}" in shape)
    had = {name for name in ("spot", "room", "origin", "source") if getattr(place, name)}
    return [shape for shape in shapes if {name.lower() for name in _SLOT.findall(shape)} - _ALWAYS <= had]


def _fill(shape: str, caption: str, place: _Place) -> str:
    values = {
        "Caption": _capital(caption),
        "caption": caption if not caption or _keeps_capital(caption) else caption[:1].lower() + caption[1:],
        "quote": caption,
        "place": place.whole,
        "spot": place.spot,
        "room": place.room,
        "origin": place.origin,
        "source": place.source,
        "Place": _capital(place.whole),
        "Spot": _capital(place.spot),
        "Room": _capital(place.room),
    }
    # In one pass, as a caption may itself hold the name of a slot.
    return _SLOT.sub(lambda match: values[match[1]], shape)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _keeps_capital(caption: str) -> bool:
    """True where the first word may be a name: "John speaks", "TV", but not "A dog", "Ducks", "Humming"."""
    first = caption.split(maxsplit=1)[0].strip(",;")
    plain = first[:1] + first[1:].lower() == first and (first.endswith(("ing", "s")) or first.lower() in _LOWER_WITHIN)
    return not (plain or first == "A" or first[:1].islower())


def _place(words: SpatialWords, generator: np.random.Generator) -> _Place:
    """The place in prose, distance first, the room last."""

    def pick(table: Mapping[str, tuple[str, ...]], word: str | None) -> str:
        draw = int(generator.integers(1 << 16))
        return table[word][draw % len(table[word])] if word else ""

    distance, elevation = pick(_DISTANCE, words.distance), pick(_ELEVATION, words.elevation)
    direction = pick(_DIRECTION, words.direction)
    spot = _joined(", ", distance, _joined(" ", elevation, direction))
    size, reverberation = pick(_ROOM_SIZE, words.room_size), pick(_REVERBERATION, words.reverberation)
    noun = pick({"room": _ROOM}, "room")
    kind = _joined(", ", size, reverberation)
    room = f"in {'an' if kind[0] in 'aeiou' else 'a'} {kind} {noun}" if kind else ""
    # "From above on the left, far away", but "from far away" where nothing else is known.
    side = pick(_FROM_DIRECTION, words.direction)
    height = pick(_FROM_ELEVATION, words.elevation)
    where = f"{height} {direction}" if height and direction else height or side
    origin = _joined(", ", where, distance) if where else pick(_FROM_DISTANCE, words.distance)
    return _Place(spot, room, origin)


def _joined(separator: str, *parts: str) -> str:
    return separator.join(part for part in parts if part)


def _shuffled(shapes: list[str], generator: np.random.Generator) -> list[str]:
    first = int(generator.integers(1 << 16)) % len(shapes)
    return [*shapes[first:], *shapes[:first]]


def _plain(original: str) -> str:
    """The caption on one line without outer quotes and final stop, shouting lowered, sentences joined by semicolons."""
    text = " ".join(original.replace("\0", " ").split())
    if len(text) > _LONGEST_CAPTION_CHARS:
        text = text[:_LONGEST_CAPTION_CHARS].rpartition(" ")[0] or text[:_LONGEST_CAPTION_CHARS]
    text = text.strip("\"'“”‘’ ")
    text = re.sub(r"[\s.,;:]+$", "", text).replace('"', "'")
    if text.isupper() and len(text.split()) > 1:
        text = text.lower()
    text = re.sub(r"[.]\s+(\w)", lambda match: f"; {match[1].lower()}", text)
    return text if any(character.isalnum() for character in text) else ""


def _as_sentence(caption: str) -> str:
    text = caption[:1].upper() + caption[1:]
    return text if text[-1] in "?!" else f"{text}."
