"""The check of a language model's answer: every word of space is there, none contradicts, no sound is lost."""

from __future__ import annotations

from transforms.captions.check.clean import clean_answer
from transforms.captions.check.form import is_one_sentence, is_ungrammatical, leaks, stutters, too_long
from transforms.captions.check.place import PLACE_REASONS, check_place, compared_original
from transforms.captions.check.sounds import check_sounds
from transforms.captions.check.text import is_english
from transforms.captions.phrases.canonical import canonical_text
from transforms.words import VOCABULARY, SpatialWords

__all__ = ["REASONS", "SOFT_REASONS", "check_caption", "check_place", "clean_answer", "is_english"]

#: Every reason that `check_caption` gives, in the order in which it looks. Those at the end are soft.
REASONS: tuple[str, ...] = (
    "empty",
    "too_long",
    "leak",
    "not_one_sentence",
    "not_english",
    *PLACE_REASONS,
    *(f"contradicts_{attribute}" for attribute in VOCABULARY),
    *(f"invents_{attribute}" for attribute in VOCABULARY),
    "repeats",
    "ungrammatical",
    "number_changed",
    "roles_changed",
    "order_changed",
    *(f"missing_{attribute}" for attribute in VOCABULARY),
    "content_lost",
    "content_added",
)

#: The reasons that may be no more than a word that the check does not know. They are given where no other speaks.
SOFT_REASONS: frozenset[str] = frozenset(
    (*(f"missing_{attribute}" for attribute in VOCABULARY), "content_lost", "content_added")
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
    of_place = check_place(answer, original, words)
    if of_place is not None and of_place not in SOFT_REASONS:
        return of_place
    text, before = canonical_text(answer), canonical_text(original)
    if stutters(text, before):
        return "repeats"
    if is_ungrammatical(answer, original):
        return "ungrammatical"
    of_sounds = check_sounds(text, before) if is_english(original) else None
    if of_sounds is not None and of_sounds not in SOFT_REASONS:
        return of_sounds
    return of_place or of_sounds
