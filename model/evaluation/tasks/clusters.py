"""Wasserstein distances between the clips of different words, for directions and distances (ELSA, A.11).

The distance is the exact W₂ on Euclidean distances between unit vectors. The clusters have the same number of clips, so
the best transport is an assignment, which SciPy solves. A cluster has at most ``cluster_rows`` clips, because the time
grows with the third power. Two samples of one cluster are also far apart in 512 dimensions. So ``chance`` is the
distance of two random samples of the same size from all clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from model.draws import keyed_generator
from model.evaluation.figures import figure_of, save
from model.evaluation.scores import INTERVAL_PERCENT, Score
from model.evaluation.subject import Subject
from model.targets import VOCABULARY

ATTRIBUTES = ("direction", "distance")
#: Resamples for an interval, and samples for chance. Each needs an assignment.
DRAWS, CHANCE_DRAWS = 100, 20


def evaluate_clusters(subject: Subject) -> dict[str, Any]:
    """W₂ between the clusters of ATTRIBUTES, for metrics.json. Writes clusters.png."""
    collected = subject.tested
    result: dict[str, Any] = {}
    tables = {}
    for attribute in ATTRIBUTES:
        words = collected.words[attribute]
        present = [word for word in VOCABULARY[attribute] if words.count(word) > 1]
        if len(present) < 2:
            result[attribute] = {"skipped": "fewer than two words have rows"}
            continue
        clusters = {
            word: collected.audio[[row for row, entry in enumerate(words) if entry == word]] for word in present
        }
        scores = cluster_distances(clusters, limit=subject.options.cluster_rows, key=attribute)
        tables[attribute] = (present, scores)
        result[attribute] = {f"{one}_{other}": score.as_dict() for (one, other), score in scores.items()}
    if tables:
        _draw(tables, subject.output / "clusters.png")
    return result


def wasserstein(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """W₂ between two samples (n, E) of the same size."""
    return _assignment_distance(_squared_distances(one, other))


def _squared_distances(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    a, b = one.astype(np.float64), other.astype(np.float64)
    squared: NDArray[np.float64] = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.maximum(squared, 0)


def _assignment_distance(squared: NDArray[np.float64]) -> float:
    return float(np.sqrt(squared[linear_sum_assignment(squared)].mean()))


def cluster_distances(
    clusters: Mapping[str, NDArray[np.floating]], *, limit: int, key: str
) -> dict[tuple[str, str], Score]:
    """W₂ between each two clusters, with an interval from resampled clips and the chance level.

    Args:
        clusters: for each word the embeddings of its clips (n, E).
        limit: most clips of a cluster.
        key: the draws depend on it.

    Returns:
        A score for each pair of words; its n counts the clips of both.
    """
    size = min(limit, *(len(cluster) for cluster in clusters.values()))
    generator = keyed_generator("clusters", key, size)
    pooled = np.concatenate(list(clusters.values()))
    scores = {}
    half = min(size, len(pooled) // 2)
    by_chance = []
    for _ in range(CHANCE_DRAWS):
        order = generator.permutation(len(pooled))
        by_chance.append(wasserstein(pooled[order[:half]], pooled[order[half : 2 * half]]))
    for pair in combinations(clusters, 2):
        one, other = (
            cluster[generator.choice(len(cluster), size, replace=False)]
            for cluster in (clusters[pair[0]], clusters[pair[1]])
        )
        squared = _squared_distances(one, other)
        drawn = [
            _assignment_distance(
                squared[np.ix_(generator.integers(size, size=size), generator.integers(size, size=size))]
            )
            for _ in range(DRAWS)
        ]
        value = _assignment_distance(squared)
        # In a resample, clips that are drawn twice leave others without a partner, so all distances are larger by about
        # the same amount.
        low, high = np.percentile(drawn, INTERVAL_PERCENT) - np.mean(drawn) + value
        scores[pair] = Score(value, float(low), float(high), 2 * size, float(np.mean(by_chance)))
    return scores


def _draw(tables: Mapping[str, tuple[Sequence[str], Mapping[tuple[str, str], Score]]], path: Path) -> None:
    figure = figure_of(4 * len(tables), 3.6)
    for axes, (attribute, (words, scores)) in zip(
        np.atleast_1d(figure.subplots(1, len(tables))), tables.items(), strict=True
    ):
        values = np.full((len(words), len(words)), np.nan)
        for (one, other), score in scores.items():
            cell = words.index(one), words.index(other)
            values[cell] = values[cell[::-1]] = score.value
            for row, column in (cell, cell[::-1]):
                axes.text(column, row, f"{score.value:.3f}", ha="center", va="center", fontsize=9)
        axes.imshow(values, cmap="Blues", alpha=0.6)
        axes.set_xticks(range(len(words)), words)
        axes.set_yticks(range(len(words)), words)
        first = next(iter(scores.values()))
        axes.set_title(f"{attribute}: W₂, {first.n // 2} clips each, chance {first.chance:.3f}", fontsize=9)
    save(figure, path)
