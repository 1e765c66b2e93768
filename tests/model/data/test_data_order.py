"""The order of an epoch: releases are mixed by weight and shuffled by seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data import Turn, epoch_order
from model.data.order import shares

SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=4)


@given(SIZES, st.integers(0, 5), st.integers(0, 3))
def test_without_weights_an_epoch_has_every_row_once(sizes, epoch, seed):
    turns = epoch_order(sizes, seed=seed, epoch=epoch)
    assert sorted(turn.row for turn in turns) == list(range(sum(sizes)))
    assert {(turn.epoch, turn.repeat) for turn in turns} == {(epoch, 0)}
    assert turns == epoch_order(sizes, seed=seed, epoch=epoch)


def test_orders_differ_by_seed_and_epoch():
    one = epoch_order(50, seed=0, epoch=0)
    assert [turn.row for turn in one] != list(range(50))
    for seed, epoch in ((1, 0), (0, 1)):
        assert [turn.row for turn in epoch_order(50, seed=seed, epoch=epoch)] != [turn.row for turn in one]


@pytest.mark.slow
@given(st.lists(st.floats(0, 10), min_size=1, max_size=5), st.integers(1, 500))
def test_shares_sum_up_and_are_in_proportion(weights, total):
    if sum(weights) < 1e-6:
        weights = [*weights, 1.0]
    counts = shares(weights, total)
    assert sum(counts) == total
    for weight, count in zip(weights, counts, strict=True):
        assert abs(count - weight * total / sum(weights)) < 1 + 1e-9


@given(SIZES, st.data(), st.integers(1, 80), st.integers(1, 6))
def test_the_uses_of_two_rows_differ_by_at_most_one(sizes, data, rows, epochs):
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(sizes), max_size=len(sizes)))
    used: Counter[int] = Counter()
    for epoch in range(epochs):
        turns = epoch_order(sizes, seed=1, epoch=epoch, weights=weights, rows_an_epoch=rows)
        assert len(turns) == rows
        assert len(set(turns)) == rows
        used.update(turn.row for turn in turns)
    first = 0
    for size, count in zip(sizes, shares(weights, rows), strict=True):
        times = [used[row] for row in range(first, first + size)]
        assert sum(times) == epochs * count
        assert max(times) - min(times) <= 1
        first += size


def test_a_row_that_is_used_twice_in_an_epoch_has_two_turns():
    turns = epoch_order([2], seed=0, epoch=3, rows_an_epoch=4)
    assert sorted(turns) == [Turn(0, 3, 0), Turn(0, 3, 1), Turn(1, 3, 0), Turn(1, 3, 1)]


@pytest.mark.parametrize("weights", [(1, 0), (0, 1)])
def test_a_weight_of_zero_leaves_a_release_out(weights):
    rows = {turn.row for turn in epoch_order([3, 3], seed=0, epoch=0, weights=weights, rows_an_epoch=3)}
    assert rows == ({0, 1, 2} if weights[0] else {3, 4, 5})
