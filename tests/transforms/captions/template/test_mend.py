"""What is surely wrong in a caption is mended, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.template.mend import mend


@pytest.mark.parametrize(
    ("caption", "mended"),
    [
        ("Motors runs in the distance", "Motors run in the distance"),
        ("Birds chirps and a dog barks", "Birds chirp and a dog barks"),
        ("A man talks as engines idles", "A man talks as engines idle"),
        ("Frogs croaks, a man speaks", "Frogs croak, a man speaks"),
        ("A engine idles", "An engine idles"),
        ("an dog barks", "a dog barks"),
        ("The the dog barks", "The dog barks"),
        ("A dog barks ,a man speaks", "A dog barks, a man speaks"),
    ],
)
def test_what_is_surely_wrong_is_mended(caption: str, mended: str) -> None:
    assert mend(caption) == mended


@pytest.mark.parametrize(
    "caption",
    [
        "Motors run",
        "A dog barks",
        "Birds calls and rain",
        "A bus passes and brakes",
        "An hour passes",
        "A one way street and a uniform rustling",
        "A European siren wails",
        "An FM radio plays",
        "A man's speaks",
        "Glass breaks",
        "Scissors cuts paper",
        "A man says that that is it",
        "It is 10,000 people",
    ],
)
def test_what_may_be_right_is_not_touched(caption: str) -> None:
    assert mend(caption) == caption


@given(st.text(max_size=200))
def test_mending_twice_changes_nothing_more(caption: str) -> None:
    assert mend(mend(caption)) == mend(caption)
