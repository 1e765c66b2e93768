"""Ranks in retrieval: the relevant items among the first of a query, metrics of them, and their chance levels.

Training selects its checkpoint by mAP@10 and the evaluation reports it (ELSA, section 5.1). Both use this module.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: mAP@10 (ELSA, section 5.1).
MAP_RANK = 10
#: Queries that are ranked at one time.
_QUERIES = 1024


def first_hits(
    queries: NDArray[np.floating], items: NDArray[np.floating], relevant: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether the items at the first MAP_RANK ranks are relevant.

    Args:
        queries: (q, E), unit vectors.
        items: (i, E), unit vectors.
        relevant: (q, i), whether an item is relevant to a query.

    Returns:
        (q, min(i, MAP_RANK)), the most similar item first.
    """
    hits = []
    for first in range(0, len(queries), _QUERIES):
        chunk = slice(first, first + _QUERIES)
        similarity = queries[chunk].astype(np.float64) @ items.astype(np.float64).T
        hits.append(ranked_relevance(similarity, relevant[chunk])[:, :MAP_RANK])
    return np.concatenate(hits)


def ranked_relevance(similarity: NDArray[np.float64], relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the item at each rank is relevant, (queries, items). Of equally similar items, relevant are last."""
    order = np.lexsort((relevant, -similarity), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def average_precision(hits: NDArray[np.bool_], counts: NDArray[np.int_], rank: int) -> NDArray[np.float64]:
    """AP@rank of each query: the mean precision at the ranks of the relevant items.

    Args:
        hits: (q, ranks), whether the item at each rank is relevant.
        counts: (q,), relevant items of each query. A query can find at most ``rank`` of them.
        rank: how many ranks count.
    """
    top = hits[:, :rank]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    found: NDArray[np.float64] = (precision * top).sum(axis=1)
    return found / np.minimum(counts, rank)


def reciprocal_rank(hits: NDArray[np.bool_], rank: int) -> NDArray[np.float64]:
    """One over the rank of the first relevant item of each query; 0 if it comes after ``rank``."""
    top = hits[:, :rank]
    return np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1), 0.0)


def recall_by_chance(relevant: int, items: int, rank: int) -> float:
    """The probability that a random order has a relevant item among its first ``rank`` items."""
    rank = min(rank, items)
    return 1 - math.comb(items - relevant, rank) / math.comb(items, rank)


def average_precision_by_chance(relevant: int, items: int, rank: int) -> float:
    """The expected AP@rank of a random order."""
    # The item at rank k is relevant with r/n; then each of the k-1 items before it is relevant with (r-1)/(n-1).
    others = (relevant - 1) / (items - 1) if items > 1 else 0.0
    ranks = range(1, min(rank, items) + 1)
    return sum(relevant / items * (1 + (k - 1) * others) / k for k in ranks) / min(relevant, rank)


def reciprocal_rank_by_chance(relevant: int, items: int, rank: int) -> float:
    """The expected reciprocal rank of a random order; it is 0 after ``rank``."""
    total = math.comb(items, relevant)
    return sum(math.comb(items - k, relevant - 1) / total / k for k in range(1, min(rank, items) + 1))
