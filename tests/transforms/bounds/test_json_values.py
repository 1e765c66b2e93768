"""JSON of strangers is bounded, and what has other types is one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from transforms.bounds.json_values import JsonRefused, as_model, parse_json, parse_json_as

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Named(BaseModel):
    """What a file of the tests holds."""

    name: str
    sizes: dict[str, int] = {}


@given(PLAIN)
@settings(max_examples=30)
def test_plain_values_are_read_as_they_are(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 100_000, "deep"),
        (b"[" * 100 + b"]" * 100, "deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deep"),
        (b"[" + b"1," * 2_000_000 + b"1]", "values"),
        (b'["' + b"x" * (64 << 20) + b'"]', "bytes"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "Infinity is no number"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "not JSON"),
        (b'["\\ud800"]', "half of a character"),
        (b'{"\\ud800": 1}', "half of a character"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
        (b"[1] [2]", "not JSON"),
    ],
)
def test_what_is_no_json_or_too_much_is_one_line(data: bytes, message: str) -> None:
    with pytest.raises(JsonRefused, match=message) as refused:
        parse_json(data)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "it is no object"),
        (b"{}", "name: Field required"),
        (b'{"name": 7}', "name: Input should be a valid string"),
        (b'{"name": "a", "sizes": {"b": [1]}}', "sizes.b: Input should be a valid integer"),
    ],
)
def test_another_type_is_named_with_its_key(data: bytes, message: str) -> None:
    with pytest.raises(JsonRefused, match=message):
        parse_json_as(Named, data)


def test_values_that_fit_become_a_model() -> None:
    assert as_model(Named, {"name": "a", "more": 1}) == Named(name="a")
