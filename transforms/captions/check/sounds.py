"""The check of the sounds: none lost, added, exchanged or reordered."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transforms.captions.check.order import changes_order
from transforms.captions.check.paraphrases import plain_words
from transforms.captions.check.roles import changes_roles
from transforms.captions.check.senses import Senses, split_compounds
from transforms.captions.check.sound_words import (
    BEGINNINGS,
    CARRIERS,
    FUNCTION_WORDS,
    HUMAN_SOUNDS,
    LIGHT_VERBS,
    PEOPLE,
    QUANTITIES,
    VACUOUS,
    VERBS_OF_THINGS,
)
from transforms.captions.check.text import without_place
from transforms.captions.check.verbs import VERBS
from transforms.captions.lexicon.base_forms import base_forms, is_base_verb, lemmas, may_be

_SEQUENCE = re.compile(r"(?<!\w)(?:then|followed|following|follows|before|after|preceded|until|next)(?!\w)")
_ONE = re.compile(r"(?<!\w)(?:an?|one|another|single) ([^\W\d]+)(?: ([^\W\d]+))?")

_SOUND_VERBS = frozenset(VERBS)
# "An engine is running idle" is idle.
_RUNS = frozenset(("run",))
# What a sound does in a room is said with its place: "rings through a hall", "with long, ringing echoes".
_RESOUND = frozenset(
    "ring bounce fill linger echo reverberate carry roll hang rebound resound resonate die fade long".split()
)
_OF_ROOM = re.compile(
    r"(?<!\w)[^\W\d]+ (?:(?:through|around|across|off|in|with|into|from|out|about|on|over|down) )"
    r"(?:(?!(?:a|an|the|its|bare)\b)[^\W\d]+ )?(?:(?:a|an|the|its|bare) )?(?:[^\W\d]+ |, ){0,3}"
    r"(?:room|hall|space|chamber|walls?|echo|echoes)(?!\w)|"
    r"(?<!\w)(?:[^\W\d]+ (?:, )?){1,2}(?:echo|echoes|reverberation|echoing)(?!\w)"
)
_ARTICLES = frozenset("a an the its their his her some".split())
_TURNS = (
    ("on onto upon over above atop", "under beneath underneath below"),
    ("in into inside within", "outside"),
    ("up", "down"),
)
# What each preposition turns around.
_OPPOSITES = {
    word: frozenset(
        other
        for pair in _TURNS
        for side, turned in (pair, pair[::-1])
        if word in side.split()
        for other in turned.split()
    )
    for pair in _TURNS
    for side in pair
    for word in side.split()
}
_REFERRING = frozenset(
    "it its they their them he his she her who which that both each again do other others another one ones itself does "
    "did too".split()
)
_PLURAL_VERBS = frozenset("are were have".split())
_BEFORE_NOUNS = frozenset(
    "several some the of two three four five six 2 3 4 5 6 many these those its their with".split()
)


@dataclass(frozen=True)
class Compared:
    """Two texts whose words are compared."""

    before: list[str]
    """The words of the original, a comma for any punctuation."""
    after: list[str]
    """The words of the answer."""
    names: dict[str, str]
    """The name of each content word; words of one sense have one name."""
    covered: frozenset[str]
    """The content words of the original that the answer says."""
    added: list[str]
    """The content words of the answer that say nothing that the original says."""


def check_sounds(answer: str, original: str) -> str | None:
    """The part about the sounds, on canonical texts."""
    compared = compare(answer, original)
    if _turns_around(compared):
        return "roles_changed"
    if _says_more_often(compared):
        return "repeats"
    if _changes_number(" ".join(compared.after), " ".join(compared.before)):
        return "number_changed"
    if changes_roles(compared.before, compared.after, compared.names):
        return "roles_changed"
    if changes_order(compared.before, compared.after, compared.names):
        return "order_changed"
    if any(word not in compared.covered for word in _required(compared.before)) or _says_less_often(compared):
        return "content_lost"
    return "content_added" if any(not _is_carrier(word, compared.before) for word in compared.added) else None


def _turns_around(compared: Compared) -> bool:
    """True where a thing that is under, in or from in the original is over, outside or to it in the answer."""
    ways, ways_before = _ways(compared.after, compared.names), _ways(compared.before, compared.names)
    return any(
        found and ways_before[name] and all(ways_before[name] & _OPPOSITES.get(way, frozenset()) for way in found)
        for name, found in ways.items()
    )


def _ways(words: Sequence[str], names: Mapping[str, str]) -> defaultdict[str, set[str]]:
    """For the name of each thing the prepositions before it."""
    ways: defaultdict[str, set[str]] = defaultdict(set)
    way = ""
    for word in words:
        if word in _OPPOSITES:
            way = word
        elif word in names:
            if way:
                ways[names[word]].add(way)
        elif word not in _ARTICLES:
            way = ""
    return ways


def compare(answer: str, original: str) -> Compared:
    """The words of two canonical texts, each with the words of the other that say the same."""
    own = frozenset(original.split())
    before, after = (plain_words(without_place(text, own)).split() for text in (original, answer))
    of_room = {word for match in _OF_ROOM.finditer(answer) for word in match[0].split() if lemmas(word) & _RESOUND}
    before = split_compounds(before, Senses(content_words(after)))
    said = Senses(content_words(before))
    after = split_compounds(after, said)
    names: dict[str, str] = {}
    for word in content_words(before):
        # The first word of its sense: "speech" is "speaking" where the original has both.
        names.setdefault(word, said.same(word)[0])
    covered: set[str] = set()
    added = []
    for word in content_words(after):
        matches = said.matches(word)
        covered.update(matches)
        if matches:
            names.setdefault(word, names[matches[0]])
        else:
            names.setdefault(word, word)
            if word not in of_room:
                added.append(word)
    return Compared(before, after, names, frozenset(covered), added)


def content_words(words: Sequence[str]) -> list[str]:
    return [word for word in words if word != "," and word not in FUNCTION_WORDS]


def _required(before: Sequence[str]) -> list[str]:
    """The words of an original that must not go missing."""
    required = []
    for position, word in enumerate(before):
        if word == "," or word in FUNCTION_WORDS or word in VACUOUS or lemmas(word) & VACUOUS:
            continue
        if lemmas(word) & (LIGHT_VERBS | _RUNS) and _carries(before, position):
            continue
        required.append(word)
    return required


def _carries(words: Sequence[str], position: int) -> bool:
    """Whether a light verb is followed by the word that it carries: "begins crying", "makes a call"."""
    for word in words[position + 1 : position + 5]:
        if word in (",", "and", "as", "while", "then", "but", "with"):
            return False
        if word not in FUNCTION_WORDS and not set(base_forms(word)) <= {"ADV"}:
            return True
    return False


def _is_carrier(word: str, before: Sequence[str]) -> bool:
    if lemmas(word) & CARRIERS:
        return True
    if word in ("again", "more"):
        if set(before) & {"other", "others", "another", "more"}:
            return True
        return any(number > 1 for number in Counter(min(lemmas(other)) for other in content_words(before)).values())
    known = {lemma for other in before for lemma in lemmas(other)}
    if word in ("person", "people") and known & HUMAN_SOUNDS and not known & PEOPLE:
        return True
    if any(known & VERBS_OF_THINGS.get(lemma, frozenset()) for lemma in lemmas(word)):
        return True
    if word in QUANTITIES and "some" in before:
        return True
    return bool(lemmas(word) & BEGINNINGS and _SEQUENCE.search(" ".join(before)))


def _says_less_often(compared: Compared) -> bool:
    """True where the original says a word twice and the answer once, and nothing refers to it: "it", "both"."""
    times, times_before = _times(compared.after, compared.names), _times(compared.before, compared.names)
    missing = Counter(
        {name: number - times[name] for name, number in times_before.items() if number > 1 and number > times[name]}
    )
    if _shares_verb(compared.after):
        # "A woman and a child are talking" says the verb of both once.
        missing -= Counter(name for name in missing if lemmas(name) & _SOUND_VERBS)
    return missing.total() > max(0, _referring(compared.after) - _referring(compared.before))


def _says_more_often(compared: Compared) -> bool:
    """True where the answer says a sound again that the original says once: "a man speaks, hissing, a man speaks"."""
    times, times_before = _times(compared.after, compared.names), _times(compared.before, compared.names)
    # A horn may honk; the same word comes twice only where it is said twice.
    forms = Counter(min(lemmas(word)) for word in content_words(compared.after))
    twice = {compared.names[word] for word in content_words(compared.after) if forms[min(lemmas(word))] > 1}
    added = Counter({name: times[name] - times_before[name] for name in twice if times[name] > times_before[name] > 0})
    if _shares_verb(compared.before):
        added -= Counter(name for name in added if lemmas(name) & _SOUND_VERBS)
    return added.total() > max(0, _referring(compared.before) - _referring(compared.after))


def _referring(words: Sequence[str]) -> int:
    """How many words stand for one that is said before."""
    return sum(word in _REFERRING for word in words)


def _shares_verb(words: Sequence[str]) -> bool:
    """Whether two share one verb: "a woman and a child are talking"."""
    return any(
        word == "and"
        and any(
            other in ("are", "were", "both") or (is_base_verb(other) and other in _SOUND_VERBS)
            for other in words[at + 2 : at + 5]
        )
        for at, word in enumerate(words)
    )


def _times(words: Sequence[str], names: Mapping[str, str]) -> Counter[str]:
    """How often each name of a content word comes, but for words that carry others or say nothing."""
    return Counter(
        names[word]
        for word in content_words(words)
        if not lemmas(word) & (CARRIERS | VACUOUS | QUANTITIES) and not set(base_forms(word)) <= {"ADV"}
    )


def _changes_number(answer: str, original: str) -> bool:
    """True where a noun is one thing in the original and several in the answer, or the other way round."""
    one, several = _numbers(answer)
    one_before, several_before = _numbers(original)
    return bool((one & several_before) - one_before or (one_before & several) - several_before)


def _numbers(text: str) -> tuple[set[str], set[str]]:
    """The words that follow "a" or "one", adjectives too, and the singulars of the words that are surely plural."""
    one = {word for match in _ONE.finditer(text) for word in match.groups() if word and not lemmas(word) & CARRIERS}
    words = text.split()
    return one, {
        lemma
        for position, word in enumerate(words)
        for lemma in base_forms(word).get("NOUN", ())
        if lemma != word and _is_plural(words, position)
    }


def _is_plural(words: Sequence[str], position: int) -> bool:
    """Whether a word that can be a plural is one, and no verb: "crows" in "crows caw" and "the crows"."""
    if not may_be(words[position], "VERB"):
        return True
    following = words[position + 1] if position + 1 < len(words) else ","
    previous = words[position - 1] if position else ","
    return (
        following in _PLURAL_VERBS or previous in _BEFORE_NOUNS or is_base_verb(following) or following.endswith("ing")
    )
