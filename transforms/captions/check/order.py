"""What is heard before what: a sequence of an original stays in its order."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from transforms.captions.check.sound_words import CARRIERS, FUNCTION_WORDS, LIGHT_VERBS, PEOPLE
from transforms.captions.lexicon.base_forms import base_forms, lemmas, may_be
from transforms.captions.lexicon.verbs import VERBS

_SEQUENCE = re.compile(
    r"(?<!\w)(then|finally|eventually|ultimately|later|leading to|ending (?:with|in)|proceeded by|succeeded by|"
    r"followed by|interrupted by|followed|following|follows|before|after|until|preceded by|precedes|next(?! to))(?!\w)"
)
_BACKWARDS = ("after", "following", "preceded by")
# "And insects then screech" is "then insects screech".
_LATE_THEN = re.compile(r"(?<!\w)(?:and|,) ((?:an? |the |more )?([^\W\d]+)) then(?!\w)")
_AT_ONCE = frozenset("while whilst as during amid amidst when meanwhile simultaneously".split())

_LIST = re.compile(r"(?: ,| and)+ ")
_SOUND_LINK = re.compile(r"(?<!\w)(?:,|and|as|while|whilst|when|with|over|but|during|amid)(?!\w)")
_BE = frozenset("is are was were".split())
_SOUND_VERBS = frozenset(VERBS)
_THINGS = frozenset("a an the some another several two his her their its".split())
_ASIDE = frozenset("with over alongside".split())


def changes_order(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the original tells a sequence and the answer another one, or where one of them tells none."""
    moments, moments_of_answer = (_in_time(" ".join(words), names) for words in (before, after))
    in_turn, answer_in_turn = len(moments) > 1, len(moments_of_answer) > 1
    at_once, answer_at_once = bool(_AT_ONCE & set(before)), bool(_AT_ONCE & set(after))
    if in_turn != answer_in_turn and at_once != answer_at_once and in_turn != at_once:
        return True
    if not in_turn:
        return (not at_once and _reorders_list(before, after, names)) or _tears_apart(before, moments_of_answer, names)
    times = Counter(name for moment in moments for name in moment)
    if len(moments) == len(moments_of_answer):
        # A sound that comes twice comes in the same moments; who makes it may be named in one of them alone.
        return any(
            any(name in times and name not in moment and lemmas(name) & _SOUND_VERBS for name in told)
            or (told & set(times) and not told & moment)
            or _are_others(told & set(times), moment)
            for moment, told in zip(moments, moments_of_answer, strict=True)
        )
    when = {name: number for number, moment in enumerate(moments) for name in moment if times[name] == 1}
    if answer_in_turn:
        spans = [[when[name] for name in moment if name in when] for moment in moments_of_answer]
        spans = [span for span in spans if span]
        return any(max(first) > min(second) for first, second in itertools.pairwise(spans))
    told = [names[word] for word in after if word in names]
    order = [when[name] for name in told if name in when and told.count(name) == 1]
    return any(first > second for first, second in itertools.pairwise(order))


def _are_others(told: set[str], moment: set[str]) -> bool:
    """Whether other people are told in a moment: a man and then a woman, not a woman and then a man."""
    people, before = ({name for name in names if lemmas(name) & PEOPLE} for names in (told, moment))
    return bool(people and before) and people.isdisjoint(before)


def _tears_apart(before: Sequence[str], moments: Sequence[set[str]], names: Mapping[str, str]) -> bool:
    """True where one sound of the original is told in two moments: "typing is followed by a keyboard"."""
    times = Counter(names[word] for word in before if word in names)
    once = {name for name, number in times.items() if number == 1}
    parts = _SOUND_LINK.split(" ".join(before))
    for part in parts:
        told = {names[word] for word in part.split() if word in names} & once
        # A moment that is nothing but a thing of the sound before it: no sound of its own.
        torn = [
            moment
            for moment in moments
            if moment and moment <= told and not any(may_be(name, "VERB") for name in moment)
        ]
        if torn and sum(bool(moment & told) for moment in moments) > 1:
            return True
    return False


def _reorders_list(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the original lists three things that happen, and the answer lists them in another order."""
    events = [event for event in _LIST.split(" ".join(before)) if _happens(event)]
    if len(events) < 3:
        return False
    times = Counter(names[word] for word in before if word in names)
    when = {
        names[word]: number
        for number, event in enumerate(events)
        for word in event.split()
        if word in names and times[names[word]] == 1 and word.endswith("s")
    }
    order = [when[names[word]] for word in after if word in names and names[word] in when]
    return any(first > second for first, second in itertools.pairwise(order))


def _happens(event: str) -> bool:
    """Whether a part of a list has a finite verb: "a horn honks", "stops"."""
    return any(
        word.endswith("s") and word not in base_forms(word).get("VERB", (word,)) for word in event.split()
    ) and not any(word.endswith("ing") or word in _BE for word in event.split())


def _in_time(text: str, names: Mapping[str, str]) -> list[set[str]]:
    """The names in the parts of a sequence, the earliest first: "b after a" and "after a, b" are a, b."""
    pieces = _SEQUENCE.split(_LATE_THEN.sub(_then_first, text))
    parts = [pieces[0]]
    for sign, part in zip(pieces[1::2], pieces[2::2], strict=True):
        backwards = sign in _BACKWARDS
        is_first = len(parts) == 1 and not _moment(parts[0], names)
        if is_first and sign in (*_BACKWARDS, "before") and "," in part:
            first, _, rest = part.strip(", ").partition(",")
            parts = [first, rest] if backwards else [rest, first]
        elif sign == "follows" and _begins_with_a_thing(part.split()):
            # "Music follows a speech" tells the speech first.
            parts.insert(len(parts) - 1, part)
        elif sign == "follows" or part.startswith(" behind"):
            parts.append(part)
        elif backwards:
            parts.insert(len(parts) - 1, part)
        else:
            parts.append(part)
    return [moment for moment in (_moment(part, names) for part in parts) if moment]


def _begins_with_a_thing(words: Sequence[str]) -> bool:
    """Whether words begin with a noun phrase: "a speech", "music"."""
    if not words or words[0] in FUNCTION_WORDS - _THINGS:
        return False
    return words[0] in _THINGS or (may_be(words[0], "NOUN") and not words[0].endswith("ly"))


def _then_first(match: re.Match[str]) -> str:
    return match[0] if may_be(match[2], "VERB") else f"then {match[1]}"


def _moment(part: str, names: Mapping[str, str]) -> set[str]:
    """The names in one part, without what is heard all the while."""
    found: list[set[str]] = [set(), set()]
    aside = False
    for word in part.split():
        if word in _AT_ONCE or word in _ASIDE:
            aside = True
        elif word == ",":
            aside = False
        elif word in names and word not in FUNCTION_WORDS and not lemmas(word) & (CARRIERS | LIGHT_VERBS):
            found[aside].add(names[word])
    return found[0] or found[1]
