"""Phrases of place in a text: what each says, relative to whom, and what is left when they are taken out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.parse import Found, find_phrases, without_phrases


def _found(text: str) -> list[Found]:
    return find_phrases(canonical_text(text))


def _said(text: str) -> set[str]:
    return {word for found in _found(text) if not found.of_another and found.firm for _, word in found.says}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("within arm's reach", {"near"}),
        ("a long way off to your left", {"far", "left"}),
        ("right behind you", {"back"}),
        ("just behind you", {"near", "back"}),
        ("a dog barks ahead", {"front"}),
        ("up ahead", {"front"}),
        ("over your head", {"up"}),
        ("at your feet", {"down"}),
        ("behind and above you", {"back", "up"}),
        ("in front of and below the listener", {"front", "down"}),
        ("high on your right", {"up", "right"}),
        ("at the far end of a large, dry-sounding room", {"far", "large", "dampened"}),
        ("in a room with no echo to speak of", {"dampened"}),
        ("in a cramped, dead-sounding room", {"small", "dampened"}),
        ("in a room full of echoes", {"reverberant"}),
        ("everything ringing with echo", {"reverberant"}),
        ("the room is small and dead", {"small", "dampened"}),
        ("the room in which it is heard is vast", {"large"}),
        ("in a small, echoing temple", {"small", "reverberant"}),
        ("in a room hardly larger than a cupboard", {"small"}),
        ("rising up from far below", {"far", "down"}),
        ("by your left ear", {"near", "left"}),
        ("in a small, quiet kitchen", {"small"}),
        ("in a great hall hung with heavy curtains", {"large", "dampened"}),
        ("in a big room with every echo swallowed", {"large", "dampened"}),
        ("far off, a large hall: a dog barks", {"far", "large"}),
        ("very high above the listener and very far away", {"up", "far"}),
        ("far ahead a man talks", {"far", "front"}),
        # No place of the listener's.
        ("behind the door", set()),
        ("near passing cars", set()),
        ("on the left of the man", set()),
        ("in front of a large room", set()),
        ("a man left the room right after", set()),
        ("it drops and bounces and rings", set()),
        ("a small dog in a large box", set()),
        ("food fries in a kitchen", set()),
    ],
)
def test_what_a_phrase_says(text: str, words: set[str]) -> None:
    assert _said(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not near", {"near"}),
        ("in a room that is far from dampened", {"dampened"}),
        ("in a non-reverberant room", {"reverberant"}),
        ("never overhead", {"up"}),
    ],
)
def test_what_is_denied_is_not_said(text: str, words: set[str]) -> None:
    assert {word for found in _found(text) for _, word in found.denies} == words
    assert not _said(text) & words


def test_not_far_off_is_near() -> None:
    assert _said("not far off") == {"near"}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("High on your right, a dog barks with no echo to speak of.", ", a dog barks ,"),
        ("Low down and right behind you, a dog barks.", ", a dog barks ,"),
        ("A dog barks behind the door, far away.", ", a dog barks behind the door ,"),
        ("In a large crowded room, a dog barks.", ", crowded , a dog barks ,"),
    ],
)
def test_whole_phrases_are_taken_out(text: str, rest: str) -> None:
    canonical = canonical_text(text)
    assert without_phrases(canonical, find_phrases(canonical)) == rest


@given(
    st.lists(st.sampled_from("a the in on of far left right up not room small echo no with , you behind is".split()))
)
@settings(deadline=None)
def test_phrases_are_in_order_and_share_no_word(words: list[str]) -> None:
    text = canonical_text(" ".join(words))
    ends = [0, *(position for found in find_phrases(text) for position in (found.start, found.end))]
    assert ends == sorted(ends)
    assert ends[-1] <= len(text.split())
    assert all(found.start < found.end for found in find_phrases(text))
