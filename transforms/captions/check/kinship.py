"""Words that may stand for each other in a caption although they are no synonyms, and words that may go missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from transforms.captions.check.senses import classes
from transforms.captions.check.sound_words import FUNCTION_WORDS, LIGHT_VERBS, PEOPLE, QUANTITIES
from transforms.captions.lexicon.base_forms import base_forms, lemmas, may_be
from transforms.captions.lexicon.kinship_words import (
    ANSWERS,
    ANYBODY,
    ASPECTS,
    CONTRASTING,
    CROWDS,
    GATHERINGS,
    IMPLIED_THINGS,
    LIGHT_WORDS,
    NEAR_SENSE,
    NEVER_LIGHT,
    ONE_MAKER,
    OWN_SOUNDS,
    RACKETS,
    REDUNDANT,
    REPEATING,
    SCENES,
    SOUND_WORDS,
    SOURCE_VERBS,
    SOURCES,
    SPEECH,
    STEPS,
)
from transforms.captions.lexicon.relations import broader, derived, is_heard, is_vague, of_phrasal, opposites, synonyms
from transforms.captions.lexicon.verbs import VERBS

_SOUND_VERBS = frozenset(VERBS)
# Verbs for what many things do: "goes through sticks" and "sorts through sticks".
_GENERAL = LIGHT_VERBS | frozenset("move shift turn make set put".split())
# A misspelt word is no shorter.
_SHORTEST_TYPO_CHARS = 5
_CLAUSES = frozenset(", as while whilst when then before after until and but followed".split())
_STEM_CHARS = 7


def pair_up(lost: Sequence[str], added: Sequence[str], before: Collection[str]) -> dict[str, str]:
    """Each added word that may stand for a lost one, with that word.

    Args:
        lost: words of the original that the answer does not say.
        added: words of the answer that say nothing that the original says.
        before: all words of the original.
    """
    known = frozenset(lemma for word in before for lemma in lemmas(word))
    left = list(lost)
    said = [word for word in before if word not in left]
    pairs: dict[str, str] = {}
    for word in added:
        kin = next((other for other in left if may_stand_for(word, other) or _of_one_source(word, other, known)), None)
        if kin is not None:
            pairs[word] = kin
            left.remove(kin)
        elif any(may_stand_for(word, other) and _is_a_thing(word) for other in said):
            # "A zapper … zaps": said once more by another word.
            pairs[word] = next(other for other in said if may_stand_for(word, other))
    for word in added:
        # What is done beside the sounds may be told by any other verb.
        if word not in pairs and _is_done(word):
            other = next(
                (
                    other
                    for other in left
                    if (_is_done(other) or lemmas(other) & _GENERAL) and not _contrast(_forms(word), _forms(other))
                ),
                None,
            )
            if other is not None:
                pairs[word] = other
                left.remove(other)
    return pairs


@lru_cache(maxsize=50_000)
def _is_done(word: str) -> bool:
    """Whether a word is a verb and tells no sound: "gathers", "swings"."""
    parts = base_forms(word)
    verbs = frozenset(parts.get("VERB", ()))
    if not verbs or verbs & (_SOUND_VERBS | SOUND_WORDS) or set(parts) & {"ADV"}:
        return False
    return word not in verbs and ("ADJ" not in parts or word.endswith(("ed", "en", "ing")))


def _is_a_thing(word: str) -> bool:
    return set(base_forms(word)) == {"NOUN"}


@lru_cache(maxsize=50_000)
def may_stand_for(word: str, other: str) -> bool:
    """Whether a word of an answer may stand for `other` in its original: its kind, a near sense, a corrected form."""
    forms, others = _forms(word), _forms(other)
    if forms & CROWDS and others & CROWDS:
        return True
    if (forms | others) & PEOPLE or _contrast(forms, others):
        return False
    if _near(forms) & _near(others):
        return True
    return _is_kind(word, other) or _is_corrected(word, other)


def joined_phrasals(words: Sequence[str], others: Iterable[str]) -> list[str]:
    """The words, a verb and its particle as one verb where the other text has that: "breathes out" as "exhale"."""
    own = frozenset(lemma for word in words for lemma in lemmas(word))
    known = frozenset(lemma for word in others for lemma in lemmas(word)) - own
    found: list[str] = []
    for word in words:
        if found and word in _PARTICLES:
            verbs = base_forms(found[-1]).get("VERB", ())
            if verbs and not known & _forms(found[-1]):
                said = (one for verb in verbs for one in sorted(of_phrasal(verb, word)) if one in known)
                single = next(said, None)
                if single is not None:
                    found[-1] = single
                    continue
        found.append(word)
    return found


_PARTICLES = frozenset("up down on off out in away over by back along around through together".split())


def may_go_missing(word: str, after: Collection[str]) -> bool:
    """Whether an original's word may be dropped: how a sound is made, an attribute, what its source implies."""
    forms = lemmas(word)
    if word == "not" and any(other.startswith("un") for other in after):
        return True
    if word in QUANTITIES and set(after) & (QUANTITIES | GATHERINGS):
        return True
    if word == "middle":
        # "Partway through" says it, no sequence does.
        return not {"then", "before", "after", "followed"} & set(after)
    if word == "quiet" and "louder" in after:
        # "From quiet to louder".
        return True
    if word in REPEATING and REPEATING & set(after):
        return True
    said = frozenset(lemma for other in after for lemma in lemmas(other))
    if any(said & IMPLIED_THINGS.get(lemma, frozenset()) for lemma in forms):
        return True
    if forms & NEVER_LIGHT or word in NEVER_LIGHT:
        return False
    if forms & LIGHT_WORDS or word in LIGHT_WORDS:
        return True
    parts = base_forms(word)
    if set(parts) == {"ADV"}:
        return True
    if parts and set(parts) == {"NOUN"} and all(map(is_vague, parts["NOUN"])):
        return True
    if forms & ANYBODY and any(lemmas(other) & STEPS for other in after):
        return True
    if word == "1" and ("one" in after or "single" in after):
        return True
    if forms & ANSWERS and "back" in after:
        return True
    if _is_mended(word, after):
        return True
    others = [other for other in dict.fromkeys(after) if other != "," and other not in FUNCTION_WORDS]
    near = _near(_forms(word))
    if not forms & (_SOUND_VERBS | PEOPLE) and any(near & _near(_forms(other)) for other in others):
        return True
    known = frozenset(lemma for other in others for lemma in lemmas(other))
    if any(_of_one_source(other, word, known) for other in others):
        return True
    return _is_implied(forms, after)


