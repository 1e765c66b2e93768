"""The variety of the captions as release.json states it, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transforms.captions.variety import Variety

_LABELS = {
    "rewritten": "by a language model",
    "template": "by the template",
    "all": "all captions",
}
#: What a strong writer reaches who rephrases freely: 120 captions of AudioCaps and Clotho, see docs/captions.md.
STRONG_WRITER = Variety(
    captions=120,
    without_place=0,
    frames=62,
    frames_per_100=53.4,
    frames_per_1000=None,
    begins_with_place=0.5500,
    adds_only=0.1000,
    adds_before=0.0500,
    adds_behind=0.0333,
    bigrams_per_1000=635.5,
    new_word_share=0.1733,
    new_words=92,
    new_words_per_100=82.4,
)


@dataclass(frozen=True)
class VarietyOf:
    """The variety of some captions."""

    key: str
    """The status of the captions, or `all`."""
    label: str
    variety: Variety


def read_variety(stated: Any) -> tuple[VarietyOf, ...]:
    """The variety of the captions of each status, and of all where there are several; empty for older releases.

    Values that are not those of a release are left out, as `elsa verify` names them.
    """
    known = stated if isinstance(stated, Mapping) else {}
    found = [VarietyOf(key, label, variety) for key, label in _LABELS.items() if (variety := _variety(known.get(key)))]
    return tuple(found[:1] if len(found) == 2 else found)


def _variety(values: Any) -> Variety | None:
    fields = Variety.__dataclass_fields__
    if not isinstance(values, Mapping) or values.keys() != fields.keys():
        return None
    may_be_null = {name for name, field in fields.items() if "None" in str(field.type)}
    for name, value in values.items():
        if isinstance(value, bool) or not (isinstance(value, (int, float)) or (value is None and name in may_be_null)):
            return None
    return Variety(**values)
