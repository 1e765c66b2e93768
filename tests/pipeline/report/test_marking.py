"""Where a caption says the words of space."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.marking import marked
from tests.pipeline.report.generated_release import HOSTILE
from transforms.captions.template import template_caption
from transforms.words import VOCABULARY, SpatialWords


def _marks(caption: str, *words: str) -> list[str]:
    return [piece for piece, says_word in marked(caption, words) if says_word]


@pytest.mark.parametrize(
    ("caption", "words", "marks"),
    [
        ("Behind the listener, a Dog on the LEFT", ("left", "back"), ["Behind", "LEFT"]),
        ("Far off, on the left, in a small room", ("left", "far", "small"), ["Far off", "left", "small"]),
        ("Down below, in a large room, a cow moos.", ("down", "large"), ["Down below", "large"]),
        ("An acoustically dry, compact space.", ("dampened", "small"), ["acoustically dry, compact"]),
        # Only the words of the row, and only where they are said of its place.
        ("A man on the left left the room.", ("left",), ["left"]),
        ("Far off, a small dog barks on the right.", ("right",), ["right"]),
        ("A small dog in a small room.", ("small",), ["small"]),
        ("A dog barks within arm's reach of you, behind the door.", ("near", "back"), ["within arm's reach"]),
        ("Overhead, a dog barks with no echo to speak of.", ("dampened",), ["no echo to speak"]),
        ("nothing here", (), []),
        ("", ("left",), []),
    ],
)
def test_the_words_of_the_row_are_marked_where_they_are_said(caption: str, words: tuple[str], marks: list[str]) -> None:
    assert _marks(caption, *words) == marks


@pytest.mark.parametrize("caption", [*HOSTILE, "Over there’s a naïve dog’s bark, on the left… above it"])
def test_the_pieces_are_the_caption(caption: str) -> None:
    words = [word for words in VOCABULARY.values() for word in words]
    assert "".join(piece for piece, _ in marked(caption, words)) == caption


@given(
    st.builds(SpatialWords, **{name: st.sampled_from([None, *words]) for name, words in VOCABULARY.items()}),
    st.integers(0, 2**32),
)
def test_every_word_of_a_template_is_marked(words: SpatialWords, seed: int) -> None:
    caption = template_caption("A dog barks", words, seed)
    for word in words.present().values():
        assert _marks(caption, word), (word, caption)
