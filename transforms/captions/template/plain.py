"""A caption of a data set as it stands inside a sentence: on one line, without what cannot stand there."""

from __future__ import annotations

import re

from transforms.captions.check.text import is_english

# No text encoder reads further than this, and a caption may be a whole book.
_LONGEST_CAPTION_CHARS = 2000
_ODD = re.compile(r"[?!\"“”:<>{}\[\]|\\]|https?:")
# Words with which a caption begins and which need no capital letter inside a sentence.
_LOWER_WITHIN = frozenset(
    "a an the some several many multiple various two three four five people men women children birds dogs someone "
    "something loud soft water wind rain music male female adult this there continuous distant".split()
)


def capital(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def is_plain_english(original: str, caption: str) -> bool:
    """False for a question, a quotation, markup, or another language, which a sentence has to quote.

    Args:
        caption: the original as `plain_caption` gives it.
    """
    starts_with_letter = caption[:1].isascii() and caption[:1].isalpha()
    return starts_with_letter and not _ODD.search(original) and is_english(caption)


def keeps_capital(caption: str) -> bool:
    """True where the first word may be a name: "John speaks", "TV", but not "A dog", "Ducks", "Humming"."""
    first = caption.split(maxsplit=1)[0].strip(",;")
    plain = first[:1] + first[1:].lower() == first and (first.endswith(("ing", "s")) or first.lower() in _LOWER_WITHIN)
    return not (plain or first == "A" or first[:1].islower())


def plain_caption(original: str) -> str:
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
