"""The check of a language model's answer: every word of space is there, none contradicts, no sound is lost."""

from __future__ import annotations

import re

from transforms.captions.check.clean import clean_answer
from transforms.captions.check.form import (
    BROKEN_GRAMMAR,
    breaks_agreement,
    is_one_sentence,
    leaks,
    starts_again,
    stutters,
    too_long,
)
from transforms.captions.check.place import check_place, compared_original
from transforms.captions.check.place_patterns import SYNONYMS
from transforms.captions.check.sounds import check_sounds
from transforms.captions.check.text import canonical_text, is_english
from transforms.words import VOCABULARY, SpatialWords

__all__ = ["REASONS", "SYNONYMS", "check_caption", "check_place", "clean_answer", "is_english"]

#: Every reason that `check_caption` gives, in the order in which it looks.
REASONS: tuple[str, ...] = (
    "empty",
    "too_long",
    "leak",
    "not_one_sentence",
    "not_english",
    *(f"contradicts_{attribute}" for attribute in VOCABULARY),
    *(f"invents_{attribute}" for attribute in VOCABULARY),
    *(f"missing_{attribute}" for attribute in VOCABULARY),
    "repeats",
    "ungrammatical",
    "content_lost",
    "content_added",
    "number_changed",
    "roles_changed",
    "order_changed",
)


def check_caption(answer: str, original: str, words: SpatialWords) -> str | None:
    """Why `answer` is no spatial caption for `original` at the place of `words`: one of `REASONS`; None if it is.

    Never raises and takes time linear in the two lengths. For an original that is not English the sounds cannot be
    compared and only the place and the form are checked.
    """
    if not answer.strip():
        return "empty"
    original = compared_original(original)
    if too_long(answer, original):
        return "too_long"
    if leaks(answer, original):
        return "leak"
    if not is_one_sentence(answer):
        return "not_one_sentence"
    if not is_english(answer):
        return "not_english"
    reason = check_place(answer, original, words)
    if reason is not None:
        return reason
    text, before = canonical_text(answer), canonical_text(original)
    if stutters(text, before):
        return "repeats"
    # In "a lion's roar" the noun and the verb are no pair that has to agree.
    unowned = canonical_text(re.sub(r"\w['’]s\b", ",", answer))
    broken = any(match[0] not in before for match in BROKEN_GRAMMAR.finditer(text))
    if broken or breaks_agreement(unowned, before) or starts_again(answer, original):
        return "ungrammatical"
    return check_sounds(text, before) if is_english(original) else None
