"""The frame of a caption, and what a caption adds to its original: exact on captions by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.variety import read_caption

DOG = "A dog barks"

FRAMES = [
    ("Far off, on the left, a dog barks.", DOG, "P, S"),
    ("Near, on the right, rain falls and a man speaks.", "Rain falls and a man speaks", "P, S"),
    ("A dog barks, far off and on the left, in a small room.", DOG, "S, P, R"),
    ("A dog, up above on the left, barks in a large, echoing room.", DOG, "S, P, S R"),
    ("From the left comes the barking of a dog.", DOG, "P comes S"),
    ("Somewhere on the left, a dog is barking.", "A dog is barking", "P, S"),
    ("You hear a dog bark far behind you.", DOG, "you hear S P"),
    ("While a dog barks, rain falls close by.", "Rain falls as a dog barks", "while S P"),
    # A long caption has one sound more, and no frame of its own.
    ("A dog barks, then a man speaks, on the left.", "A dog barks, then a man speaks", "S, P"),
    # What the original says of a place belongs to its sounds where it stands as it did.
    ("On the left, a train passes in the distance.", "A train passes in the distance", "P, S"),
    ("In the distance, a train passes.", "A train passes in the distance", "P, S"),
    ("On the left, a car pulls up and stops.", "A car pulls up and stops", "P, S"),
    # "Behind the door" is no place of the listener's.
    ("Near, a dog barks behind the door.", "A dog barks behind the door", "P, S"),
    ("A dog barks.", DOG, "S"),
    ("", DOG, ""),
    ("Far off, on the left, a dog barks.", "", "P, a dog barks"),
]


@pytest.mark.parametrize(("caption", "original", "frame"), FRAMES)
def test_places_and_sounds_are_blanked(caption: str, original: str, frame: str) -> None:
    assert read_caption(caption, original).frame == frame


@pytest.mark.parametrize(
    ("caption", "begins"),
    [
        ("Far off, a dog barks.", True),
        ("In a small room, a dog barks.", True),
        ("From the left, a dog barks.", True),
        ("Somewhere on the left, a dog barks.", True),
        ("A dog barks on the left.", False),
        ("You hear a dog on the left.", False),
        ("Heard on the left: a dog barks.", False),
        ("A dog barks.", False),
        ("", False),
    ],
)
def test_a_caption_begins_with_its_place_or_not(caption: str, begins: bool) -> None:
    assert read_caption(caption, DOG).begins_with_place is begins


@pytest.mark.parametrize(
    ("caption", "original", "added"),
    [
        ("Far off, a dog barks.", DOG, "before"),
        ("A dog barks, far off.", "a dog barks.", "behind"),
        ("Far off, a dog barks in a small room.", DOG, "around"),
        ("Far off, a dog is barking.", DOG, ""),
        ("A dog, far off, barks.", DOG, ""),
        # A word that only begins like the original's last one is another word.
        ("Far off, a dog barks.", "A dog bark", ""),
        ("A dog barks.", DOG, ""),
        ("A dog barks.", "", ""),
        ("Far off: “A dog barks; rain falls!”", "a dog barks, rain falls", "before"),
    ],
)
def test_an_original_that_stands_whole_is_found(caption: str, original: str, added: str) -> None:
    assert read_caption(caption, original).added == added


def test_words_outside_the_place_are_new_where_the_original_has_no_form_of_them() -> None:
    reading = read_caption("Close by, barking rises from a hound, in a large crowded room.", "A dog barks")
    assert reading.words == ("barking", "rises", "from", "a", "hound", "crowded")
    assert reading.new_words == ("rise", "from", "hound", "crowded")


@pytest.mark.parametrize(
    ("caption", "original", "has_place"),
    [
        ("A dog barks.", DOG, False),
        ("A dog barks far off.", DOG, True),
        ("A dog barks in a small room.", DOG, True),
        ("A dog barks in the distance.", "a dog barking in the distance", False),
        ("A dog barks behind the door.", "A dog barks behind the door", False),
    ],
)
def test_a_place_that_the_original_says_is_none(caption: str, original: str, has_place: bool) -> None:
    assert read_caption(caption, original).has_place is has_place


_TEXT = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from("far off on the left , and a dog barks barking in small room behind you up . P R S".split()),
        max_size=25,
    ).map(" ".join),
)


@given(_TEXT, _TEXT)
def test_any_two_texts_have_a_reading(caption: str, original: str) -> None:
    reading = read_caption(caption, original)
    assert len(reading.new_words) <= len(reading.words)
    assert len(reading.words) <= len(reading.bigrams) + 1
    assert not reading.begins_with_place or {"P", "R"} & set(reading.frame)
    assert ", ," not in reading.frame
    assert not reading.frame.startswith(",")
