"""Distances between the clusters of words in the embedding: Wasserstein, between directions and distances (ELSA, A.11).

The distance is W₂ on Euclidean distances between unit vectors, exact: with as many clips drawn from each cluster, the
best transport is an assignment, which SciPy solves. Clusters are cut at ``cluster_rows`` clips, since the time grows
with the third power. Two samples of one cluster are apart as well, in 512 dimensions a lot; ``chance`` is the distance
of two samples of the same size from all clips, whatever their word.
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
#: Resamples of an interval, and samples of chance; each solves an assignment.
DRAWS, CHANCE_DRAWS = 100, 20


def evaluate_clusters(subject: Subject) -> dict[str, Any]:
    """W₂ between the clusters of ATTRIBUTES, for metrics.json; writes clusters.png."""
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
    """W₂ between two samples of the same size, (n, E) each."""
    return _assigned(_squared_distances(one, other))


def _squared_distances(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    a, b = one.astype(np.float64), other.astype(np.float64)
    squared: NDArray[np.float64] = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.maximum(squared, 0)


def _assigned(squared: NDArray[np.float64]) -> float:
    return float(np.sqrt(squared[linear_sum_assignment(squared)].mean()))


def cluster_distances(
    clusters: Mapping[str, NDArray[np.floating]], *, limit: int, key: str
) -> dict[tuple[str, str], Score]:
    """W₂ between each two clusters, with an interval of clips drawn again, and chance; n is the clips of both.

    Args:
        clusters: word → (n, E).
        limit: clips of a cluster that are used, drawn by ``key``.
    """
    size = min(limit, *(len(cluster) for cluster in clusters.values()))
    generator = keyed_generator("clusters", key, size)
    pooled = np.concatenate(list(clusters.values()))
    scores = {}
    half = min(size, len(pooled) // 2)
    apart = []
    for _ in range(CHANCE_DRAWS):
        order = generator.permutation(len(pooled))
        apart.append(wasserstein(pooled[order[:half]], pooled[order[half : 2 * half]]))
    for pair in combinations(clusters, 2):
        one, other = (
            cluster[generator.choice(len(cluster), size, replace=False)]
            for cluster in (clusters[pair[0]], clusters[pair[1]])
        )
        squared = _squared_distances(one, other)
        drawn = [
            _assigned(squared[np.ix_(generator.integers(size, size=size), generator.integers(size, size=size))])
            for _ in range(DRAWS)
        ]
        value = _assigned(squared)
        # Clips drawn twice leave others without a partner: resamples lie further apart, all of them by about as much.
        low, high = np.percentile(drawn, INTERVAL_PERCENT) - np.mean(drawn) + value
        scores[pair] = Score(value, float(low), float(high), 2 * size, float(np.mean(apart)))
    return scores


def _draw(tables: Mapping[str, tuple[Sequence[str], Mapping[tuple[str, str], Score]]], path: Path) -> None:
    figure = figure_of(4 * len(tables), 3.6)
    for axes, (attribute, (words, scores)) in zip(
        np.atleast_1d(figure.subplots(1, len(tables))), tables.items(), strict=True
    ):
        values = np.full((len(words), len(words)), np.nan)
        for (one, other), score in scores.items():
            places = words.index(one), words.index(other)
            values[places] = values[places[::-1]] = score.value
            for row, column in (places, places[::-1]):
                axes.text(column, row, f"{score.value:.3f}", ha="center", va="center", fontsize=9)
        axes.imshow(values, cmap="Blues", alpha=0.6)
        axes.set_xticks(range(len(words)), words)
        axes.set_yticks(range(len(words)), words)
        first = next(iter(scores.values()))
        axes.set_title(f"{attribute}: W₂, {first.n // 2} clips each, chance {first.chance:.3f}", fontsize=9)
    save(figure, path)
