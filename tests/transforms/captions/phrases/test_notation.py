"""The notation of phrases: what it reads and what it writes."""

from __future__ import annotations

import itertools
import re

import pytest

from transforms.captions.phrases.notation import first_words, parse, pattern, write


@pytest.mark.parametrize(
    ("notation", "read", "not_read"),
    [
        ("on the left", ["on the left "], ["on left ", "on the left side "]),
        ("on [the] left", ["on the left ", "on left "], ["on the the left "]),
        ("(close | close by) you", ["close you ", "close by you "], ["by you "]),
        ("within arm's reach", ["within arm reach "], ["within arm's reach "]),
        ("dead-sounding", ["dead sounding "], ["deadsounding "]),
        ("<near> [(and | or) <near>]", ["close ", "close and nearby "], ["close and "]),
    ],
)
def test_a_pattern_reads_what_the_notation_says(notation: str, read: list[str], not_read: list[str]) -> None:
    regex = re.compile(pattern(parse(notation, {"near": "(close | nearby)"})))
    assert all(regex.fullmatch(text) for text in read)
    assert not any(regex.fullmatch(text) for text in not_read)


def test_what_is_written_is_read() -> None:
    tree = parse("[very] (far | (long | good) way) (off | away [from you])")
    regex = re.compile(pattern(tree))
    texts = set()
    for draws in itertools.product(range(2), repeat=5):
        left = iter(draws)
        texts.add(write(tree, lambda options, left=left: next(left) % options))  # type: ignore[misc]
    assert {"far off", "very long way away from you", "good way off"} <= texts
    assert all(regex.fullmatch(f"{text} ") for text in texts)


def test_the_first_words_of_a_phrase() -> None:
    assert first_words(parse("[very] (far | near) off")) == {"very", "far", "near"}
    assert first_words(parse("[very]")) == {"very", ""}


@pytest.mark.parametrize("notation", ["on (the left", "on [the left", "on the) left", "on ] left"])
def test_brackets_have_to_match(notation: str) -> None:
    with pytest.raises(ValueError, match=r"closed|expected"):
        parse(notation)


def test_an_unknown_definition_is_an_error() -> None:
    with pytest.raises(KeyError):
        parse("on <your> left")
