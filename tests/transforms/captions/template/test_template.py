"""The template writer: no word lost, none added, whatever the caption."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.captions.check import check_caption
from transforms.captions.check.place import check_place
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.parse import SPOT, find_phrases
from transforms.captions.template import template_caption
from transforms.words import VOCABULARY, SpatialWords

WORDS = st.builds(
    SpatialWords, **{attribute: st.sampled_from([None, *words]) for attribute, words in VOCABULARY.items()}
)
SEEDS = st.integers(min_value=0, max_value=2**64 - 1)
ORDINARY = (
    "A dog barks",
    "Musical whistling",
    "Ducks quack and water splashes, followed by a woman speaking.",
    "Several distorted belches",
    "a person is walking on gravel",
    "A GUN FIRES AND A MAN SHOUTS",
    "Rain falls. Then there is thunder.",
    "An engine starts up, then a door is closed",
)


@pytest.mark.slow
@given(original=st.text(max_size=200), words=WORDS, seed=SEEDS)
@settings(deadline=None, max_examples=400)
def test_any_caption_keeps_every_word_and_gets_no_other(original: str, words: SpatialWords, seed: int) -> None:
    text = template_caption(original, words, seed)
    assert text.strip()
    assert check_place(text, original, words) is None


@pytest.mark.slow
@given(
    tokens=st.lists(
        st.sampled_from(
            "not no left right near far up down back front , . ; ! ? \" ' the a in on at of high low small large room "
            "dampened echo above below side hand is over after close behind {place} {caption} \\1".split()
        ),
        max_size=12,
    ),
    words=WORDS,
    seed=SEEDS,
)
@settings(deadline=None, max_examples=600)
def test_a_caption_full_of_words_of_space_keeps_its_place(tokens: list[str], words: SpatialWords, seed: int) -> None:
    original = " ".join(tokens)
    assert check_place(template_caption(original, words, seed), original, words) is None


@pytest.mark.slow
@pytest.mark.parametrize("original", ORDINARY)
@given(words=WORDS, seed=SEEDS)
@settings(deadline=None, max_examples=60)
def test_an_ordinary_caption_passes_the_whole_check(original: str, words: SpatialWords, seed: int) -> None:
    text = template_caption(original, words, seed)
    if words.present() or ". " not in original:
        assert check_caption(text, original, words) is None, text


def test_the_seed_decides_and_gives_variety() -> None:
    words = SpatialWords("left", "up", "near", "small", "dampened")
    texts = [template_caption("A dog barks", words, seed) for seed in range(300)]
    assert texts == [template_caption("A dog barks", words, seed) for seed in range(300)]
    assert len(set(texts)) > 100


@pytest.mark.parametrize(
    ("original", "words", "text"),
    [
        ("a dog barks", {}, "A dog barks."),
        ("A DOG BARKS!", {}, "A dog barks!"),
        ("", {}, "A sound is heard."),
        ("  ...  ", {}, "A sound is heard."),
        ('"A dog barks."', {}, "A dog barks."),
        ("Is it a dog?", {}, "Is it a dog?"),
    ],
)
def test_without_a_word_of_space_it_is_the_caption(original: str, words: dict[str, str], text: str) -> None:
    assert template_caption(original, SpatialWords(**words), 1) == text


@pytest.mark.slow
@pytest.mark.parametrize("original", ["A dog barks", "A dog barks and a man speaks"])
def test_there_are_more_than_forty_frames_for_a_caption(original: str) -> None:
    words = SpatialWords("left", "up", "near", "small", "dampened")
    found = set()
    for seed in range(1500):
        text = canonical_text(template_caption(original, words, seed))
        blanked = text.split()
        for phrase in find_phrases(text):
            if phrase.says:
                blank = "P" if phrase.kind == SPOT else "R"
                blanked[phrase.start : phrase.end] = [blank] * (phrase.end - phrase.start)
        frame = re.sub(r"([PR])(?:[ ,]+\1)+", r"\1", " ".join(blanked)).replace(original.lower(), "S")
        found.add(frame)
    assert len(found) > 40


@pytest.mark.slow
def test_fewer_than_four_in_ten_begin_with_the_place() -> None:
    words = SpatialWords("left", "up", "near", "small", "dampened")
    texts = [canonical_text(template_caption("A dog barks and a man speaks", words, seed)) for seed in range(1000)]
    assert sum(find_phrases(text)[0].start <= 1 for text in texts) < 400


@pytest.mark.parametrize(
    "original", ["Someone snores nearby", "A baby laughs in the distance", "Birds chirp as a radio plays far away"]
)
def test_the_end_of_a_caption_is_not_said_again(original: str) -> None:
    for distance in VOCABULARY["distance"]:
        for seed in range(60):
            text = template_caption(original, SpatialWords(distance=distance), seed)
            assert not re.search(r"\b(\w+),? \1\b", text), text


def test_a_book_is_cut_to_what_an_encoder_reads() -> None:
    words = SpatialWords(direction="left")
    text = template_caption("a dog barks and " * 20_000, words, 3)
    assert len(text) < 3000
    assert check_place(text, "a dog barks and " * 20_000, words) is None


def test_a_caption_that_is_no_english_phrase_is_quoted() -> None:
    words = SpatialWords(direction="left")
    for seed in range(20):
        assert "“Un chien aboie dans la rue”" in template_caption("Un chien aboie dans la rue", words, seed)
        assert "“Is it a dog?”" in template_caption("Is it a dog?", words, seed)


def test_a_long_caption_tells_the_place_first() -> None:
    text = template_caption("a dog barks and " * 40, SpatialWords(direction="left"), 3)
    assert text.index("left") < 30
