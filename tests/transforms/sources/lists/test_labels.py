"""Labels: one line of bounded length, whatever a stranger's cell holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.bounds.limits import MOST_LABEL_CHARACTERS
from transforms.sources.lists.labels import NotLabel, label_of

cells = st.one_of(
    st.text(max_size=300),
    st.binary(max_size=300),
    st.integers(),
    st.floats(),
    st.none(),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
)


@given(cells)
def test_a_label_is_one_line_of_bounded_length_or_is_refused_on_one_line(cell: Any) -> None:
    label, refusal = None, ""
    try:
        label = label_of(cell)
    except NotLabel as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert len(refusal) < 200
    if label is not None:
        assert 0 < len(label) <= MOST_LABEL_CHARACTERS
        assert label == " ".join(label.split())
        assert "\0" not in label
        # What a release holds is read back as it is.
        assert label_of(label) == label


@pytest.mark.parametrize(
    ("cell", "label"),
    [(b"caf\xe9", "café"), (7, "7"), ("\ufeff dog \u200b", "dog"), ("N/A", None), ("", None), (float("nan"), None)],
)
def test_the_label_of_a_cell(cell: Any, label: str | None) -> None:
    assert label_of(cell) == label
