"""The file derived from WordNet 3.0: the words of each part of speech, irregular forms, synonyms and derivations."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

WORDNET_FILE = Path(__file__).parent / "wordnet.txt.gz"
#: The first word of a line: the words of a part of speech, an irregular form and its base forms, synonyms, derivations,
#: opposites, a word and what it is a kind of, a verb with a particle and what it says, nouns of no thing and no event,
#: nouns of what is heard.
PARTS = ("NOUN", "VERB", "ADJ", "ADV")
IRREGULAR, SYNONYMS, DERIVED = "!", "=", "+"
ANTONYMS, BROADER, PHRASAL, VAGUE, HEARD = "~", "^", "&", "?", "%"


@dataclass(frozen=True)
class WordNet:
    """What the file holds."""

    words: dict[str, frozenset[str]]
    """The base forms of each part of speech."""
    irregular: dict[tuple[str, str], tuple[str, ...]]
    """The base forms of each irregular (part of speech, form): ("NOUN", "geese") is of "goose"."""
    synonyms: dict[str, str]
    """For each word itself and those that share one of its most common senses, a space between two."""
    derived: dict[str, str]
    """For each word itself, those that are derived from it, and those that it is derived from."""
    antonyms: dict[str, str]
    """For each word itself and its opposites."""
    broader: dict[tuple[str, str], str]
    """For a (part of speech, word) the words for what it is a kind of."""
    phrasal: dict[tuple[str, str], str]
    """For a (verb, particle) the single verbs that say the same."""
    vague: frozenset[str]
    """Nouns of attributes, ideas, feelings, amounts, relations, shapes, states and times, in their first sense."""
    heard: frozenset[str]
    """Nouns of animals, people, events, communication and weather, in their first sense."""


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    """The file, read on first use in 0.2 s. Two threads that ask first may both read it; they get the same."""
    words: dict[str, frozenset[str]] = {}
    irregular: dict[tuple[str, str], tuple[str, ...]] = {}
    # Texts take a third of the memory that sets would.
    related: dict[str, dict[str, str]] = {SYNONYMS: {}, DERIVED: {}, ANTONYMS: {}}
    by_two: dict[str, dict[tuple[str, str], str]] = {BROADER: {}, PHRASAL: {}}
    nouns: dict[str, frozenset[str]] = {VAGUE: frozenset(), HEARD: frozenset()}
    with gzip.open(WORDNET_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            kind, *rest = line.split()
            if kind in PARTS:
                words[kind] = frozenset(rest)
            elif kind == IRREGULAR:
                irregular[rest[0], rest[1]] = tuple(rest[2:])
            elif kind in by_two:
                by_two[kind][rest[0], rest[1]] = " ".join(rest[2:])
            elif kind in nouns:
                nouns[kind] = frozenset(rest)
            else:
                table, others = related[kind], " ".join(rest)
                for word in rest:
                    table[word] = f"{table[word]} {others}" if word in table else others
    return WordNet(
        words,
        irregular,
        related[SYNONYMS],
        related[DERIVED],
        related[ANTONYMS],
        by_two[BROADER],
        by_two[PHRASAL],
        nouns[VAGUE],
        nouns[HEARD],
    )
