"""JSON and YAML of strangers: whatever they hold, they are parsed quickly or refused in one line."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.documents import DEEPEST, DocumentRefused, parse_json, parse_yaml

LAUGHS = "a0: &a0 [x, x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested more than 32 levels"),
        ("[" * (DEEPEST + 1) + "1" + "]" * (DEEPEST + 1), "nested more than 32 levels"),
        ('{"a": 1' + "0" * 400 + "}", "more than 40 digits"),
        ("9" * 5000, "not JSON"),
        ('["\\ud800"]', "not Unicode"),
        ('{"a":', "not JSON"),
        ("", "not JSON"),
    ],
)
def test_json_that_is_not_read(text, named):
    with pytest.raises(DocumentRefused, match=named):
        parse_json(text)
    with pytest.raises(DocumentRefused):
        parse_json(b"\xff\xff" + text.encode("utf-8"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (LAUGHS, "an anchor and an alias"),
        ("a: &a [*a]", "an anchor and an alias"),
        ("[" * 3000, "nested more than 32 levels"),
        ("a: 2001-13-45", "not YAML"),
        ("a: " + "9" * 5000, "not YAML"),
        ("a: 0x" + "f" * 5000, "more than 40 digits"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
        ("? [a]\n: b", "not YAML"),
        ("\x00", "not YAML"),
        ("a: !!binary x", "not YAML"),
    ],
)
def test_yaml_that_is_not_read(text, named):
    started = time.process_time()
    with pytest.raises(DocumentRefused, match=named):
        parse_yaml(text)
    assert time.process_time() - started < 2


@given(st.text(max_size=60))
def test_any_yaml_is_parsed_or_refused(text):
    with contextlib.suppress(DocumentRefused):
        parse_yaml(text)


def test_what_we_write_ourselves_is_read():
    assert parse_json('{"model_max_length": 1000000000000000019884624838656, "a": [1.5, null, "é"]}')["a"] == [
        1.5,
        None,
        "é",
    ]
    assert parse_yaml("model: {clip_s: 4.0, text_source: null}\ntraining:\n  epochs: 3\n")["training"] == {"epochs": 3}
