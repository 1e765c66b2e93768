"""The check on answers labelled by hand: none wrong in place passes, and precision and recall hold their floors."""

from __future__ import annotations

import pytest

from tests.benchmarks.caption_check import Labelled, judged_answers, kind, scores
from transforms.captions.check import REASONS
from transforms.words import VOCABULARY

PLACE = ("place_missing", "place_contradicts", "place_invented")
KINDS = {kind(reason) for reason in REASONS}


@pytest.fixture(scope="module")
def answers() -> list[Labelled]:
    return judged_answers()


def test_the_table_has_right_and_wrong_answers_of_every_kind(answers: list[Labelled]) -> None:
    assert len(answers) >= 300
    assert sum(answer.origin == "model" for answer in answers) >= 300
    assert sum(not answer.wrong for answer in answers) >= 100
    assert {reason for answer in answers for reason in answer.reasons} == KINDS
    for attribute, words in VOCABULARY.items():
        assert {getattr(answer.words, attribute) for answer in answers} == {None, *words}


def test_no_answer_wrong_in_place_passes(answers: list[Labelled]) -> None:
    passed = [answer for answer in answers if answer.verdict is None and set(PLACE) & set(answer.reasons)]
    assert passed == []


@pytest.mark.parametrize("reason", sorted(KINDS))
def test_each_reason_holds_its_floors(answers: list[Labelled], reason: str) -> None:
    score = scores(answers)[reason]
    assert score.recall >= 0.85
    assert score.precision >= 0.85


def test_the_check_as_a_whole_holds_its_floors(answers: list[Labelled]) -> None:
    score = scores(answers)["all"]
    assert score.recall >= 0.98
    assert score.precision >= 0.98
    right = [answer for answer in answers if not answer.wrong]
    assert sum(answer.verdict is None for answer in right) >= 0.97 * len(right)
