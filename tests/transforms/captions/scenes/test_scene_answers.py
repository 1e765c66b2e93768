"""The check of scenes on answers labelled by hand and on wrong answers of every kind."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.benchmarks.scene_captions import BINDING_KINDS, LabelledAnswer, binding_score, labelled_answers
from tests.transforms.captions.scenes.drawn_scenes import draw_scene
from tests.transforms.captions.scenes.hostile_answers import CHANGES, hostile_answer
from transforms.captions.scenes import SCENE_REASONS, check_scene_caption, scene_caption
from transforms.captions.scenes.template import draw_caption


@pytest.fixture(scope="module")
def answers() -> list[LabelledAnswer]:
    return labelled_answers()


def test_the_table_has_answers_of_every_kind(answers: list[LabelledAnswer]) -> None:
    assert len(answers) >= 300
    assert sum(not answer.kind for answer in answers) >= 150
    kinds = Counter(answer.kind for answer in answers)
    assert set(kinds) >= BINDING_KINDS
    assert {"lost_place", "motion_reversed", "motion_added", "motion_lost"} <= set(kinds)
    assert {"order_reversed", "time_invented", "time_lost"} <= set(kinds)
    assert {"room_wrong", "room_lost", "sound_lost", "sound_added", "place_invented"} <= set(kinds)
    assert 0.4 < sum(answer.held_out for answer in answers) / len(answers) < 0.6


def test_no_wrong_answer_passes(answers: list[LabelledAnswer]) -> None:
    assert [answer.id for answer in answers if answer.kind and answer.verdict is None] == []


@pytest.mark.parametrize("held_out", [False, True])
def test_wrong_bindings_are_found_and_right_answers_pass(answers: list[LabelledAnswer], held_out: bool) -> None:
    score = binding_score([answer for answer in answers if answer.held_out is held_out])
    assert score.recall >= 0.97
    assert score.precision >= 0.95


def test_captions_of_the_template_pass_the_check() -> None:
    draw = random.Random(11)
    for number in range(25):
        scene = draw_scene(draw)
        caption = scene_caption(scene, number)
        assert check_scene_caption(caption, scene) is None, caption
        assert scene_caption(scene, number) == caption


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_caption_of_another_scene_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    draw = random.Random(change.__name__)
    told = 0
    for _ in range(400):
        scene = draw_scene(draw)
        other = change(scene, draw)
        if other is None or other == scene:
            continue
        caption = draw_caption(other, told)
        assert check_scene_caption(caption, scene) in SCENE_REASONS, caption
        told += 1
        if told == 6:
            return
    assert told > 3


def test_a_hostile_endpoint_gets_nothing_wrong_through() -> None:
    draw = random.Random(5)
    for _ in range(30):
        scene = draw_scene(draw)
        kind, answer = hostile_answer(scene, draw)
        assert check_scene_caption(answer, scene) is not None, (kind, answer)
