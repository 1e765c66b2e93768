"""Which words of an answer say the same as which words of its original."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from transforms.captions.check.sound_words import FUNCTION_WORDS, PEOPLE, SAME_SENSE
from transforms.captions.lexicon.base_forms import base_forms, lemmas, may_be
from transforms.captions.lexicon.relations import derived, synonyms
from transforms.captions.lexicon.verbs import VERBS

# WordNet holds "hum" and "buzz" to be one sense, a listener does not.
_SOUNDS = frozenset(VERBS)
# Endings that make an adverb of an adjective, an adjective of a noun, and a longer noun of a noun: "pathway".
_SUFFIXES = (
    ("ly", "", "ADJ"),
    ("ally", "", "ADJ"),
    ("ily", "y", "ADJ"),
    ("ly", "le", "ADJ"),
    ("en", "", "NOUN"),
    ("way", "", "NOUN"),
    ("line", "", "NOUN"),
    ("side", "", "NOUN"),
)
# A compound has parts of at least so many letters: "rainwater", "birdsong".
_SHORTEST_PART_CHARS = 3


class Senses:
    """The words of one text, by what they say."""

    def __init__(self, words: Iterable[str]) -> None:
        self._positions = {word: position for position, word in enumerate(dict.fromkeys(words))}
        self._families = _index(self._positions, family)
        self._classes = _index(self._positions, classes)
        self._lemmas = _index(self._positions, lemmas)
        self._close = _index(self._positions, close)

    def matches(self, word: str) -> list[str]:
        """The words of the text that say the same as `word`: of its family, else of its class, else close ones."""
        return self.same(word) or self._found(self._lemmas, close(word)) or self._found(self._close, lemmas(word))

    def same(self, word: str) -> list[str]:
        """The words of the text of the family of `word`, else of its class, in the order of the text."""
        found = self._found(self._lemmas, family(word)) or self._found(self._families, lemmas(word))
        return found or self._found(self._classes, classes(word))

    def has(self, word: str) -> bool:
        return bool(self.matches(word))

    def says(self, word: str) -> bool:
        """Whether the text has a form of the word itself."""
        return any(lemma in self._lemmas for lemma in lemmas(word))

    def _found(self, index: Mapping[str, Sequence[str]], keys: Iterable[str]) -> list[str]:
        found = {other for key in keys for other in index.get(key, ())}
        return sorted(found, key=self._positions.__getitem__)


def _index(words: Iterable[str], keys_of: Callable[[str], frozenset[str]]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = defaultdict(list)
    for word in words:
        for key in keys_of(word):
            index[key].append(word)
    return index


def content_words(words: Sequence[str]) -> list[str]:
    """The words that say something: no commas, no words of grammar."""
    return [word for word in words if word != "," and word not in FUNCTION_WORDS]


def same_sense(word: str, other: str) -> bool:
    """Whether two words are forms of one word, derived from each other, or close synonyms."""
    return Senses([other]).has(word)


def split_compounds(words: Sequence[str], others: Senses) -> list[str]:
    """The words, a compound in two where the other text has both parts: "rainwater" as "rain", "water"."""
    return [part for word in words for part in (_parts(word, others) if word not in FUNCTION_WORDS else (word,))]


def _parts(word: str, others: Senses) -> tuple[str, ...]:
    if len(word) <= 40:
        known = others.has(word)
        for at in range(_SHORTEST_PART_CHARS, len(word) - _SHORTEST_PART_CHARS + 1):
            first, second = word[:at], word[at:]
            # "Loudspeaker" is a speaker, and "loud speaker" nevertheless.
            has = others.says if known else others.has
            if base_forms(first) and base_forms(second) and has(first) and has(second):
                return first, second
    return (word,)


@lru_cache(maxsize=50_000)
def family(word: str) -> frozenset[str]:
    """The lemmas of a word and what is derived from them: "speech" of "speaking", "loud" of "loudly"."""
    found = set(lemmas(word)) | _by_suffix(word)
    if not found & PEOPLE:
        for lemma in tuple(found):
            # A motorist is no motor.
            found |= {other for other in derived(lemma) - PEOPLE if other.endswith("ist") == lemma.endswith("ist")}
    return frozenset(found)


@lru_cache(maxsize=50_000)
def close(word: str) -> frozenset[str]:
    """The synonyms of a word that is no sound and in no class of its own."""
    if any(lemma in _classes() or lemma in _SOUNDS for lemma in lemmas(word)):
        return frozenset()
    return frozenset(other for lemma in lemmas(word) for other in synonyms(lemma)) - PEOPLE - _SOUNDS - set(_classes())


@lru_cache(maxsize=50_000)
def classes(word: str) -> frozenset[str]:
    """The names of the classes of one sense that a word is in."""
    # "Ground" is in a class of its own and in none of "grind".
    forms = {word} if word in _classes() else lemmas(word) | _by_suffix(word)
    return frozenset(name for form in forms for name in _classes().get(form, ()))


def _by_suffix(word: str) -> set[str]:
    """The adjective of an adverb, the noun of an adjective: "rhythmic" of "rhythmically", "wood" of "wooden"."""
    found = set()
    for ending, instead, part in _SUFFIXES:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and may_be(stem + instead, part):
            found.add(stem + instead)
    return found


@lru_cache(maxsize=1)
def _classes() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for number, line in enumerate(SAME_SENSE):
        for word in line.split():
            found[word].add(f"{number}")
    return {word: frozenset(numbers) for word, numbers in found.items()}
