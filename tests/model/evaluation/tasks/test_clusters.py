"""Wasserstein distances whose values are known."""

from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.tasks.clusters import cluster_distances, wasserstein


def _cloud(count: int, shift: float, seed: int) -> np.ndarray:
    cloud = np.random.Generator(np.random.Philox(key=seed)).standard_normal((count, 5))
    cloud[:, 0] += shift
    return cloud


def test_the_distance_to_a_shifted_copy_is_the_shift():
    cloud = _cloud(50, 0, 0)
    assert wasserstein(cloud, cloud + np.array([3.0, 0, 0, 4.0, 0])) == pytest.approx(5)
    assert wasserstein(cloud, cloud[::-1]) == pytest.approx(0, abs=1e-6)


def test_in_one_dimension_it_is_the_distance_of_sorted_values():
    one, other = _cloud(40, 0, 1)[:, :1], _cloud(40, 1, 2)[:, :1]
    expected = np.sqrt(np.mean((np.sort(one[:, 0]) - np.sort(other[:, 0])) ** 2))
    assert wasserstein(one, other) == pytest.approx(expected)


def test_only_separate_clusters_are_further_apart_than_chance():
    clusters = {"a": _cloud(60, 0, 1), "b": _cloud(50, 0, 2), "c": _cloud(40, 6, 3)}
    scores = cluster_distances(clusters, limit=30, key="k")
    assert set(scores) == {("a", "b"), ("a", "c"), ("b", "c")}
    near, far = scores["a", "b"], scores["a", "c"]
    assert near.n == far.n == 60
    assert far.value > 5 > near.value
    for score in scores.values():
        assert score.low < score.value < score.high
    assert far.value > far.chance
    assert near.value < near.chance
    assert scores == cluster_distances(clusters, limit=30, key="k")
