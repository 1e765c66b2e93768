"""A judge's reply is read whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts import load_judge_prompt
from tests.transforms.captions.judge.readings import reading_of
from transforms.captions.judge import Placed, Reading, Sound, parse_reading
from transforms.words import VOCABULARY

GOOD = reading_of("a dog barks", "a door slams => a door slams @ 2", direction="left: to your left")


def changed(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def test_a_reply_becomes_a_reading():
    assert parse_reading(json.dumps(GOOD)) == Reading(
        placed={**dict.fromkeys(VOCABULARY), "direction": Placed("left", "to your left")},
        relative_to="listener",
        one_place=True,
        certain=True,
        extra=(),
        sounds=(Sound("a dog barks", "a dog barks", 1), Sound("a door slams", "a door slams", 2)),
    )


@pytest.mark.parametrize(
    "wrapped",
    [
        "```json\n{}\n```",
        "```\n{}```",
        "<think>It barks {{on the left}}.</think>\n{}",
        "\n {} \n<|im_end|>",
        "```JSON\n{}\n```</s>",
    ],
)
def test_fences_and_reasoning_around_a_reply_are_taken_off(wrapped: str):
    assert parse_reading(wrapped.replace("{}", json.dumps(GOOD, indent=1))) == parse_reading(json.dumps(GOOD))


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "yes",
        "null",
        "[]",
        "{}",
        f"Here it is: {json.dumps(GOOD)}",
        f"{json.dumps(GOOD)}{json.dumps(GOOD)}",
        json.dumps([GOOD]),
        json.dumps({name: value for name, value in GOOD.items() if name != "certain"}),
        changed(kept=True),
        changed(direction="left"),
        changed(direction={"value": "Left", "quote": "to your left"}),
        changed(direction={"value": "port", "quote": "to your left"}),
        changed(direction={"value": "up", "quote": "to your left"}),
        changed(direction={"value": "left", "quote": ""}),
        changed(direction={"value": "left", "quote": None}),
        changed(direction={"value": ["left", "right"], "quote": "to your left"}),
        changed(direction={"value": "left"}),
        changed(relative_to="the listener"),
        changed(relative_to=None),
        changed(one_place=1),
        changed(one_place="true"),
        changed(certain=None),
        changed(extra=None),
        changed(extra=[""]),
        changed(extra="nothing"),
        changed(sounds=[]),
        changed(sounds=["a dog barks"]),
        changed(sounds=GOOD["sounds"] * 13),
        changed(sounds=[{"quote": "a dog barks", "plain": "a dog barks", "moment": True}]),
        changed(sounds=[{"quote": "a dog barks", "plain": "a dog barks", "moment": 1.0}]),
        changed(sounds=[{"quote": "a dog barks", "plain": "a dog barks", "moment": 0}]),
        changed(sounds=[{"quote": "a dog barks", "plain": "a" * 401, "moment": 1}]),
        json.dumps(GOOD)[:-1] + ', "certain": true}',
        json.dumps(GOOD).replace('"moment": 2', '"moment": NaN'),
        "[" * 100_000,
    ],
)
def test_anything_else_is_no_reading(reply: str):
    assert parse_reading(reply) is None


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_no_text_raises(text: str):
    assert parse_reading(text) is None or text.strip()


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["left", "listener"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*GOOD]), _JSON)
def test_a_field_holds_what_it_may_hold_or_the_reply_is_no_reading(field: str, value: Any):
    reading = parse_reading(changed(**{field: value}))
    if reading is None:
        return
    if field in VOCABULARY:
        assert value is None or (reading.placed[field] or Placed("", "")).value in VOCABULARY[field]
    else:
        assert field == "extra" or value in ("listener", True, False)


def test_the_examples_of_the_prompt_are_readings():
    assert all(parse_reading(example.answer) is not None for example in load_judge_prompt().examples)
