"""Which words WordNet relates: synonyms, opposites, kinds, verbs with particles, and words derived from each other."""

from __future__ import annotations

from transforms.captions.lexicon.wordnet import wordnet


def synonyms(lemma: str) -> frozenset[str]:
    """The lemmas that share one of the most common senses with `lemma`."""
    return frozenset(wordnet().synonyms.get(lemma, "").split()) - {lemma}


def derived(lemma: str) -> frozenset[str]:
    """The lemmas that are derived from `lemma`, and those that it is derived from."""
    return frozenset(wordnet().derived.get(lemma, "").split()) - {lemma}


def opposites(lemma: str) -> frozenset[str]:
    """The lemmas that say the opposite of `lemma`: "close" of "open"."""
    return frozenset(wordnet().antonyms.get(lemma, "").split()) - {lemma}


def broader(lemma: str, part: str) -> frozenset[str]:
    """The lemmas for what a verb or a thing is a kind of: "laugh" for "giggle"; empty for other parts of speech."""
    return frozenset(wordnet().broader.get((part, lemma), "").split()) - {lemma}


def of_phrasal(verb: str, particle: str) -> frozenset[str]:
    """The single verbs that say what a verb with its particle does: "exhale" for "breathe", "out"."""
    return frozenset(wordnet().phrasal.get((verb, particle), "").split())


def is_heard(lemma: str) -> bool:
    """Whether a noun is of an animal, a person, an event, a message or weather."""
    return lemma in wordnet().heard


def is_vague(lemma: str) -> bool:
    """Whether a noun is of no thing and no event, but an attribute, an amount, a state or a time."""
    return lemma in wordnet().vague
