"""Who does what: the words of one sound stay together, and the one who acts is not the one that is acted on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from transforms.captions.check.kinship import may_stand_for
from transforms.captions.check.senses import family, same_sense
from transforms.captions.check.sound_words import CARRIERS, FUNCTION_WORDS, PEOPLE, VACUOUS
from transforms.captions.lexicon.base_forms import base_forms, lemmas, may_be
from transforms.captions.lexicon.kinship_words import ANIMALS
from transforms.captions.lexicon.verbs import VERBS

# What parts a caption into its sounds; a passive ("is interrupted by") parts who acts from who is acted on.
_LINKS = frozenset(
    ", and but as while whilst when then followed following before after until with over amid amidst alongside "
    "accompanied interrupted preceded drowned where join joins joined joining".split()
)
_PARTS = _LINKS | {"by"}
_BE = frozenset("is are was were be been being gets get".split())
_PRONOUNS = frozenset("it they he she which that who".split())
_ARTICLES = frozenset("a an the".split())
# Words of no sound: "a high-pitched squeal occurs", "with a whirring sound", "in the background".
_EMPTY = VACUOUS | CARRIERS
_ANYBODY = frozenset("someone somebody something".split())
_BEFORE_THINGS = frozenset("a an the its their his her some".split())
_BEGIN_CLAUSES = frozenset(", as while whilst when then before after until".split())
_OF_PLACE = frozenset("in on at through across along inside during".split())
# How a sound goes on may be told anywhere.
_ASPECTS = frozenset("gradually repeatedly constantly continuously occasionally".split())
_SWITCH = re.compile(r"(?<!\w)(?:turn|switch|flick|power)\w* (?:[^\W\d]+ ){0,2}?(on|off)(?!\w)")
_TOWARDS = frozenset(("at", "to"))
# Verbs that many things do: an engine runs, and water runs.
_COURSE = frozenset("continue begin start stop occur go come keep end".split())
# What only the living have, and all of them.
_VOCAL = frozenset("voice call cry laughter scream shout".split())
_SOUND_VERBS = frozenset(VERBS)
_GENERAL_VERBS = frozenset("run go work operate play sound make come move".split())
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


def changes_roles(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where a sound is torn apart and mixed with another, another acts, or a thing is turned upside down."""
    return any(
        changes(before, after, names)
        for changes in (_mixes_sounds, _exchanges_actors, _turns_around, _switches, _acts_no_more)
    )


