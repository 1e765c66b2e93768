"""YAML of strangers is bounded: size, depth, aliases that multiply, and numbers that take hours."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.bounds import yaml_values
from transforms.bounds.yaml_values import YamlRefused, parse_yaml


def multiplied(levels: int) -> str:
    """A text whose last value is nine times as large with each level."""
    lines = [f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(["a0: &a0 [x]", *lines])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (multiplied(12), "aliases repeat"),
        ("[" * 5000, "deep"),
        ("".join(f"{' ' * level}a:\n" for level in range(300)), "deep"),
        ("a" * 9_000_000, "characters"),
        ("a: &a [*a]", "lies in"),
        ("a: *b", "alias"),
        (f"a: {'9' * 5000}", "digits"),
        (f"a: {'1:' * 100_000}1", "digits"),
        ("a: 2001-99-99", "month"),
        ("? [a]\n: b", "unhashable"),
        ("a: !!python/object:os.system x", "constructor"),
        ("a: [", "line 2"),
        ("a: \0", "not allowed"),
    ],
)
def test_what_is_no_yaml_or_too_much_is_one_line(text: str, message: str) -> None:
    with pytest.raises(YamlRefused, match=message) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)


def test_values_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_values, "MOST_RECIPE_VALUES", 50)
    assert len(parse_yaml("- 1\n" * 40)) == 40
    with pytest.raises(YamlRefused, match="more than 50 values"):
        parse_yaml("- 1\n" * 50)


def test_a_message_does_not_repeat_a_line_that_may_hold_a_password() -> None:
    with pytest.raises(YamlRefused) as refused:
        parse_yaml("base_url: [http://user:secret@host")
    assert "secret" not in str(refused.value)


def test_aliases_that_repeat_a_little_are_read() -> None:
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}],
    }


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())))
@settings(max_examples=30)
def test_plain_values_are_read_as_they_are(values: dict[str, object]) -> None:
    text = yaml.safe_dump(values)
    assert parse_yaml(text) == yaml.safe_load(text)