def is_slight(word: str, before: Sequence[str], covered: Collection[str]) -> bool:
    """Whether a lost word is a noun of no sound and of nothing that sounds, in a clause that is told otherwise.

    An adjective and the first part of a compound say what sounds: "a small dog", "a church bell".
    """
    parts = base_forms(word)
    forms = frozenset(lemma for found in parts.values() for lemma in found)
    if word in NEVER_LIGHT or forms & (NEVER_LIGHT | PEOPLE | _SOUND_VERBS | SOUND_WORDS | SOURCES):
        return False
    if "NOUN" not in parts or "ADJ" in parts or any(is_heard(noun) for noun in parts["NOUN"]):
        return False
    at = list(before).index(word)
    following = before[at + 1] if at + 1 < len(before) else ","
    if following not in FUNCTION_WORDS and following != ",":
        return False
    verb = next((other for other in reversed(before[:at]) if "VERB" in base_forms(other) and other in covered), None)
    start = next((near for near in reversed(range(at)) if before[near] in _CLAUSES), -1)
    return verb is not None and verb in before[start + 1 : at]


def is_redundant(word: str, before: Sequence[str], covered: Collection[str]) -> bool:
    """Whether a noun stands beside another that says as much: "plane" in "jet plane", "surface" in "tarmac surface"."""
    nouns = frozenset(base_forms(word).get("NOUN", ()))
    if not nouns or nouns & PEOPLE:
        return False
    for at, other in enumerate(before):
        if other != word:
            continue
        beside = [before[near] for near in (at - 1, at + 1) if 0 <= near < len(before)]
        if before[at + 1 : at + 2] == ["of"] or before[at - 1 : at] == ["of"]:
            beside += before[max(0, at - 2) : at + 3]
        for near in beside:
            if near == word or near not in covered or "NOUN" not in base_forms(near):
                continue
            of_near = frozenset(lemma for base in base_forms(near)["NOUN"] for lemma in (base, *broader(base, "NOUN")))
            if nouns & of_near or classes(near) & classes(word) or any(nouns & _parts_of(base) for base in of_near):
                return True
    return False


def _parts_of(noun: str) -> frozenset[str]:
    return REDUNDANT.get(noun, frozenset())


def may_be_added(word: str, before: Collection[str]) -> bool:
    """Whether an answer may say a word that its original implies: what the source does, the scene it belongs to."""
    forms = lemmas(word)
    if forms & ASPECTS or word in ASPECTS:
        return True
    if word == "repeatedly" and "more" in before:
        return True
    if word == "again" and any(other.startswith("re") and may_be(other[2:], "VERB") for other in before):
        # "Fills again" is "refills".
        return True
    if word == "pitched" and {"high", "low", "frequency", "tone", "pitch"} & set(before):
        return True
    if word in ("people", "person") and {"others", "another", "other"} & set(before):
        return True
    known = frozenset(lemma for other in before for lemma in lemmas(other))
    if any(known & IMPLIED_THINGS.get(lemma, frozenset()) for lemma in forms):
        return True
    if any(known & SCENES.get(lemma, frozenset()) for lemma in forms):
        return True
    return _is_implied(forms, before) or any(known & ONE_MAKER.get(lemma, frozenset()) for lemma in forms)


