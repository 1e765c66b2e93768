"""What a judge reads in a caption: the place with the words that say it, and the sounds in order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transforms.captions.check.clean import clean_answer
from transforms.words import VOCABULARY

#: What a place can be relative to. `nothing` is for a caption that names no position.
ANCHORS = ("listener", "other", "nothing")

# Bounds of a reply. A caption is one sentence, so no honest reading is larger.
_MOST_SOUNDS, _MOST_EXTRAS, _MOST_MOMENTS, _LONGEST_TEXT_CHARS = 24, 24, 24, 400

_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
_KEYS = {*VOCABULARY, "relative_to", "one_place", "certain", "extra", "sounds"}
_PLACED_KEYS, _SOUND_KEYS = {"value", "quote"}, {"quote", "plain", "moment"}


@dataclass(frozen=True)
class Placed:
    """A word of space that the judge reads, and the words of the caption that say it."""

    value: str
    quote: str


@dataclass(frozen=True)
class Sound:
    """A sound of the caption: its words there, the same in plain words, and when it is heard."""

    quote: str
    plain: str
    moment: int
    """Sounds of one moment are heard together; a later sound has a larger number."""


@dataclass(frozen=True)
class Reading:
    """All that a judge reads in a caption."""

    placed: Mapping[str, Placed | None]
    """Each attribute of the vocabulary; None where the caption does not say it."""
    relative_to: str
    """One of ANCHORS."""
    one_place: bool
    """Whether all sounds are at the same place."""
    certain: bool
    """Whether the caption states the place without doubt and without denial."""
    extra: tuple[str, ...]
    """Whatever the caption tells that is neither a sound nor its place."""
    sounds: tuple[Sound, ...]


class _Unusable(ValueError):
    """A reply that is not a reading."""


def parse_reading(text: str) -> Reading | None:
    """The reading in a judge's reply; None for a reply that is not exactly what the prompt asks for.

    Reasoning before the reply and one code fence around it are taken off. A key that is missing, unknown or repeated,
    and a value of another type or outside the vocabulary make the reply unusable.
    """
    text = clean_answer(text)
    fenced = _FENCE.fullmatch(text)
    try:
        return _reading(json.loads(fenced[1] if fenced else text, object_pairs_hook=_once, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _Unusable("a key is repeated")
    return values


def _refuse(constant: str) -> Any:
    raise _Unusable(f"{constant} is no JSON")


def _reading(values: Any) -> Reading:
    values = _object(values, _KEYS)
    sounds = _list(values["sounds"], _MOST_SOUNDS)
    if not sounds:
        raise _Unusable("no sound")
    return Reading(
        placed={attribute: _placed(values[attribute], words) for attribute, words in VOCABULARY.items()},
        relative_to=_one_of(values["relative_to"], ANCHORS),
        one_place=_flag(values["one_place"]),
        certain=_flag(values["certain"]),
        extra=tuple(_text(entry) for entry in _list(values["extra"], _MOST_EXTRAS)),
        sounds=tuple(_sound(entry) for entry in sounds),
    )


def _placed(value: Any, words: tuple[str, ...]) -> Placed | None:
    if value is None:
        return None
    value = _object(value, _PLACED_KEYS)
    return Placed(_one_of(value["value"], words), _text(value["quote"]))


def _sound(value: Any) -> Sound:
    value = _object(value, _SOUND_KEYS)
    moment = value["moment"]
    if isinstance(moment, bool) or not isinstance(moment, int) or not 1 <= moment <= _MOST_MOMENTS:
        raise _Unusable("a moment is a small number")
    return Sound(_text(value["quote"]), _text(value["plain"]), moment)


def _object(value: Any, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        raise _Unusable("not the keys that were asked for")
    return value


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise _Unusable("not a list, or one too long")
    return value


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise _Unusable("not a value of the vocabulary")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unusable("neither true nor false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT_CHARS:
        raise _Unusable("not a short text")
    return value
