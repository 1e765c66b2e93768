"""Ranks with known values."""

from __future__ import annotations

import numpy as np
import pytest

from model import ranking
from model.ranking import average_precision, first_hits, ranked_relevance


def test_with_equal_similarities_relevant_items_come_last():
    hits = ranked_relevance(np.zeros((2, 4)), np.array([[True, False, False, False], [False, False, False, True]]))
    assert hits.tolist() == [[False, False, False, True]] * 2


def test_average_precision_by_hand():
    hits = np.array([[True, False, True, False]])
    assert average_precision(hits, np.array([2]), 10)[0] == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(hits, np.array([2]), 1)[0] == 1


def test_queries_in_chunks_give_the_same_ranks(monkeypatch):
    generator = np.random.Generator(np.random.Philox(key=0))
    queries, items = generator.standard_normal((23, 4)), generator.standard_normal((31, 4))
    relevant = generator.random((23, 31)) < 0.1
    whole = first_hits(queries, items, relevant)
    monkeypatch.setattr(ranking, "_QUERIES", 5)
    np.testing.assert_array_equal(first_hits(queries, items, relevant), whole)
    assert whole.shape == (23, 10)
