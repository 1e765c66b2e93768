"""The comparison of a judge's reading with the row, by rule: whatever is not certain stays refused."""

from __future__ import annotations

from itertools import groupby

from transforms.captions.check import SOFT_REASONS, check_caption
from transforms.captions.judge.quotes import find_quote, names_another, says_something_new, tokens_of, unquoted_words
from transforms.captions.judge.reading import Reading, Sound, parse_reading
from transforms.words import VOCABULARY, SpatialWords

#: Every reason that `reason_of_verdict` adds to those of the check, in the order in which it looks.
REASONS: tuple[str, ...] = (
    "judge_unreadable",
    "judge_not_listener",
    "judge_uncertain",
    "judge_several_places",
    "judge_extra",
    "judge_quote",
    *(f"judge_{attribute}" for attribute in VOCABULARY),
    "judge_incomplete",
    "judge_sounds",
)

# The phrase that says one attribute of a place is shorter than this; a longer quote would hide what else it holds.
_LONGEST_PLACE_WORDS = 12


def reason_of_verdict(reply: str, caption: str, original: str, words: SpatialWords) -> str | None:
    """Why a caption stays refused after a judge's reply; None where the judge keeps it.

    The check comes first. A caption that it refuses for a reason outside SOFT_REASONS stays refused for that reason,
    and one that it keeps needs no judge.
    """
    doubt = check_caption(caption, original, words)
    if doubt is None or doubt not in SOFT_REASONS:
        return doubt
    reading = parse_reading(reply)
    return "judge_unreadable" if reading is None else compare_reading(reading, caption, original, words)


def compare_reading(reading: Reading, caption: str, original: str, words: SpatialWords) -> str | None:
    """How a reading differs from the row's words and the original's sounds: one of REASONS; None if it does not."""
    return compare_place(reading, caption, original, words) or compare_sounds(reading, original)


def compare_place(reading: Reading, caption: str, original: str, words: SpatialWords) -> str | None:
    """How a reading of the caption differs from the row's words; None if it does not.

    A value counts only with a quote that the caption holds and the original does not. Every word of the caption that
    tells something has to be in a quote, so that a judge cannot pass over it.
    """
    demanded = words.present()
    if reading.relative_to == "other" or (_has_position(demanded) and reading.relative_to != "listener"):
        return "judge_not_listener"
    if not reading.certain:
        return "judge_uncertain"
    if not reading.one_place:
        return "judge_several_places"
    if reading.extra:
        return "judge_extra"
    after, before = tokens_of(caption), tokens_of(original)
    places = {attribute: placed for attribute, placed in reading.placed.items() if placed is not None}
    if any(len(tokens_of(placed.quote)) > _LONGEST_PLACE_WORDS for placed in places.values()):
        return "judge_quote"
    found = {attribute: find_quote(placed.quote, after) for attribute, placed in places.items()}
    quoted = [*found.values(), *(find_quote(sound.quote, after) for sound in reading.sounds)]
    if not all(quoted):
        return "judge_quote"
    # What the original says of a place itself does not say the place of the row.
    said = {name: positions for name, positions in found.items() if says_something_new(positions, after, before)}
    if any(names_another(positions, after, before) for positions in said.values()):
        return "judge_not_listener"
    for attribute in VOCABULARY:
        if (places[attribute].value if attribute in said else None) != demanded.get(attribute):
            return f"judge_{attribute}"
    return "judge_incomplete" if unquoted_words(after, set().union(*quoted)) else None


def compare_sounds(reading: Reading, original: str) -> str | None:
    """Whether the sounds in plain words fail the check against the original, as a caption without a place."""
    return "judge_sounds" if check_caption(plain_caption(reading.sounds), original, SpatialWords()) else None


def _has_position(words: dict[str, str]) -> bool:
    return any(attribute in words for attribute in ("direction", "elevation", "distance"))


def plain_caption(sounds: tuple[Sound, ...]) -> str:
    """The sounds in plain words as one sentence: together with "while", one after another with "then"."""
    moments = groupby(sorted(sounds, key=lambda sound: sound.moment), key=lambda sound: sound.moment)
    text = ", then ".join(" while ".join(sound.plain.strip(" .,;") for sound in heard) for _, heard in moments)
    return f"{text[:1].upper()}{text[1:]}."
