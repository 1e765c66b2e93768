"""Captions that were a list: read as one however they were written, or refused by name; never one long text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sources.lists.captions import NotText, captions_of, says_nothing, text_of
from transforms.sources.lists.text import printable, stripped

TWO = ("A dog barks", 'It\'s a dog, "barking"')
TEXTS = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), min_size=1, max_size=4)


@pytest.mark.parametrize(
    "written",
    [
        TWO,
        list(TWO),
        [text.encode() for text in TWO],
        str(list(TWO)),
        str(TWO),
        json.dumps(TWO),
        json.dumps(TWO, indent=1),
        str(np.array(TWO)),
        repr(np.array(TWO, object)),
        repr(np.array(TWO)),
        repr(list(np.array(TWO))),
        str([text.encode() for text in TWO]),
        f" {list(TWO)!s}\n",
        str([*TWO, None, float("nan")]),
        str([*TWO, ""]),
    ],
)
def test_every_way_to_write_a_list(written: Any) -> None:
    assert captions_of(written) == TWO


def test_lists_as_pandas_writes_them_to_csv(tmp_path: Any) -> None:
    table = pd.DataFrame({"captions": [list(TWO), np.array(["A dog " * 20] * 4, object), [], None, float("nan")]})
    table.to_csv(tmp_path / "l.csv", index=False)
    cells = pd.read_csv(tmp_path / "l.csv", keep_default_na=False)["captions"]
    assert [captions_of(cell) for cell in cells] == [TWO, ("A dog " * 19 + "A dog",) * 4, (), (), ()]


def said(texts: list[str]) -> tuple[str, ...]:
    plain = (stripped(printable(text)) for text in texts)
    return tuple(text for text in plain if not says_nothing(text))


@given(texts=TEXTS, form=st.sampled_from([str, repr, json.dumps, lambda texts: json.dumps(texts, ensure_ascii=False)]))
def test_a_list_of_any_texts_comes_back(texts: list[str], form: Any) -> None:
    assert captions_of(form(texts)) == said(texts)


@given(texts=TEXTS)
def test_an_array_of_any_texts_comes_back(texts: list[str]) -> None:
    # An array of text drops NULs at the ends of its texts.
    assert captions_of(str(np.array(texts, object))) == said(texts)


@given(st.text(max_size=30))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    for form in (text, f"[{text}]", f"['{text}", f"['{text}']", f"({text!r} {text!r})", f"{{{text}}}"):
        refused = ""
        try:
            captions_of(form)
        except NotText as error:
            refused = str(error)
        assert "\n" not in refused
        assert len(refused) < 180


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"raw": "A dog", "tokens": ["A", "dog"]}, "a struct (raw, tokens)"),
        ([{"raw": "A dog"}], "a struct"),
        ([["A dog"], ["A cat"]], "a list in a list"),
        ("{'raw': 'A dog'}", "a struct or a set"),
        ('{"A dog","A cat"}', "a struct or a set"),
        ('[{"raw": "A dog"}]', "may be a list"),
        ("['A dog', 'A cat", "begins as a list"),
        ("['A dog' 'A cat' ... 'A cow']", "begins as a list"),
        ("['It''s a dog']", "begins as a list"),
        ("['A dog', {'raw': 'A cat'}]", "begins as a list"),
        ("[A dog barks, A dog is barking]", "may be a list"),
        ("[1, 2]", "may be a list"),
        (3, "'3' (int)"),
        (True, "'True' (bool)"),
        ([1.5], "'1.5' (float)"),
    ],
)
def test_what_is_no_text_is_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(NotText) as error:
        captions_of(value)
    assert named in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "[Music]",
        "[dog barking]",
        "(A dog barks, far away)",
        "A [loud] dog, 'barking'",
        '"A dog" barks',
        "'A' [b]",
        "NA",
    ],
)
def test_a_text_with_brackets_is_a_text(text: str) -> None:
    assert captions_of(text) == (text,)


@pytest.mark.parametrize(
    "gap",
    [
        "",
        " ",
        ".",
        "...",
        "-",
        "?!",
        "\u200b",
        "\ufeff \u2060",
        "nan",
        "NaN",
        "None",
        "null",
        " NULL ",
        "<NA>",
        "#N/A",
        "[]",
        "['']",
        "[nan]",
        "[None]",
        None,
        float("nan"),
        [],
        ["", None],
    ],
)
def test_what_says_nothing_is_no_caption(gap: Any) -> None:
    assert captions_of(gap) == ()
    assert captions_of(gap, "A dog") == ("A dog",)


def test_other_values_as_text() -> None:
    assert [text_of(value) for value in (" a", b"a\xe9", 3, None, float("nan"), {}, [])] == [
        " a",
        "aé",
        "3",
        *[None] * 4,
    ]


def test_bytes_that_were_printed_are_decoded() -> None:
    assert captions_of("b'A dog\\xc3\\xa9'") == ("A dogé",)
