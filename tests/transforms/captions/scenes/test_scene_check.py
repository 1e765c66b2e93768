"""The check of scenes: each reason, by the smallest answer that has it, and readings that nobody can tell apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transforms.captions.scenes import SCENE_REASONS, check_scene_caption
from transforms.scene_words import SceneWords, SourceWords, TimeRelation

DOG = SourceWords("A dog barks", direction="left", distance="near")
MAN = SourceWords("A man speaks", direction="right", distance="far")
BELL = SourceWords("A bell rings", direction="back", motion="back to left")
AT_ONCE = SceneWords((DOG, MAN), "large", "reverberant", (TimeRelation(0, 1, "while"),))
IN_TURN = replace(AT_ONCE, times=(TimeRelation(0, 1, "then"),))
UNSURE = replace(AT_ONCE, times=())
ROOM = "in a large, reverberant room"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (f"A dog barks close by on your left while a man speaks far off on your right, {ROOM}.", None),
        (f"A dog barks close by on your left, as a man speaks far off on your right, {ROOM}.", None),
        (f"Far off on your right a man speaks, and a dog barks close by on your left, {ROOM}.", None),
        (f"A dog barks close by on your right while a man speaks far off on your left, {ROOM}.", "place_of_another"),
        (f"A dog barks far off on your left while a man speaks close by on your right, {ROOM}.", "place_of_another"),
        (f"A dog barks close by on your left while a man speaks on your right, {ROOM}.", "missing_distance"),
        (f"A dog barks close by while a man speaks far off on your right, {ROOM}.", "missing_direction"),
        (
            f"A dog barks close by above you on your left while a man speaks far on your right, {ROOM}.",
            "invents_elevation",
        ),
        (f"A dog barks close by on your left, then a man speaks far off on your right, {ROOM}.", "time_wrong"),
        (
            f"A dog barks close by on your left, coming nearer, while a man speaks far off on your right, {ROOM}.",
            "motion_added",
        ),
        ("A dog barks close by on your left while a man speaks far off on your right.", "missing_room_size"),
        (
            "A dog barks close by on your left while a man speaks far off on your right in a small, reverberant room.",
            "contradicts_room_size",
        ),
        (f"A dog barks close by on your left, {ROOM}.", "content_lost"),
        (
            f"A dog barks close by on your left while a man speaks far off on your right and a cat meows, {ROOM}.",
            "content_added",
        ),
        (
            f"A dog barks close by on your left. A man speaks far off on your right. It all sounds {ROOM}.",
            "not_one_sentence",
        ),
        ("", "empty"),
    ],
)
def test_sounds_at_once(answer: str, reason: str | None) -> None:
    assert check_scene_caption(answer, AT_ONCE) == reason


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (", then", None),
        (", and then", None),
        (" before", None),
        ("; after that,", None),
        (", followed by", None),
        (" while", "time_wrong"),
        (", and", "missing_order"),
        (" after", "order_reversed"),
        (", and at the same time", "time_wrong"),
    ],
)
def test_one_sound_after_the_other(link: str, reason: str | None) -> None:
    man = "a man speaking" if "followed" in link else "a man speaks"
    answer = f"A dog barks close by on your left{link} {man} far off on your right, {ROOM}."
    assert check_scene_caption(answer, IN_TURN) == reason


@pytest.mark.parametrize("link", [", then", " while", " after", ", meanwhile"])
def test_no_time_is_told_that_is_not_certain(link: str) -> None:
    answer = f"A dog barks close by on your left{link} a man speaks far off on your right, {ROOM}."
    assert check_scene_caption(answer, UNSURE) in ("time_wrong", "order_reversed")


@pytest.mark.parametrize("last", [" at the same time", " afterwards", ", simultaneously"])
def test_time_told_behind_the_last_clause(last: str) -> None:
    answer = f"A dog barks close by on your left and a man speaks far off on your right{last}"
    assert check_scene_caption(f"{answer}, {ROOM}.", UNSURE) == "time_wrong"
    assert check_scene_caption(f"In a large, reverberant room, {answer}.", UNSURE) == "time_wrong"


def test_a_link_before_a_motion_tells_no_time_of_another_sound() -> None:
    scene = SceneWords((replace(BELL, distance="far"), MAN), times=(TimeRelation(0, 1, "then"),))
    told = "A bell rings far away as it moves from behind you to your left; then a man speaks far off on your right."
    assert check_scene_caption(told, scene) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("After a dog barks close by on your left, a man speaks far off on your right", None),
        ("Before a man speaks far off on your right, a dog barks close by on your left", None),
        ("Before a dog barks close by on your left, a man speaks far off on your right", "order_reversed"),
        ("While a dog barks close by on your left, a man speaks far off on your right", "time_wrong"),
    ],
)
def test_a_clause_that_opens_a_sentence(answer: str, reason: str | None) -> None:
    assert check_scene_caption(f"{answer}, {ROOM}.", IN_TURN) == reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("from behind you to your left", None),
        ("moving from the back around to the left", None),
        ("moving to the left from behind you", None),
        ("from your left to behind you", "motion_reversed"),
        ("moving from the back to the right", "motion_added"),
        ("moving from the back to the left and coming closer", "motion_added"),
        ("at the back", "missing_motion"),
        ("on the left", "contradicts_direction"),
    ],
)
def test_a_motion_from_one_direction_to_another(told: str, reason: str | None) -> None:
    found = check_scene_caption(f"A bell rings, {told}.", SceneWords((BELL,)))
    assert found == reason or (reason is not None and found in SCENE_REASONS and told == "on the left")


@pytest.mark.parametrize(
    ("motion", "right", "reversed_"),
    [
        ("nearer", ("coming nearer", "approaching you", "which draws closer"), "moving away"),
        ("farther", ("going farther away", "receding", "moving off into the distance"), "coming closer"),
        ("up", ("rising", "moving upward", "climbing higher"), "sinking"),
        ("down", ("sinking", "moving down", "descending"), "rising"),
    ],
)
def test_motions_without_directions(motion: str, right: tuple[str, ...], reversed_: str) -> None:
    scene = SceneWords((SourceWords("A drone buzzes", direction="front", motion=motion),))
    for told in right:
        assert check_scene_caption(f"A drone buzzes in front of you, {told}.", scene) is None, told
    assert check_scene_caption(f"A drone buzzes in front of you, {reversed_}.", scene) == "motion_reversed"
    assert check_scene_caption("A drone buzzes in front of you.", scene) == "missing_motion"


def test_a_place_between_two_clauses_has_to_be_right_for_either() -> None:
    near = SceneWords((replace(DOG, distance=None), replace(MAN, distance="near")))
    # "Close by" may be the dog's or the man's.
    assert check_scene_caption("A dog barks on your left, close by, a man speaks on your right.", near) is not None
    assert check_scene_caption("A dog barks on your left; close by, a man speaks on your right.", near) is None
    assert check_scene_caption("A dog barks on your left, close by; a man speaks on your right.", near) is not None


def test_a_while_inside_an_original_is_none_between_sounds() -> None:
    rain = SourceWords("Rain falls on a roof while thunder rumbles", elevation="up")
    scene = SceneWords((rain, MAN), times=(TimeRelation(0, 1, "then"),))
    told = "Above you, rain falls on a roof while thunder rumbles, then a man speaks far off on your right."
    assert check_scene_caption(told, scene) is None
    torn = "Rain falls on a roof above you while thunder rumbles far off on your right, then a man speaks."
    assert check_scene_caption(torn, scene) is not None


def test_sounds_of_one_original_may_be_told_in_either_order() -> None:
    one, other = SourceWords("A dog barks", direction="left"), SourceWords("A dog barks", direction="right")
    for first, second in ((one, other), (other, one)):
        told = "A dog barks on the left, and another dog barks on the right."
        assert check_scene_caption(told, SceneWords((first, second))) is None
        told = "A dog barks on the left, and another dog barks on the left."
        assert check_scene_caption(told, SceneWords((first, second))) is not None


def test_a_place_told_of_all_sounds() -> None:
    scene = SceneWords((replace(DOG, distance="far"), MAN))
    assert check_scene_caption("A dog barks on your left and a man speaks on your right, both far away.", scene) is None
    apart = SceneWords((DOG, MAN))
    assert (
        check_scene_caption("A dog barks on your left and a man speaks on your right, both far away.", apart)
        is not None
    )


@pytest.mark.parametrize("count", [5, 8])
def test_many_sounds_do_not_crash(count: int) -> None:
    names = "dog cat bell horn whistle drum flute harp".split()[:count]
    sources = tuple(SourceWords(f"A {name} sounds", direction="left") for name in names)
    told = "; ".join(f"a {name} sounds on the left" for name in names)
    assert check_scene_caption(f"{told}.".capitalize(), SceneWords(sources)) in (None, *SCENE_REASONS)


@pytest.mark.parametrize(
    "answer", ["犬が吠える", "? ! ;", "while while while", "Ignore the above.", "a" * 5000, ", , ,"]
)
def test_whatever_comes_has_a_reason(answer: str) -> None:
    assert check_scene_caption(answer, AT_ONCE) in SCENE_REASONS
