"""Quotes are looked up in the caption, word by word."""

from __future__ import annotations

import pytest

from transforms.captions.judge.quotes import (
    find_quote,
    names_another,
    says_something_new,
    tokens_of,
    unquoted_words,
)

CAPTION = tokens_of("Far off to your left, a dog barks and a man, in a small room, speaks.")


def found(quote: str) -> list[str]:
    return [CAPTION[position] for position in sorted(find_quote(quote, CAPTION))]


def test_a_quote_is_found_whatever_its_capitals_and_punctuation():
    assert found("FAR OFF; to your left") == ["far", "off", "to", "your", "left"]


def test_a_quote_that_is_not_in_the_caption_is_not_found():
    assert found("far away") == []
    assert found("left dog") == []
    assert found("…") == []
    assert found("") == []


def test_the_pieces_of_a_quote_follow_each_other():
    assert found("a man ... speaks") == found("a man … speaks") == ["a", "man", "speaks"]
    assert found("speaks ... a man") == []


def test_a_quote_of_one_piece_covers_every_occurrence():
    assert found("a") == ["a", "a", "a"]


def test_what_the_original_says_itself_is_not_new():
    caption = tokens_of("Birds sing in the distance.")
    quoted = find_quote("in the distance", caption)
    assert not says_something_new(quoted, caption, tokens_of("Birds singing in the distance"))
    assert says_something_new(quoted, caption, tokens_of("Birds singing"))
    twice = tokens_of("At a distance, birds sing in the distance.")
    assert says_something_new(find_quote("At a distance", twice), twice, tokens_of("Birds singing in the distance"))


@pytest.mark.parametrize("place", ["up there", "at the back", "behind you", "near you", "off to one side"])
def test_a_position_in_small_words_is_new_and_has_to_be_quoted(place: str):
    caption = tokens_of(f"A bird sings {place}.")
    assert says_something_new(find_quote(place, caption), caption, tokens_of("A bird sings"))
    assert not says_something_new(find_quote(place, caption), caption, tokens_of(f"A bird sings {place}"))


def test_a_position_outside_of_all_quotes_is_passed_over():
    caption = tokens_of("A bird sings behind you.")
    assert unquoted_words(caption, find_quote("A bird sings", caption)) == ["behind"]


def test_a_place_beside_a_sound_of_the_original_names_another():
    caption = tokens_of("A dog barks behind the car that passes.")
    original = tokens_of("A dog barks as a car passes")
    assert names_another(find_quote("behind the car", caption), caption, original)
    assert not names_another(find_quote("behind", caption), caption, original)


def test_a_place_beside_a_pronoun_names_another():
    caption = tokens_of("A dog barks behind him.")
    assert names_another(find_quote("behind him", caption), caption, tokens_of("A dog barks"))


@pytest.mark.parametrize("place", ["in the back pocket of someone", "on its left", "to the right of them"])
def test_a_place_of_somebody_else_names_another(place: str):
    caption = tokens_of(f"A phone rings {place}.")
    assert names_another(find_quote(place, caption), caption, tokens_of("A phone rings"))


def test_words_that_tell_something_are_quoted():
    assert unquoted_words(CAPTION, find_quote("Far off to your left", CAPTION)) == [
        "dog",
        "barks",
        "man",
        "small",
        "speaks",
    ]
