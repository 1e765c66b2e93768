"""The grammar of place phrases: it says only what the vocabulary knows, and reads all that the template writes."""

from __future__ import annotations

import itertools

import pytest

from transforms.captions.check.place import check_place
from transforms.captions.phrases.grammar import place_grammar, read_grammar
from transforms.captions.phrases.prose import place_prose
from transforms.words import VOCABULARY, SpatialWords


def test_every_phrase_says_words_of_the_vocabulary() -> None:
    grammar = place_grammar()
    said = {pair for phrase in grammar.phrases for pair in (*phrase.says, *phrase.weakly)}
    said |= {pair for pairs in grammar.adjectives.values() for pair in pairs}
    assert said == {(attribute, word) for attribute, words in VOCABULARY.items() for word in words} | {
        ("direction", "other"),
        ("elevation", "other"),
        ("distance", "other"),
        ("room_size", "other"),
    }


def test_every_written_adjective_is_read_with_the_same_sense() -> None:
    grammar = place_grammar()
    for said, written in grammar.written.items():
        for text in written:
            words = text.replace("-", " ").split()
            if words[0] in ("acoustically", "highly"):
                words = words[1:]
            assert grammar.adjectives[" ".join(words)] == (said,), text


@pytest.mark.parametrize("text", ["on the left", "direction.left on the left", "rooms: hall"])
def test_an_entry_of_no_kind_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no kind"):
        read_grammar(text)


def test_entries_go_on_where_lines_are_indented_and_hold_for_both_sides() -> None:
    grammar = read_grammar("<own> = (the | your)\n# a comment\ndirection.{word} (before stop): on\n    <own> {word}\n")
    assert [phrase.says for phrase in grammar.phrases] == [(("direction", "left"),), (("direction", "right"),)]
    assert {phrase.before for phrase in grammar.phrases} == {"stop"}


@pytest.mark.slow
def test_whatever_the_template_writes_of_a_place_is_read_as_that_place() -> None:
    for number, combination in enumerate(itertools.product(*[(None, *words) for words in VOCABULARY.values()])):
        words = SpatialWords(*combination)
        for turn in range(6):
            draws = iter(range(number * 7 + turn * 13, 10**9, turn + 1))
            place = place_prose(words, lambda options, draws=draws: next(draws) % options)  # type: ignore[misc]
            for text in (place.whole, f"from {place.source}" if place.source else ""):
                if text:
                    assert check_place(f"A dog barks, {text}.", "A dog barks", words) is None, text
