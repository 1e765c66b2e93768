"""The base forms of a word: "barks" is a form of the noun and the verb "bark"."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from transforms.captions.lexicon.wordnet import PARTS, wordnet

# No English word is longer; what is longer is not looked up.
_LONGEST_WORD_CHARS = 40
# WordNet's own rules of detachment: an ending, and what stands in its place in the base form.
_ENDINGS = {
    "NOUN": (
        ("s", ""),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("ies", "y"),
        ("men", "man"),
    ),
    "VERB": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "ADJ": (("er", ""), ("est", ""), ("er", "e"), ("est", "e"), ("ier", "y"), ("iest", "y")),
    "ADV": (),
}
_DOUBLED = ("ed", "ing", "er", "est")


@lru_cache(maxsize=50_000)
def base_forms(word: str) -> dict[str, tuple[str, ...]]:
    """The base forms of a lower-case word by part of speech (NOUN, VERB, ADJ, ADV); empty for an unknown word."""
    if len(word) > _LONGEST_WORD_CHARS:
        return {}
    forms = {part: tuple(dict.fromkeys(_base_forms(word, part))) for part in PARTS}
    return {part: found for part, found in forms.items() if found}


@lru_cache(maxsize=50_000)
def lemmas(word: str) -> frozenset[str]:
    """All base forms of a word; for an unknown word the word itself and what its ending may stand on."""
    known = frozenset(lemma for found in base_forms(word).values() for lemma in found)
    if known or len(word) > _LONGEST_WORD_CHARS:
        return known or frozenset((word,))
    return frozenset((word, *_without_endings(word, "VERB")))


def may_be(word: str, part: str) -> bool:
    """Whether a word can be of a part of speech."""
    return part in base_forms(word)


def is_base_verb(word: str) -> bool:
    """Whether a word can be the base form of a verb, as "they bark" has it."""
    return word in base_forms(word).get("VERB", ())


def _base_forms(word: str, part: str) -> Iterator[str]:
    known = wordnet()
    yield from known.irregular.get((part, word), ())
    yield from (base for base in (word, *_without_endings(word, part)) if base in known.words[part])


def _without_endings(word: str, part: str) -> Iterator[str]:
    for ending, instead in _ENDINGS[part]:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < 2:
            continue
        yield stem + instead
        if not instead and ending in _DOUBLED and len(stem) > 3 and stem[-1] == stem[-2]:
            yield stem[:-1]
