"""The check of the sounds: none lost, added, exchanged or reordered."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transforms.captions.check.counts import changes_number, says_less_often, says_more_often
from transforms.captions.check.kinship import (
    is_own_sound,
    is_redundant,
    is_slight,
    joined_phrasals,
    may_be_added,
    may_go_missing,
    pair_up,
)
from transforms.captions.check.order import changes_order
from transforms.captions.check.paraphrases import plain_words
from transforms.captions.check.roles import changes_roles
from transforms.captions.check.senses import Senses, classes, content_words, split_compounds
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
from transforms.captions.lexicon.base_forms import base_forms, lemmas
from transforms.captions.lexicon.kinship_words import SOUND_WORDS
from transforms.captions.lexicon.verbs import VERBS
from transforms.captions.phrases.found import FREE, ROOM
from transforms.captions.phrases.parse import find_phrases
from transforms.captions.phrases.room_words import ABSORBS, ECHOES, OWNERS

# A paraphrase has no more words of its own; so many are looked at one by one.
_MOST_CHANGES = 30
# So many words of content allow for one more that is lost.
_WORDS_FOR_ONE_MORE = 12
_SOUND_NAMES = frozenset((*VERBS, *SOUND_WORDS, "note", "tone", "word", "stroke", "blow", "footfall", "clip"))
_SEQUENCE = re.compile(r"(?<!\w)(?:then|followed|following|follows|before|after|preceded|until|next)(?!\w)")


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


_SHAKES = re.compile(
    r"(?<!\w)(shak\w+|shook|fill\w*|rock\w*) (?:the|a|an) (?:[^\W\d]+ ){0,2}(?:room|hall|space|air|walls?)(?!\w)"
)
# "The blasts echo around a hall" speaks of blasts that are told already.
_ECHOING_SOUND = re.compile(
    r"(?<!\w)(?:the|its|their|each|every|his|her) ([^\W\d]+) (?:all |still |loudly )?"
    r"(?:echo\w*|reverberat\w+|resound\w*|ring|rings|rang|ringing|linger\w*|bounc\w+|carr\w+|com\w+ back|c[ao]me back)"
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
    before, after, names = compared.before, compared.after, compared.names
    if says_more_often(before, after, names):
        return "repeats"
    if changes_number(before, after):
        return "number_changed"
    if changes_roles(before, after, names):
        return "roles_changed"
    if changes_order(before, after, names):
        return "order_changed"
    # "Some birds" are several.
    free = compared.covered | (QUANTITIES if "some" in after else frozenset())
    required = [word for word in _required(before) if word not in free]
    if len(required) > _MOST_CHANGES:
        return "content_lost"
    lost = [
        word for word in required if not (may_go_missing(word, after) or is_redundant(word, before, compared.covered))
    ]
    if not _are_slight(lost, before, compared.covered):
        return "content_lost"
    if says_less_often(before, after, names):
        return "content_lost"
    if len(compared.added) > _MOST_CHANGES:
        return "content_added"
    added = [
        word
        for word in compared.added
        if not (_is_carrier(word, before) or may_be_added(word, before) or _is_owned(word, before, after))
    ]
    return "content_added" if added else None


def _are_slight(lost: Sequence[str], before: Sequence[str], covered: frozenset[str]) -> bool:
    """Whether the words that an answer loses are few and of no sound, and the rest of their clauses is told."""
    few = 1 + len(content_words(before)) // _WORDS_FOR_ONE_MORE
    return len(set(lost)) <= few and all(is_slight(word, before, covered) for word in lost)


def compare(answer: str, original: str) -> Compared:
    """The words of two canonical texts, each with the words of the other that say the same."""
    own = frozenset(original.split())
    told, told_after = (without_place(text, own).split() for text in (original, answer))
    told_after = _without_told_sounds(told_after, told, answer)
    before, after = (
        plain_words(" ".join(joined_phrasals(words, others))).split()
        for words, others in ((told, told_after), (told_after, told))
    )
    of_room = {word for match in _OF_ROOM.finditer(answer) for word in match[0].split() if lemmas(word) & _RESOUND}
    of_room |= {match[1] for match in _SHAKES.finditer(answer)}
    of_room |= {match[1] for match in _ECHOING_SOUND.finditer(answer) if lemmas(match[1]) & _SOUND_NAMES}
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
        if matches:
            names.setdefault(word, names[next((one for one in matches if one not in covered), matches[0])])
            covered.update(matches)
        else:
            names.setdefault(word, word)
            if word not in of_room:
                added.append(word)
    in_room = {lemma for word in _words_of_echo(answer) for lemma in lemmas(word)}
    classes_in_room = {number for word in in_room for number in classes(word)}
    more_often = _said_more_often(before, after, names)
    lost = []
    for word in dict.fromkeys(content_words(before)):
        if word in covered:
            continue
        other = next((more_often[number] for number in classes(word) if number in more_often), "")
        if other or lemmas(word) & in_room or (classes(word) and classes(word) & classes_in_room):
            # "A man speaks and a child talks" says it twice; "with its sirens ringing" is told with the room.
            names[word] = other or names[word]
            covered.add(word)
        else:
            lost.append(word)
    few = max(len(lost), len(added)) <= _MOST_CHANGES
    for word, other in pair_up(lost, added, before).items() if few else ():
        names[word] = names[other]
        covered.add(other)
        added.remove(word)
    return Compared(before, after, names, frozenset(covered), added)


def _without_told_sounds(words: Sequence[str], before: Sequence[str], answer: str) -> list[str]:
    """The words without the sounds that a phrase of echo names again: "each bark echoes", "its roar is muffled"."""
    left = list(words)
    tokens = answer.split()
    said = Senses(content_words(before))
    for found in find_phrases(answer):
        for at in found.keeps if found.kind == FREE else ():
            word = tokens[at]
            if word in left and (said.has(word) or is_own_sound(word, before)):
                last = len(left) - 1 - left[::-1].index(word)
                left[last] = ","
    return left


def _is_owned(word: str, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a noun names the sound of a source wherever the answer has it: "its roar growing"."""
    owned = all(first in OWNERS for first, second in itertools.pairwise(after) if second == word)
    return owned and is_own_sound(word, before)


def _words_of_echo(answer: str) -> Iterator[str]:
    """The words of phrases of echo apart from its room, "with its sirens ringing and echoing", and the room itself."""
    words = answer.split()
    for found in find_phrases(answer):
        if found.kind == FREE:
            yield from (word for word in words[found.start : found.end] if word not in ECHOES | ABSORBS)
        elif found.kind == ROOM and words[found.end - 1] == "room":
            # "In a large room a man walks across it".
            yield "room"


def _said_more_often(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """For each class of one sense, the name of a word of the original that the answer says more often."""
    times, times_before = (Counter(names.get(word, "") for word in words) for words in (after, before))
    return {
        number: names[word]
        for word in before
        if word in names and times[names[word]] > times_before[names[word]]
        for number in classes(word)
    }


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
