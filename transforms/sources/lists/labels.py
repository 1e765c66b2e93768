"""The label of a cell: the class of a clip's sound, one text."""

from __future__ import annotations

import unicodedata
from typing import Any

from transforms.bounds.limits import MOST_LABEL_CHARACTERS
from transforms.sources.lists.captions import GAPS
from transforms.sources.lists.text import decode_text, printable, short, stripped


class NotLabel(ValueError):
    """A value that is no label; the message says what it is."""


def label_of(value: Any) -> str | None:
    """The label in a cell, on one line; None where the cell is a gap. An integer is the number of a class.

    Raises:
        NotLabel: where the value is neither text nor an integer, or the text is too long.
    """
    # A number that is not itself is a gap, as pandas has it.
    if value is None or value != value:
        return None
    if isinstance(value, list | tuple):
        raise NotLabel(f"a label is a list of {len(value)}; it has to be one text")
    if isinstance(value, dict):
        raise NotLabel(f"a label is a struct ({short(', '.join(map(str, value)), 40)}); it has to be one text")
    if isinstance(value, bytes):
        value = decode_text(value)
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise NotLabel(f"a label is {short(str(value), 40)!r} ({type(value).__name__}); it has to be one text")
    # One class has one spelling, wherever its spaces and accents come from.
    text = stripped(" ".join(unicodedata.normalize("NFC", printable(str(value))).split()))
    if text.startswith("[") and text.endswith("]"):
        raise NotLabel(f"a label is {short(text, 40)!r}, which may be a list; it has to be one text")
    if len(text) > MOST_LABEL_CHARACTERS:
        raise NotLabel(
            f"a label has {len(text)} characters ({short(text, 40)!r}); it may have {MOST_LABEL_CHARACTERS} at most"
        )
    return None if not text or text.casefold() in GAPS else text
