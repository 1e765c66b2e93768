"""The template writer: a spatial caption without a language model, grammatical with any caption, no word lost."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from transforms.check_caption import check_place, is_english
from transforms.seeds import keyed_generator
from transforms.words import SpatialWords

__all__ = ["template_caption"]

_DISTANCE = {"near": ("nearby", "close by", "near"), "far": ("far away", "far off", "in the distance")}
_DIRECTION = {
    "front": ("in front", "at the front"),
    "left": ("on the left", "to the left", "on the left side"),
    "right": ("on the right", "to the right", "on the right side"),
    "back": ("at the back", "in the back", "behind the listener"),
}
_ELEVATION = {"up": ("high up", "up above", "overhead"), "down": ("down below", "low down", "below")}
_ROOM_SIZE = {"small": ("small",), "large": ("large", "big", "spacious")}
_REVERBERATION = {
    "dampened": ("acoustically dampened", "dampened"),
    "reverberant": ("highly reverberant", "reverberant", "echoing"),
}

# Patterns for a caption that can stand at the head of a sentence, and for one that has several sounds.
_ONE_SOUND = (
    "{Caption}, {place}.",
    "{Caption}, heard {place}.",
    "{Caption}, coming from {place}.",
    "{Place}, {caption}.",
    "Heard {place}: {caption}.",
)
_MANY_SOUNDS = (
    "{Caption}, all {place}.",
    "{Caption}, all heard {place}.",
    "{Caption}, all of it {place}.",
    "{Place}, {caption}.",
    "Heard {place}: {caption}.",
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
_SEVERAL = re.compile(r"\b(?:and|as|while|with|then|followed|before|after|over|when)\b|,|;")
# Words with which a caption begins and which need no capital letter inside a sentence.
_LOWER_WITHIN = frozenset(
    "a an the some several many multiple various two three four five people men women children birds dogs someone "
    "something loud soft water wind rain music male female adult this there continuous distant".split()
)


def template_caption(original: str, words: SpatialWords, seed: int) -> str:
    """One English sentence with the caption and every word of its place; the same seed gives the same sentence.

    Without a word of space it is the caption itself as a sentence, and without a caption a sentence about a sound.
    """
    generator = keyed_generator(seed, "caption-template")
    place = _place(words, generator)
    caption = _plain(original)
    if not place:
        return _as_sentence(caption) if caption else "A sound is heard."
    for pattern in _shuffled(_patterns(caption, original), generator):
        text = _fill(pattern, caption, place)
        if check_place(text, original, words) is None:
            return text
    # A caption whose end would run into the place ("..., not") keeps a full stop's distance from it.
    return f"{place[0].upper()}{place[1:]}: “{caption}”"


def _patterns(caption: str, original: str) -> tuple[str, ...]:
    if not caption:
        return _WITHOUT_CAPTION
    odd = re.search(r"[?!\"“”:<>{}\[\]|\\]|https?:", original) or not caption[0].isascii() or not caption[0].isalpha()
    if odd or not is_english(caption):
        return _QUOTED
    if len(caption.split()) > _LONG_CAPTION_WORDS:
        return ("Heard {place}: {caption}.",)
    patterns = _MANY_SOUNDS if _SEVERAL.search(caption) else _ONE_SOUND
    return tuple(pattern for pattern in patterns if "{Caption}" in pattern) if _keeps_capital(caption) else patterns


def _fill(pattern: str, caption: str, place: str) -> str:
    start = caption if not caption or _keeps_capital(caption) else caption[:1].lower() + caption[1:]
    values = {
        "Caption": caption[:1].upper() + caption[1:],
        "caption": start,
        "quote": caption,
        "place": place,
        "Place": place[0].upper() + place[1:],
    }
    # In one pass, as a caption may itself hold the name of a slot.
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], pattern)


def _keeps_capital(caption: str) -> bool:
    """True where the first word may be a name: "John speaks", "TV", but not "A dog", "Ducks", "Humming"."""
    first = caption.split(maxsplit=1)[0].strip(",;")
    plain = first[:1] + first[1:].lower() == first and (first.endswith(("ing", "s")) or first.lower() in _LOWER_WITHIN)
    return not (plain or first == "A" or first[:1].islower())


def _place(words: SpatialWords, generator: np.random.Generator) -> str:
    """The place in prose, distance first, the room last; empty where no word applies."""

    def pick(table: Mapping[str, tuple[str, ...]], word: str | None) -> str:
        draw = int(generator.integers(1 << 16))
        return table[word][draw % len(table[word])] if word else ""

    distance, elevation = pick(_DISTANCE, words.distance), pick(_ELEVATION, words.elevation)
    direction = pick(_DIRECTION, words.direction)
    size, reverberation = pick(_ROOM_SIZE, words.room_size), pick(_REVERBERATION, words.reverberation)
    spot = " ".join(part for part in (elevation, direction) if part)
    room = ", ".join(part for part in (size, reverberation) if part)
    article = "an" if room[:1] in tuple("aeiou") else "a"
    return ", ".join(part for part in (distance, spot, f"in {article} {room} room" if room else "") if part)


def _shuffled(patterns: tuple[str, ...], generator: np.random.Generator) -> list[str]:
    first = int(generator.integers(1 << 16)) % len(patterns)
    return [*patterns[first:], *patterns[:first]]


def _plain(original: str) -> str:
    """The caption on one line without outer quotes and final stop, shouting lowered, sentences joined by semicolons."""
    text = " ".join(original.replace("\0", " ").split()).strip("\"'“”‘’ ")
    text = re.sub(r"[\s.,;:]+$", "", text).replace('"', "'")
    if text.isupper() and len(text.split()) > 1:
        text = text.lower()
    text = re.sub(r"[.]\s+(\w)", lambda match: f"; {match[1].lower()}", text)
    return text if any(character.isalnum() for character in text) else ""


def _as_sentence(caption: str) -> str:
    text = caption[:1].upper() + caption[1:]
    return text if text[-1] in "?!" else f"{text}."