def is_own_sound(word: str, before: Collection[str]) -> bool:
    """Whether a noun names the sound of a source that the original has: the "roar" of "an engine revs"."""
    forms = lemmas(word)
    if forms & RACKETS:
        return True
    known = frozenset(lemma for other in before for lemma in lemmas(other))
    return any(known & OWN_SOUNDS.get(lemma, frozenset()) for lemma in forms)


def _is_implied(forms: Collection[str], words: Collection[str]) -> bool:
    """Whether a verb says no more than its source does: an engine runs, a bell rings, traffic passes."""
    known = frozenset(lemma for word in words for lemma in lemmas(word))
    return any(implied.intersection(forms) and known & sources for sources, implied, _ in SOURCE_VERBS)


def _of_one_source(word: str, other: str, known: frozenset[str]) -> bool:
    """Whether both are verbs of the same source, which the original names: thunder rumbles, booms and rolls."""
    forms, others = lemmas(word), lemmas(other)
    return any(
        known & sources and forms & (implied | alike) and others & (implied | alike)
        for sources, implied, alike in SOURCE_VERBS
    )


@lru_cache(maxsize=50_000)
def _forms(word: str) -> frozenset[str]:
    """The lemmas of a word with what is derived from them, but no people."""
    found = set(lemmas(word))
    for lemma in tuple(found):
        found |= derived(lemma) - PEOPLE
    return frozenset(found)


def _contrast(forms: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two words exclude each other: opposites, or two sounds that nobody takes for each other."""
    if any(opposites(lemma) & others for lemma in forms):
        return True
    return any(forms & group and others & group and not forms & others & group for group in CONTRASTING)


def _near(forms: frozenset[str]) -> frozenset[int]:
    return frozenset(number for number, group in enumerate(NEAR_SENSE) if forms & group)


def _is_kind(word: str, other: str) -> bool:
    """Whether one word is a kind of the other; a thing may only be called by the more general name."""
    for part in ("VERB", "NOUN"):
        specific = base_forms(word).get(part, ())
        general = base_forms(other).get(part, ())
        if part == "VERB":
            if (set(specific) | set(general)) & SPEECH:
                continue
            if any(one in broader(two, part) or two in broader(one, part) for one in specific for two in general):
                return True
            if not set(general) & _SOUND_VERBS and any(one in synonyms(two) for one in specific for two in general):
                return True
        elif any(one in broader(two, part) for one in specific for two in general):
            return True
    return False


def _is_mended(word: str, after: Collection[str]) -> bool:
    """Whether the answer mends a slip of the original: "back and fourth"."""
    if len(word) < _SHORTEST_TYPO_CHARS or lemmas(word) & (_SOUND_VERBS | SOUND_WORDS | SOURCES | PEOPLE):
        return False
    return any(len(other) >= _SHORTEST_TYPO_CHARS and _is_one_edit(word, other) for other in after)


def _is_corrected(word: str, other: str) -> bool:
    """Whether the answer has the word of sound, or the known word, that the original misspells: "clinks", "clings"."""
    if lemmas(word) & GATHERINGS and _is_one_edit(word, other):
        # "A swam of insects".
        return True
    if min(len(word), len(other)) < _SHORTEST_TYPO_CHARS:
        return False
    if word[:_STEM_CHARS] == other[:_STEM_CHARS] and abs(len(word) - len(other)) < 3 and min(len(word), len(other)) > 7:
        # "Cartoonist music" is cartoonish.
        return True
    if lemmas(other) & _SOUND_VERBS or (base_forms(other) and not lemmas(word) & _SOUND_VERBS):
        return False
    if other.endswith("ing") and any(_is_one_edit(f"{one}ing", other) for one in lemmas(word)):
        return True
    return any(_is_one_edit(one, two) or _begin_alike(one, two) for one in lemmas(word) for two in lemmas(other))


def _begin_alike(one: str, two: str) -> bool:
    """Whether all but the last letters are the same: "splay", "splash"."""
    return min(len(one), len(two)) > 4 and one[:4] == two[:4] and abs(len(one) - len(two)) < 2 and len(one) < 7


def _is_one_edit(one: str, two: str) -> bool:
    """Whether one letter is added, left out, exchanged or moved by one."""
    if abs(len(one) - len(two)) > 1 or one == two:
        return False
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    rest, other = one[start:], two[start:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (rest[:2] == other[:2][::-1] and rest[2:] == other[2:])
    )
