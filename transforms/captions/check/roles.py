"""Who does what: the words of one sound stay together, and the one who acts is not the one that is acted on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from transforms.captions.check.sound_words import FUNCTION_WORDS, PEOPLE, VACUOUS
from transforms.captions.lexicon.base_forms import base_forms, lemmas, may_be

# What parts a caption into its sounds; a passive ("is interrupted by") parts who acts from who is acted on.
_LINKS = frozenset(
    ", and but as while whilst when then followed following before after until with over amid amidst alongside "
    "accompanied interrupted preceded drowned".split()
)
_PARTS = _LINKS | {"by"}
_BE = frozenset("is are was were be been being gets get".split())
_PRONOUNS = frozenset("it they he she which that who".split())
_ANYBODY = frozenset("someone somebody something".split())


def changes_roles(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where a sound is torn apart and mixed with another, or where another acts than in the original."""
    return _mixes_sounds(before, after, names) or _exchanges_actors(before, after, names)


def _mixes_sounds(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where a part of the answer mixes words of two sounds, and one of those sounds is torn apart by it."""
    parts = _sounds_apart(before, names)
    times = Counter(name for part in parts for name in part)
    # A part of one word ("humming and clicking of an engine") has no actor of its own that could be mistaken.
    whole = [number for number, part in enumerate(parts) if len(part) > 1]
    sound_of = {name: number for number in whole for name in parts[number] if times[name] == 1}
    sounds_by_part = [{sound_of[name] for name in part if name in sound_of} for part in _sounds_apart(after, names)]
    parts_of_sound: dict[int, set[int]] = {}
    for number, sounds in enumerate(sounds_by_part):
        for sound in sounds:
            parts_of_sound.setdefault(sound, set()).add(number)
    return any(len(sounds) > 1 and any(len(parts_of_sound[one]) > 1 for one in sounds) for sounds in sounds_by_part)


def _sounds_apart(words: Sequence[str], names: Mapping[str, str]) -> list[set[str]]:
    """The names of the words of each part of a text that tells a sound."""
    parts: list[list[str]] = [[]]
    link = ","
    for word in (*words, ","):
        if word not in _PARTS:
            parts[-1].append(word)
            continue
        if link in ("and", ",") and len(parts) > 1 and _is_one_sound(parts[-2], parts[-1]):
            parts[-2:] = [[*parts[-2], *parts[-1]]]
        parts.append([])
        link = word
    found: list[set[str]] = []
    subject: set[str] = set()
    for words_of_part in parts:
        named = {names[word] for word in words_of_part if word not in FUNCTION_WORDS}
        verb = next((at for at in range(len(words_of_part)) if _is_verbal(words_of_part, at)), len(words_of_part))
        own = {names[word] for word in words_of_part[:verb] if word not in FUNCTION_WORDS}
        if named:
            # "Before drinking water" has the actor of the part before it.
            found.append(named if own or _has_own_actor(words_of_part) else named | subject)
        subject = own or subject
    return found


def _is_one_sound(part: Sequence[str], following: Sequence[str]) -> bool:
    """Whether two parts have one actor: "people laugh and talk", "the humming and clicking of an engine"."""
    if not part or not following:
        return False
    if "of" in following and not any(word.endswith("s") and may_be(word, "VERB") for word in part):
        return True
    first = next(
        (at for at, word in enumerate(following) if word not in FUNCTION_WORDS and not word.endswith("ly")), None
    )
    if first is None or any(word in ("a", "an", "the") for word in following[:first]):
        return False
    return not _has_own_actor(following) and _is_verbal(following[first:], 0)


def _has_own_actor(part: Sequence[str]) -> bool:
    """Whether a part begins with a participle before its noun: "falling rain", "a swarm of bees buzzing"."""
    first = next((at for at, word in enumerate(part) if word not in FUNCTION_WORDS), len(part))
    if first == len(part):
        return True
    after = part[first + 1] if first + 1 < len(part) else ""
    if after == "of":
        return True
    return (
        part[first].endswith("ing")
        and after not in FUNCTION_WORDS
        and (may_be(after, "NOUN") or bool(lemmas(after) & VACUOUS))
    )


def _exchanges_actors(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where a verb of the answer has other actors than in the original."""
    plural = {names[word] for word in before if word in names and _is_plural(word)}
    singular = {names[word] for word in before if word in names and not _is_plural(word)}
    # "Men answer to a man": the two are told apart by their number alone.
    counted = plural & singular
    surely, perhaps = _actors(before, names, counted)
    surely_in_answer, _ = _actors(after, names, counted)
    for verb, found in surely_in_answer.items():
        # "Someone" may act wherever the original names nobody.
        known = surely[verb] | perhaps[verb]
        if found - _ANYBODY and known and found.isdisjoint(known):
            return True
    return False


def _is_plural(word: str) -> bool:
    return any(lemma != word for lemma in base_forms(word).get("NOUN", ()))


_Actors = defaultdict[str, set[str]]


def _actors(words: Sequence[str], names: Mapping[str, str], counted: set[str]) -> tuple[_Actors, _Actors]:
    """For each name of a verb the names of the nouns that surely act, and of those that may."""
    surely: _Actors = defaultdict(set)
    perhaps: _Actors = defaultdict(set)
    subject: set[str] = set()
    waiting: set[str] = set()
    for link, part in _clauses(words):
        verbs = [_is_verbal(part, position, link) for position in range(len(part))]
        nouns = [
            "" if verbs[position] or not _may_act(part, position) else _named(part[position], names, counted)
            for position in range(len(part))
        ]
        if not any(verbs):
            # "A flute and a drum play": the flute waits for its verb.
            waiting |= set(nouns) - {""}
            continue
        for position, word in enumerate(part):
            if not verbs[position] or word not in names:
                continue
            sure, likely = _actors_of(part, position, nouns, subject)
            if sure or part[0] in _PRONOUNS:
                sure = sure | waiting if sure else sure
            surely[names[word]] |= sure - {names[word]}
            perhaps[names[word]] |= (likely | waiting) - {names[word]}
        first = verbs.index(True)
        subject = set(nouns[:first]) - {""} | waiting or subject
        waiting = set()
    return surely, perhaps


def _actors_of(
    part: Sequence[str], position: int, nouns: Sequence[str], subject: set[str]
) -> tuple[set[str], set[str]]:
    word = part[position]
    if part[position + 1 : position + 2] == ["of"]:
        # "The screech of insects".
        return set(nouns[position + 1 :]) - {""}, set()
    earlier = set(nouns[:position]) - {""}
    if position and part[position - 1] in _BE and _is_participle(word):
        # A passive: the actor follows "by".
        return (set(nouns[part.index("by", position) :]) - {""} if "by" in part[position:] else set()), set()
    if earlier and part[0] not in _PRONOUNS:
        return earlier, set()
    following = {nouns[position + 1]} - {""} if position + 1 < len(part) else set()
    return set(), earlier | subject | following


def _is_participle(word: str) -> bool:
    return not word.endswith(("ing", "s")) and word not in base_forms(word).get("VERB", ())


def _clauses(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each part of a text, and the link before it."""
    part: list[str] = []
    link = ","
    for word in (*words, ","):
        if word in _LINKS:
            if part:
                yield link, part
            part, link = [], word
        else:
            part.append(word)


def _may_act(part: Sequence[str], position: int) -> bool:
    """Whether a word can be a noun that acts; an adjective before its noun is none."""
    word = part[position]
    if word in _ANYBODY:
        return True
    if word in FUNCTION_WORDS or not may_be(word, "NOUN") or word.endswith("ing") or lemmas(word) & VACUOUS:
        return False
    following = part[position + 1] if position + 1 < len(part) else ""
    return not may_be(word, "ADJ") or following in FUNCTION_WORDS or not may_be(following, "NOUN")


def _named(word: str, names: Mapping[str, str], counted: set[str]) -> str:
    name = names.get(word, "")
    return f"{name}s" if name in counted and _is_plural(word) else name


def _is_verbal(part: Sequence[str], position: int, link: str = "and") -> bool:
    """Whether a word that can be a verb stands like one: it has a verb's ending or follows a noun or a pronoun."""
    word = part[position]
    if word in FUNCTION_WORDS or not may_be(word, "VERB") or lemmas(word) & VACUOUS:
        return False
    if word.endswith("s") and may_be(word, "NOUN") and position > 1 and part[position - 2] in ("a", "an"):
        # "An animal grunts": no plural follows "an".
        return True
    if word.endswith("ing") or part[position + 1 : position + 2] == ["of"]:
        return word.endswith("ing") or not may_be(word, "ADJ")
    previous = next((other for other in reversed(part[:position]) if not other.endswith("ly")), "")
    following = next((other for other in part[position + 1 :] if not other.endswith("ly")), "")
    if word.endswith("ed") and previous not in _BE and following not in FUNCTION_WORDS and may_be(following, "NOUN"):
        return False
    if may_be(word, "NOUN") and (following in _BE or may_be(following, "VERB")):
        # "Signals" in "signals ring".
        return False
    if not previous:
        # "And hisses", but not "and birds sing" nor "as crickets".
        return not may_be(word, "NOUN") or (
            link in ("and", ",", "but", "then") and not (following in _BE or may_be(following, "VERB"))
        )
    return (
        previous in _PRONOUNS | _BE
        or previous in _ANYBODY | PEOPLE
        or (previous not in FUNCTION_WORDS and may_be(previous, "NOUN") and not may_be(previous, "ADJ"))
    )
