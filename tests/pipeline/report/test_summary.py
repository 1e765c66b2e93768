"""A release in numbers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import render_page
from pipeline.report.binaural import Head
from pipeline.report.columns import codes_of
from pipeline.report.plots.rooms import t30_deviation_percent
from pipeline.report.plots.sources import azimuth_counts, from_above
from pipeline.report.summary import LONGEST_WORDS, summarise, word_lengths
from tests.pipeline.report.generated_release import make_release
from tests.tables import change_table


@given(st.lists(st.tuples(st.sampled_from(["a", "ab", None]), st.sampled_from(["b", "", None])), max_size=30))
def test_codes_are_equal_where_all_columns_are(pairs: list[tuple[str | None, str | None]]) -> None:
    first, second = (pa.chunked_array([pa.array([pair[at] for pair in pairs], pa.string())]) for at in (0, 1))
    codes = codes_of(first, second)
    assert len(codes) == len(pairs)
    for a, b in combinations(range(len(pairs)), 2):
        assert (codes[a] == codes[b]) == (pairs[a] == pairs[b])


def test_words_in_captions_are_counted_and_long_captions_held_together() -> None:
    captions = pa.chunked_array([pa.array([["a dog  barks", " two words "], None, [], ["", "x " * 500]])])
    counts = word_lengths(captions)
    assert {int(at): int(counts[at]) for at in np.flatnonzero(counts)} == {0: 1, 2: 1, 3: 1, LONGEST_WORDS: 1}


def test_the_data_of_the_plots() -> None:
    centres, counts = azimuth_counts(np.array([0.0, 7.0, -7.0, 90.0, 180.0, -179.0, np.nan]))
    assert dict(zip(centres[counts > 0], counts[counts > 0], strict=True)) == {0.0: 3, 90.0: 1, 180.0: 2}
    right, ahead = from_above(np.array([0.0, 90.0, -90.0]), np.array([0.0, 60.0, 0.0]), np.array([2.0, 2.0, 3.0]))
    np.testing.assert_allclose(right, [0.0, -1.0, 3.0], atol=1e-12)
    np.testing.assert_allclose(ahead, [2.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(t30_deviation_percent(np.array([500.0]), np.array([510.0])), [2.0])


@pytest.mark.parametrize(
    ("column", "value", "heard", "played"),
    [
        ("degree_files", ["x"] * 900, "third-order ambisonics", "the row’s first-order ambisonics as two ears hear it"),
        ("channels", "LR", "binaural sound", "The binaural player is the row’s own sound."),
        ("channels", None, "first-order ambisonics", "the row’s ambisonics as two ears hear it"),
    ],
)
def test_the_page_says_what_is_heard(tmp_path: Path, column: str, value: object, heard: str, played: str) -> None:
    release = make_release(tmp_path / "demo", 4, audio=False)
    for path in release.glob("*/*/metadata.parquet"):
        change_table(path, column, lambda _: value, [0])
    page = render_page(summarise(release), [], [], Head())
    assert f"captioned rows of {heard}:" in page
    assert played in page
    assert ('data-ears="yes"' in page) == (value == "LR")
