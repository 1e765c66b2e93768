"""Scores and their intervals: keyed draws of whole groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.scores import accuracy_scores, balanced_accuracy, bootstrap, mean, median


def test_the_bootstrap_is_keyed_and_draws_whole_groups():
    values = np.arange(20.0)
    groups = list(range(20))
    one, two = (bootstrap(values, groups, key="k", chance=None) for _ in range(2))
    assert one == two
    assert one != bootstrap(values, groups, key="other", chance=None)
    assert one.low < one.value == 9.5 < one.high
    together = bootstrap(values, [0] * 20, key="k", chance=None)
    assert together.low == together.high == 9.5
    with pytest.raises(ValueError, match="no values"):
        bootstrap(np.array([]), [], key="k", chance=None)


# No deadline, because the machine can be busy.
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 5)), min_size=1, max_size=30))
def test_the_fast_mean_equals_the_plain_one(rows):
    values, groups = np.array([value for value, _ in rows]), [group for _, group in rows]
    quick = bootstrap(values, groups, key="k", chance=0.5, draws=50)
    plain = bootstrap(values, groups, key="k", chance=0.5, draws=50, statistic=lambda v: float(np.mean(v)))
    assert quick.low == pytest.approx(plain.low, abs=1e-9)
    assert quick.high == pytest.approx(plain.high, abs=1e-9)
    assert quick.value == plain.value == mean(values)


def test_the_interval_covers_the_true_mean():
    generator = np.random.Generator(np.random.Philox(key=1))
    held = 0
    for trial in range(100):
        score = bootstrap(generator.normal(3, 1, 60), list(range(60)), key=str(trial), chance=None, draws=200)
        held += score.low <= 3 <= score.high
    assert 86 <= held <= 100


def test_balanced_accuracy_weights_classes_equally():
    true, found = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 0, 0])
    scores = accuracy_scores(true, found, list("abcde"), key="k", classes=2)
    assert scores["accuracy"].value == 0.8
    assert scores["balanced_accuracy"].value == 0.5
    assert scores["balanced_accuracy"].chance == 0.5
    assert balanced_accuracy(np.array([[1.0, 1.0]])) == 1
    assert median(np.array([1.0, 2.0, 9.0])) == 2
