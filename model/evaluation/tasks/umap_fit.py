"""Fits a supervised UMAP, and lets the train points near a point vote on its label. It needs no PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Number of train points that vote.
NEIGHBOURS = 15


def fit_map(
    train: NDArray[np.floating], labels: NDArray[np.integer], others: Sequence[NDArray[np.floating]], *, seed: int
) -> list[NDArray[np.float64]]:
    """Fits a map.

    Args:
        train: (n, E), embeddings that the map is fitted on.
        labels: (n,), the class of each.
        others: more embeddings (m, E).
        seed: of the fit.

    Returns:
        Positions (n, 2) of ``train``, and (m, 2) of each of ``others``.
    """
    import umap

    with warnings.catch_warnings():
        # UMAP warns that a seed limits it to one thread, which is intended.
        warnings.simplefilter("ignore")
        mapper = umap.UMAP(n_neighbors=NEIGHBOURS, metric="cosine", random_state=seed % 2**32, n_jobs=1, min_dist=0.2)
        fitted = mapper.fit_transform(train, y=labels)
        return [np.asarray(fitted, dtype=np.float64), *(np.asarray(mapper.transform(o), np.float64) for o in others)]


def vote(train: NDArray[np.floating], labels: NDArray[np.integer], points: NDArray[np.floating]) -> NDArray[np.int64]:
    """The most frequent label among the nearest train points, for each of the points (n, 2)."""
    from scipy.spatial import cKDTree

    count = min(NEIGHBOURS, len(train))
    nearest = cKDTree(train).query(points, k=list(range(1, count + 1)))[1]
    votes = np.stack([(labels[nearest] == label).sum(1) for label in range(int(labels.max()) + 1)], axis=1)
    return votes.argmax(1)
