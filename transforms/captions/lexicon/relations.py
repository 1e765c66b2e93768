"""Which words WordNet relates: synonyms of a common sense, and words derived from each other ("speak", "speech")."""

from __future__ import annotations

from transforms.captions.lexicon.wordnet import wordnet


def synonyms(lemma: str) -> frozenset[str]:
    """The lemmas that share one of the most common senses with `lemma`."""
    return frozenset(wordnet().synonyms.get(lemma, "").split()) - {lemma}


def derived(lemma: str) -> frozenset[str]:
    """The lemmas that are derived from `lemma`, and those that it is derived from."""
    return frozenset(wordnet().derived.get(lemma, "").split()) - {lemma}
