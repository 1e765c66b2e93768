"""The check of the sounds: none lost, added, exchanged or reordered."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable

from transforms.captions.check.text import (
    bare_stem,
    droppable_stems,
    function_stems,
    neutral_stems,
    without_place,
    word_stem,
    word_stems,
)
from transforms.captions.check.verbs import IRREGULAR_PLURALS, VERBS_WITH_S

_SEQUENCE = re.compile(
    r"(?<!\w)(then|followed by|interrupted by|followed|following|follows|before|after|preceded by|precedes|next)(?!\w)"
)

_BACKWARDS = ("after", "following", "follows", "preceded by")

_ONE = re.compile(r"(?<!\w)(?:an?|one|another|single) ([^\W\d]+)(?: ([^\W\d]+))?")

# What parts a caption into its sounds; a passive ("is interrupted by") parts who acts from who is acted on.
_PARTS = re.compile(
    r"(?<!\w)(?:,|and|as|while|whilst|when|then|followed by|followed|following|before|after|with|over|"
    r"accompanied by|interrupted by|preceded by|drowned out by|by)(?!\w)"
)


def check_sounds(answer: str, original: str) -> str | None:
    """The part about the sounds, on canonical texts."""
    before, after = _content(original), _content(answer)
    kept = set(after)
    lost = [stem for stem in before if stem not in kept]
    sounds = [stem for stem in before if stem not in droppable_stems()]
    lost_sounds = [stem for stem in lost if stem not in droppable_stems()]
    if (
        set(lost_sounds) & set(sounds[:2])
        or len(lost_sounds) > _may_miss(len(sounds))
        or len(lost) > 1 + len(before) // 4
    ):
        return "content_lost"
    known = set(before) | set(word_stems(original)) | neutral_stems()
    if any(stem not in known for stem in after):
        return "content_added"
    if _says_more_often(answer, original):
        return "repeats"
    if _changes_number(answer, original):
        return "number_changed"
    if _changes_roles(answer, original):
        return "roles_changed"
    return "order_changed" if _reordered(before, after, answer, original) else None


def _says_more_often(answer: str, original: str) -> bool:
    """True where the answer says a sound again that the original says once: "a man speaks, hissing, a man speaks"."""
    times, times_before = _stem_counts(answer, bare_stem), _stem_counts(original, bare_stem)
    senses, senses_before = _stem_counts(answer, word_stem), _stem_counts(original, word_stem)
    return any(
        number > 1 and number > times_before[stem] and senses[word_stem(stem)] > senses_before[word_stem(stem)]
        for stem, number in times.items()
        if word_stem(stem) not in droppable_stems() | neutral_stems() and word_stem(stem) in senses_before
    )


def _changes_number(answer: str, original: str) -> bool:
    """True where a noun is one thing in the original and several in the answer, or the other way round."""
    one, several = _numbers(answer)
    one_before, several_before = _numbers(original)
    return bool((one & several_before) - one_before or (one_before & several) - one - several_before)


def _numbers(text: str) -> tuple[set[str], set[str]]:
    """The words that follow "a" or "one", adjectives too, and the singulars of the words in -s that are no verbs."""
    one = {
        word
        for match in _ONE.finditer(text)
        for word in match.groups()
        if word and word_stem(word) not in neutral_stems()
    }
    tokens = {token for token in text.split() if len(token) > 3 and token.endswith("s")} - VERBS_WITH_S
    several = {token[:-1] for token in tokens} | {token[:-2] for token in tokens if token.endswith("es")}
    return one, several | {IRREGULAR_PLURALS[token] for token in text.split() if token in IRREGULAR_PLURALS}


def _changes_roles(answer: str, original: str) -> bool:
    """True where a part of the answer mixes words of two sounds, and one of those sounds is torn apart by it."""
    parts = _sounds_apart(original)
    times = Counter(stem for part in parts for stem in part)
    # A part of one word ("humming and clicking of an engine") has no actor of its own that could be mistaken.
    whole = [number for number, part in enumerate(parts) if len(part - droppable_stems()) > 1]
    sound_of = {stem: number for number in whole for stem in parts[number] if times[stem] == 1}
    sounds_by_part = [{sound_of[stem] for stem in part if stem in sound_of} for part in _sounds_apart(answer)]
    parts_of_sound: dict[int, set[int]] = {}
    for number, sounds in enumerate(sounds_by_part):
        for sound in sounds:
            parts_of_sound.setdefault(sound, set()).add(number)
    return any(len(sounds) > 1 and any(len(parts_of_sound[one]) > 1 for one in sounds) for sounds in sounds_by_part)


def _sounds_apart(canonical: str) -> list[set[str]]:
    """The stems of each part of a text that tells a sound, without those that only tell where or how."""
    parts = _PARTS.split(without_place(canonical))
    stems = (
        {stem for stem in word_stems(part) if stem not in function_stems() and stem not in neutral_stems()}
        for part in parts
    )
    return [part for part in stems if part]


def _stem_counts(canonical: str, stem_of: Callable[[str], str]) -> Counter[str]:
    tokens = without_place(canonical).split()
    return Counter(stem_of(token) for token in tokens if token != "," and word_stem(token) not in function_stems())


def _may_miss(sounds: int) -> int:
    """How many of so many words for sounds may be missing: none of a short caption's."""
    return 0 if sounds <= 12 else sounds // 12


def _reordered(before: list[str], after: list[str], answer: str, original: str) -> bool:
    """True where the original tells a sequence and the answer tells its sounds in another order."""
    if not _SEQUENCE.search(original):
        return False
    moments, moments_of_answer = _in_time(original), _in_time(answer)
    times = Counter(stem for moment in moments for stem in moment)
    when = {stem: number for number, moment in enumerate(moments) for stem in moment if times[stem] == 1}
    if len(moments_of_answer) > 1:
        spans = [[when[stem] for stem in moment if stem in when] for moment in moments_of_answer]
        spans = [span for span in spans if span]
        return any(max(first) > min(second) for first, second in itertools.pairwise(spans))
    positions = {stem: position for position, stem in enumerate(after)}
    order = [positions[stem] for stem in before if stem in positions and stem not in droppable_stems()]
    backwards = sum(first > second for first, second in itertools.pairwise(order))
    return backwards > len(order) // 5


def _in_time(canonical: str) -> list[set[str]]:
    """The stems of the parts of a sequence, the earliest first: "b after a" and "after a, b" are a, b."""
    pieces = _SEQUENCE.split(without_place(canonical))
    parts = [pieces[0]]
    for sign, part in zip(pieces[1::2], pieces[2::2], strict=True):
        backwards = sign in _BACKWARDS
        is_first = len(parts) == 1 and not _moment(parts[0])
        if is_first and sign in (*_BACKWARDS, "before") and "," in part:
            first, _, rest = part.partition(",")
            parts = [first, rest] if backwards else [rest, first]
        elif backwards:
            parts.insert(len(parts) - 1, part)
        else:
            parts.append(part)
    return [moment for moment in map(_moment, parts) if moment]


def _moment(part: str) -> set[str]:
    return {stem for stem in word_stems(part) if stem not in function_stems() | neutral_stems() | droppable_stems()}


def _content(canonical: str) -> list[str]:
    """The stems of the content words in order of first use, words of space left out."""
    return [stem for stem in word_stems(without_place(canonical)) if stem not in function_stems()]