def _mixes_sounds(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where a part of the answer mixes words of two sounds, and one of those sounds is torn apart by it."""
    parts = _sounds_apart(before, names)
    # An actor that two parts share may be named in either.
    times = Counter(name for own, shared in parts for name in own | shared)
    # A part of one word ("humming and clicking of an engine") has no actor of its own that could be mistaken.
    sound_of = {
        name: number
        for number, (own, _) in enumerate(parts)
        if len(own) > 1
        for name in own
        if times[name] == 1 and not lemmas(name) & _GENERAL_VERBS
    }
    sounds_by_part = [{sound_of[name] for name in own if name in sound_of} for own, _ in _sounds_apart(after, names)]
    parts_of_sound: dict[int, set[int]] = {}
    for number, sounds in enumerate(sounds_by_part):
        for sound in sounds:
            parts_of_sound.setdefault(sound, set()).add(number)
    return any(len(sounds) > 1 and any(len(parts_of_sound[one]) > 1 for one in sounds) for sounds in sounds_by_part)


def _sounds_apart(words: Sequence[str], names: Mapping[str, str]) -> list[tuple[set[str], set[str]]]:
    """The names of the words of each part that tells a sound, and of the actor that it shares with another part."""
    parts: list[list[str]] = [[]]
    links = [","]
    for word in (*words, ","):
        if word not in _PARTS:
            parts[-1].append(word)
            continue
        if links[-1] in ("and", ",") and len(parts) > 1 and _is_one_sound(parts[-2], parts[-1], links[-2:]):
            parts[-2:] = [[*parts[-2], *parts[-1]]]
            links.pop()
        parts.append([])
        links.append(word)
    found: list[tuple[set[str], set[str]]] = []
    subject: set[str] = set()
    for part in parts:
        if (
            part[:1]
            and (part[0] in _OF_PLACE or part[:2] == ["out", "in"])
            and not any(_is_verbal(part, at) for at in range(len(part)))
        ):
            # "In the wild, birds and insects chirp" tells where all of it is.
            continue
        verb = next((at for at in range(len(part)) if _is_verbal(part, at)), len(part))
        actor = {names[word] for word in part[:verb] if word not in FUNCTION_WORDS}
        own = {
            names[word]
            for word in part
            if word not in FUNCTION_WORDS and not lemmas(word) & _EMPTY and word not in _ASPECTS
        }
        if own:
            # "Before drinking water" has the actor of the part before it.
            found.append((own, set() if actor or _has_own_actor(part) else subject))
        subject = actor or subject
    return found


def _is_one_sound(part: Sequence[str], following: Sequence[str], links: Sequence[str]) -> bool:
    """Whether two parts have one actor: "people laugh and talk", "the humming and clicking of an engine".

    Args:
        links: what stands before each of them.
    """
    if not part or not following:
        return False
    if "between" in part or (links[-1] == "," and part[0] in _ARTICLES and set(base_forms(part[-1])) == {"ADJ"}):
        # "A conversation between a man and a woman", "a loud, low hum".
        return True
    if links[-1] == "and" and part[-2:-1] == ["of"] and part[-1].endswith("ing") and following[0].endswith("ing"):
        # "The hum of an idling and revving engine".
        return True
    coordinated = links[0] in _BEGIN_CLAUSES and part[0] in _ARTICLES and following[0] in _ARTICLES
    if coordinated and len(part) < 4 and len(following) > 2:
        # "A man and a woman hold a conversation".
        return not any(_is_verbal(part, at) for at in range(1, len(part)))
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
    original, answer = (_actors(words, names, counted) for words in (before, after))
    told = {_named(word, names, counted) for word in before}
    for verb, acting in answer.surely.items():
        if lemmas(verb) & _COURSE:
            continue
        # "Each step crunching them": a step is no one who acts.
        found = acting - original.surely.keys()
        known = original.surely[verb] | original.perhaps[verb]
        # The "high" of "high pitched beeping" is no one who acts.
        known = {name for name in known if not may_be(name, "ADJ") or lemmas(name) & PEOPLE}
        # "The flapping of wings" does not say whether the wings flap or are flapped.
        known_or_object = known | (answer.around[verb] if original.owners[verb] & answer.around[verb] else set())
        # "Someone" may act wherever the original names nobody; a word that the original lacks is an addition.
        if found & told and not found & _ANYBODY and known and found.isdisjoint(known_or_object):
            return True
    return False


def _is_plural(word: str) -> bool:
    return any(lemma != word for lemma in base_forms(word).get("NOUN", ()))


@dataclass
class _Actors:
    """For each name of a verb in a text the names of nouns."""

    surely: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Those that act."""
    perhaps: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Those that may act."""
    owners: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Those that follow it with "of"."""
    around: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """All in its clause."""


def _actors(words: Sequence[str], names: Mapping[str, str], counted: set[str]) -> _Actors:
    actors = _Actors()
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
            if verbs[position] and word in names:
                verb = names[word]
                sure, likely = _actors_of(part, position, nouns, subject)
                actors.surely[verb] |= (sure | waiting if sure else sure) - {verb}
                actors.perhaps[verb] |= (likely | waiting) - {verb}
                actors.around[verb] |= set(nouns) - {"", verb}
                if part[position + 1 : position + 2] == ["of"]:
                    actors.owners[verb] |= set(nouns[position + 1 :]) - {""}
        subject = set(nouns[: verbs.index(True)]) - {""} | waiting or subject
        waiting = set()
    return actors


def _actors_of(
    part: Sequence[str], position: int, nouns: Sequence[str], subject: set[str]
) -> tuple[set[str], set[str]]:
    """The nouns that surely act in the verb at `position`, and those that may."""
    word = part[position]
    if part[position + 1 : position + 2] == ["of"]:
        # "The screech of insects".
        return set(nouns[position + 1 :]) - {""}, set()
    governed = _governed(part[:position])
    earlier = {noun for at, noun in enumerate(nouns[:position]) if not governed[at]} - {""}
    if not earlier and any(governed):
        return set(), set()
    auxiliary = next((other for other in reversed(part[:position]) if not other.endswith("ly")), "")
    behind = part[position + 1] if position + 1 < len(part) else ""
    if (
        position
        and not word.endswith(("ing", "s"))
        and (auxiliary in _BE or (word.endswith("ed") and behind in ("in", "with", "by")))
    ):
        # A passive: the actor follows "by", a tool "with".
        if "by" in part[position:]:
            return set(nouns[part.index("by", position) :]) - {""}, set()
        tools = part.index("with", position) if "with" in part[position:] else len(part)
        return set(), set(nouns[tools:]) - {""}
    if earlier and part[0] not in _PRONOUNS:
        return earlier, set()
    following = {nouns[position + 1]} - {""} if position + 1 < len(part) else set()
    return set(), earlier | subject | following


def has_actors(words: Sequence[str]) -> bool:
    """Whether several act in a text: "a dog barks while a man speaks", not "an engine revs and sputters"."""
    return len(_heads(words)) > 1


def is_of_all(sound: str, owner: str, words: Sequence[str]) -> bool:
    """Whether a noun may be all that a text tells: one acts, or all do it: "laughter" of "laughs" and "chuckles"."""
    heads = _heads(words)
    if len(heads) < 2 or (owner == "their" and lemmas(sound) & _VOCAL and all(map(_is_alive, heads))):
        return True
    verbs = [word for word in words if lemmas(word) & _SOUND_VERBS and word not in FUNCTION_WORDS]
    verbs = [word for word in verbs if not lemmas(word) & (_GENERAL_VERBS | _COURSE)]
    named = family(sound)
    return bool(verbs) and all(
        same_sense(sound, verb) or any(may_stand_for(one, verb) for one in named) for verb in verbs
    )


def _is_alive(noun: str) -> bool:
    return noun in PEOPLE or noun in ANIMALS


def _heads(words: Sequence[str]) -> set[str]:
    """The noun of each part of a text that acts or sounds in it."""
    heads = set()
    for link, part in _clauses(words):
        verb = next((at for at in range(len(part)) if _is_verbal(part, at, link)), len(part))
        nouns = [part[at] for at in range(verb) if _may_act(part, at)]
        if not nouns and verb < len(part) and part[verb + 1 : verb + 2] == ["of"]:
            nouns = [part[at] for at in range(verb + 2, len(part)) if _may_act(part, at)]
        if nouns:
            heads.add(min(lemmas(nouns[-1]), default=nouns[-1]))
    return heads


def _governed(part: Sequence[str]) -> list[bool]:
    """Which words belong to a preposition before a subject: "in the clear sky" in "in the clear sky a plane flies"."""
    inside = [False] * len(part)
    for at, word in enumerate(part):
        if word in _OF_PLACE:
            end = at + 1
            while end < len(part) and (end == at + 1 or part[end] not in FUNCTION_WORDS):
                end += 1
            if end < len(part) and part[end] in _BEFORE_THINGS | _ANYBODY:
                inside[at:end] = [True] * (end - at)
    return inside


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
    if word in _ANYBODY or lemmas(word) & PEOPLE:
        return True
    if word in FUNCTION_WORDS or not may_be(word, "NOUN") or word.endswith("ing") or lemmas(word) & VACUOUS:
        return False
    following = part[position + 1] if position + 1 < len(part) else ""
    # "A plane flies": a verb follows, no plural noun.
    before_verb = not word.endswith("s") and following.endswith("s") and may_be(following, "VERB")
    return not may_be(word, "ADJ") or before_verb or following in FUNCTION_WORDS or not may_be(following, "NOUN")


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
    if not may_be(word, "NOUN") and position and not word.endswith("ed"):
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


def _turns_around(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the answer has over, outside or down what the original has under, inside or up."""
    ways, ways_before = _ways(after, names), _ways(before, names)
    return any(
        found and ways_before[name] and all(ways_before[name] & _OPPOSITES.get(way, frozenset()) for way in found)
        for name, found in ways.items()
    )


def _switches(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the answer turns on what the original turns off, or the other way round."""
    del names
    ways, ways_before = ({match[1] for match in _SWITCH.finditer(" ".join(words))} for words in (after, before))
    return bool(ways and ways_before) and ways.isdisjoint(ways_before)


def _acts_no_more(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where one who acts in the original is only acted on: "a dog barks at a man speaking"."""
    acting = {name for found in _actors(before, names, set()).surely.values() for name in found} - _ANYBODY
    targets, targets_before = (
        {names[noun] for way, noun in _targets(words) if way in _TOWARDS and noun in names and not may_be(noun, "ADJ")}
        for words in (after, before)
    )
    return bool((targets - targets_before) & acting)


def _targets(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each preposition with the noun that it stands before, an article between them."""
    for way, article, noun in zip(words, words[1:], words[2:], strict=False):
        if article in ("a", "an", "the"):
            yield way, noun


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
        elif word not in _BEFORE_THINGS:
            way = ""
    return ways
