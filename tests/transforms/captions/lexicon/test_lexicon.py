"""The words of English: base forms, synonyms, derivations, and the file that holds them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.lexicon.base_forms import base_forms, is_base_verb, lemmas, may_be
from transforms.captions.lexicon.derive import derived_text
from transforms.captions.lexicon.relations import (
    broader,
    derived,
    is_heard,
    is_vague,
    of_phrasal,
    opposites,
    synonyms,
)
from transforms.captions.lexicon.wordnet import WORDNET_FILE, wordnet


@pytest.mark.parametrize(
    ("word", "lemma"),
    [
        ("barks", "bark"),
        ("meowing", "meow"),
        ("chugging", "chug"),
        ("women", "woman"),
        ("geese", "goose"),
        ("ran", "run"),
        ("heavier", "heavy"),
        ("flies", "fly"),
        ("whooshing", "whoosh"),
        ("skelping", "skelp"),
    ],
)
def test_a_form_has_its_base_form(word: str, lemma: str) -> None:
    assert lemma in lemmas(word)


def test_parts_of_speech_are_told_apart() -> None:
    assert base_forms("left") == {"NOUN": ("left",), "VERB": ("leave",), "ADJ": ("left",), "ADV": ("left",)}
    assert [may_be("speaks", part) for part in ("VERB", "NOUN")] == [True, False]
    assert [is_base_verb(word) for word in ("bark", "barks")] == [True, False]
    assert (base_forms("qwrtz"), lemmas("qwrtz")) == ({}, {"qwrtz"})


def test_related_words_are_known() -> None:
    assert "speech" in derived("speak")
    assert "speak" in derived("speech")
    assert {"big", "large"} & synonyms("large") == {"big"}
    assert synonyms("qwrtz") == derived("qwrtz") == frozenset()


@pytest.mark.parametrize(("word", "other"), [("cry", "shout"), ("boom", "roar"), ("scream", "call")])
def test_verbs_and_nouns_of_sound_are_no_synonyms(word: str, other: str) -> None:
    assert other not in synonyms(word)


@given(st.text(max_size=60))
def test_any_word_has_base_forms(word: str) -> None:
    assert all(isinstance(lemma, str) for lemma in lemmas(word))


def test_opposites_kinds_and_verbs_with_particles_are_known() -> None:
    assert "close" in opposites("open")
    assert "laugh" in broader("giggle", "VERB")
    assert "inhale" in of_phrasal("breathe", "in")
    assert [is_vague("intensity"), is_vague("kettle")] == [True, False]
    assert [is_heard("sparrow"), is_heard("kettle")] == [True, False]
    assert opposites("qwrtz") == broader("qwrtz", "NOUN") == of_phrasal("qwrtz", "up") == frozenset()


def test_a_very_long_word_is_not_looked_up() -> None:
    word = "a" * 100_000 + "ing"
    assert lemmas(word) == {word}


def test_threads_that_ask_first_get_the_same() -> None:
    wordnet.cache_clear()
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: len(wordnet().words["NOUN"]), range(2)))
    assert set(found) == {len(wordnet().words["NOUN"])}


def test_the_file_is_small_and_its_licence_stands_beside_it() -> None:
    assert WORDNET_FILE.stat().st_size < 1_000_000
    assert "Princeton University" in (WORDNET_FILE.parent / "WORDNET_LICENSE").read_text()


def test_the_file_is_derived_from_wordnet_s_own_files(tmp_path: Path) -> None:
    licence = "  1 This software and database is being provided to you\n"
    empty = {f"{kind}.{part}" for kind in ("data", "index") for part in ("noun", "verb", "adj", "adv")}
    for name in (*empty, "noun.exc", "verb.exc", "adj.exc", "adv.exc"):
        (tmp_path / name).write_text(licence if name in empty else "")
    (tmp_path / "verb.exc").write_text("ran run\nice-skated ice-skate\n")
    (tmp_path / "data.noun").write_text(
        f"{licence}00000010 06 n 02 car 0 auto 0 000 | a motor vehicle\n"
        "00000020 11 n 02 bang 0 boom 0 000 | a sound\n"
        "00000030 18 n 01 driver 0 001 + 00000040 v 0101 | one who drives\n"
    )
    (tmp_path / "data.verb").write_text(f"{licence}00000040 38 v 01 drive 0 001 + 00000030 n 0101 | move by car\n")
    (tmp_path / "index.noun").write_text(
        licence
        + "".join(
            f"{word} n 1 0 1 0 {offset}  \n"
            for word, offset in (("car", "00000010"), ("auto", "00000010"), ("bang", "00000020"), ("boom", "00000020"))
        )
        + "driver n 1 0 1 0 00000030  \n"
    )
    (tmp_path / "index.verb").write_text(f"{licence}drive v 1 0 1 0 00000040  \n")
    assert derived_text(tmp_path).splitlines() == [
        "NOUN auto bang boom car driver",
        "VERB drive",
        "ADJ ",
        "ADV ",
        "! VERB ran run",
        "% bang boom driver",
        "+ drive driver",
        "= auto car",
    ]
