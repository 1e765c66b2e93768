"""A judge's reading is compared by rule: whatever is not certain stays refused."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from prompts import load_judge_prompt
from tests.transforms.captions.judge.readings import lie, reading_of, with_slips
from transforms.captions.check import SOFT_REASONS, check_caption
from transforms.captions.judge import compare_reading, judge_request, parse_reading, reason_of_verdict
from transforms.records import CaptionRequest
from transforms.words import SpatialWords

ORIGINAL = "A dog barks followed by a man speaking"
WORDS = SpatialWords(direction="left", distance="far", room_size="small")
ANSWER = "A stone's throw to your left, within four narrow walls, a dog barks before a man speaks."
READING = reading_of(
    "a dog barks",
    "before a man speaks => a man speaks @ 2",
    direction="left: to your left",
    distance="far: A stone's throw",
    room_size="small: within four narrow walls",
)


def verdict(reading: dict[str, Any], answer: str = ANSWER, original: str = ORIGINAL, words: SpatialWords = WORDS):
    parsed = parse_reading(json.dumps(reading))
    assert parsed is not None
    return compare_reading(parsed, answer, original, words)


def test_a_reading_that_agrees_keeps_the_answer():
    assert verdict(READING) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"relative_to": "other"}, "judge_not_listener"),
        ({"relative_to": "nothing"}, "judge_not_listener"),
        ({"certain": False}, "judge_uncertain"),
        ({"one_place": False}, "judge_several_places"),
        ({"extra": ["narrow"]}, "judge_extra"),
        ({"direction": None}, "judge_direction"),
        ({"direction": {"value": "right", "quote": "to your left"}}, "judge_direction"),
        ({"direction": {"value": "left", "quote": "on your left"}}, "judge_quote"),
        ({"direction": {"value": "left", "quote": "to your"}}, "judge_direction"),
        ({"direction": {"value": "left", "quote": "a dog barks to your left"}}, "judge_quote"),
        ({"direction": {"value": "left", "quote": ANSWER}}, "judge_quote"),
        ({"elevation": {"value": "up", "quote": "A stone's throw"}}, "judge_elevation"),
        ({"distance": {"value": "near", "quote": "A stone's throw"}}, "judge_distance"),
        ({"room_size": {"value": "large", "quote": "within four narrow walls"}}, "judge_room_size"),
        ({"room_size": {"value": "small", "quote": "walls"}}, "judge_incomplete"),
        ({"reverberation": {"value": "dampened", "quote": "narrow walls"}}, "judge_reverberation"),
        ({"sounds": READING["sounds"][:1]}, "judge_incomplete"),
        ({"sounds": reading_of("a dog barks", "a man speaks => a woman speaks @ 2")["sounds"]}, "judge_sounds"),
        ({"sounds": reading_of("a dog barks => a dog barks @ 2", "a man speaks")["sounds"]}, "judge_sounds"),
        ({"sounds": reading_of("a dog barks", "a cat meows")["sounds"]}, "judge_quote"),
    ],
)
def test_a_reading_that_differs_refuses_it(change: dict[str, Any], reason: str):
    assert verdict({**READING, **change}) == reason


def test_a_place_of_the_original_does_not_say_the_place_of_the_row():
    original, answer = "A man speaks in the distance", "On your left, a man speaks in the distance."
    reading = reading_of(
        "a man speaks ... in the distance", direction="left: On your left", distance="far: in the distance"
    )
    reading["sounds"][0]["quote"] = "a man speaks in the distance"
    reading["sounds"][0]["plain"] = "a man speaks in the distance"
    assert verdict(reading, answer, original, SpatialWords(direction="left", distance="far")) == "judge_distance"
    assert verdict(reading, answer, original, SpatialWords(direction="left")) is None


def test_a_place_beside_a_sound_of_the_original_is_not_the_listeners():
    original, answer = "A dog barks as a car passes", "A dog barks hard by the car that passes."
    reading = reading_of("A dog barks", "car that passes => a car passes", distance="near: hard by the car")
    assert verdict(reading, answer, original, SpatialWords(distance="near")) == "judge_not_listener"


def test_the_row_decides_whether_a_position_has_to_be_the_listeners():
    answer = "Within four narrow walls, a dog barks before a man speaks."
    reading = reading_of(
        "a dog barks",
        "before a man speaks => a man speaks @ 2",
        relative_to="nothing",
        room_size="small: Within four narrow walls",
    )
    assert verdict(reading, answer, words=SpatialWords(room_size="small")) is None
    assert verdict({**reading, "relative_to": "other"}, answer, words=SpatialWords(room_size="small"))


def test_the_judge_is_asked_blind():
    request = CaptionRequest("train/a#0", 1, ORIGINAL, WORDS, 7)
    question = judge_request(request, ANSWER, "judge@0")
    assert question == CaptionRequest("train/a#0", 1, ANSWER, SpatialWords(), 0, "judge@0")
    asked = load_judge_prompt().messages(question.caption, question.words.present())[-1]["content"]
    assert "stone" in asked
    assert "followed by" not in asked


def test_the_examples_of_the_prompt_are_read_as_the_rules_want():
    right, hedged, measured = load_judge_prompt().examples
    words = SpatialWords("left", None, "near", "small", "dampened")
    assert verdict(json.loads(right.answer), right.caption, "A dog barks then a door slams", words) is None
    rain = "A woman laughs while rain patters"
    up = SpatialWords(direction="back", elevation="up")
    assert verdict(json.loads(hedged.answer), hedged.caption, rain, up) == "judge_not_listener"
    hall = SpatialWords(room_size="large", reverberation="reverberant")
    assert (
        verdict(json.loads(measured.answer), measured.caption, "Three bells ring one after another", hall)
        == "judge_extra"
    )


#: Answers that tell a wrong place outright.
WRONG_PLACES = [
    ("To your right, far off in a small room, a dog barks before a man speaks.", WORDS),
    ("Close by on your left, in a small room, a dog barks before a man speaks.", WORDS),
    ("Far off on your left, in a large room, a dog barks before a man speaks.", WORDS),
    ("Far off, up above on your left, in a small room, a dog barks before a man speaks.", WORDS),
    ("Far off on your left, in a small, echoing room, a dog barks before a man speaks.", WORDS),
    ("Down below, a dog barks before a man speaks.", SpatialWords(elevation="up")),
    ("In an acoustically dampened room, a dog barks before a man speaks.", SpatialWords(reverberation="reverberant")),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_PLACES)
def test_no_reading_overrules_a_wrong_place(answer: str, words: SpatialWords):
    reason = check_caption(answer, ORIGINAL, words)
    assert reason is not None
    assert reason not in SOFT_REASONS
    places = {attribute: f"{word}: far off" for attribute, word in words.present().items()}
    flattering = reading_of("a dog barks", "a man speaks => a man speaks @ 2", **places)
    assert reason_of_verdict(json.dumps(flattering), answer, ORIGINAL, words) == reason


def test_a_hostile_judge_lets_no_wrong_place_pass():
    draws = random.Random(14)
    for _ in range(30):
        for answer, words in WRONG_PLACES:
            assert reason_of_verdict(lie(answer, draws), answer, ORIGINAL, words) is not None


def test_a_hostile_judge_keeps_nothing_where_the_check_only_doubts():
    draws = random.Random(15)
    assert check_caption(ANSWER, ORIGINAL, WORDS) in SOFT_REASONS
    assert all(reason_of_verdict(lie(ANSWER, draws), ANSWER, ORIGINAL, WORDS) for _ in range(200))


#: Wrong answers that the check only doubts, each with what a careful reader reads in it.
DOUBTED: list[tuple[str, str, SpatialWords, dict[str, Any]]] = [
    (
        "A stone's throw to your left, a dog barks before a woman speaks.",
        ORIGINAL,
        SpatialWords(direction="left", distance="far"),
        reading_of(
            "a dog barks",
            "before a woman speaks => a woman speaks @ 2",
            direction="left: to your left",
            distance="far: A stone's throw",
        ),
    ),
    (
        "A stone's throw to your left, rain falls on a tin roof.",
        "Rain falls",
        SpatialWords(direction="left", distance="far"),
        reading_of("rain falls on a tin roof", direction="left: to your left", distance="far: A stone's throw"),
    ),
    (
        "Within arm's reach, as the task wants it, a dog barks.",
        "A dog barks",
        SpatialWords(distance="near"),
        reading_of("a dog barks", distance="near: Within arm's reach", extra=("as the task wants it",)),
    ),
    (
        "A phone rings in somebody's back pocket.",
        "A phone rings",
        SpatialWords(direction="back"),
        reading_of("A phone rings", direction="back: in somebody's back pocket", relative_to="other"),
    ),
    (
        "Hard by you a dog barks, and a man speaks at the far end of the street.",
        "A dog barks and a man speaks",
        SpatialWords(distance="near"),
        reading_of("a dog barks", "a man speaks", distance="near: Hard by you", one_place=False),
    ),
]


@pytest.mark.parametrize(("answer", "original", "words", "reading"), DOUBTED)
def test_a_careful_reader_keeps_no_wrong_answer(
    answer: str, original: str, words: SpatialWords, reading: dict[str, Any]
):
    assert verdict(reading, answer, original, words) is not None


def test_a_reader_that_slips_keeps_few_wrong_answers_and_many_right_ones():
    draws = random.Random(16)
    wrong = sum(
        verdict(with_slips(reading, answer, 0.1, draws), answer, original, words) is None
        for answer, original, words, reading in DOUBTED
        for _ in range(40)
    )
    right = sum(verdict(with_slips(READING, ANSWER, 0.1, draws)) is None for _ in range(40))
    assert wrong <= 0.03 * 40 * len(DOUBTED)
    assert right >= 0.25 * 40
