"""Ranks in retrieval: what is relevant among the first items of a query, and its average precision.

Training picks its checkpoint by mAP@10 and the evaluation reports it (ELSA, section 5.1): both count it here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: mAP@10 (ELSA, section 5.1).
MAP_RANK = 10
#: Queries that are ranked at a time.
_QUERIES = 1024


def first_hits(
    queries: NDArray[np.floating], items: NDArray[np.floating], relevant: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether the items at the first MAP_RANK ranks are relevant, (queries, at most MAP_RANK).

    Args:
        queries: (q, E). items: (i, E). relevant: (q, i).
    """
    hits = []
    for first in range(0, len(queries), _QUERIES):
        chunk = slice(first, first + _QUERIES)
        likeness = queries[chunk].astype(np.float64) @ items.astype(np.float64).T
        hits.append(ranked_relevance(likeness, relevant[chunk])[:, :MAP_RANK])
    return np.concatenate(hits)


def ranked_relevance(likeness: NDArray[np.float64], relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the item at each rank is relevant, (queries, items), the likest first; a tie counts against the model."""
    order = np.lexsort((relevant, -likeness), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def average_precision(hits: NDArray[np.bool_], counts: NDArray[np.int_], rank: int) -> NDArray[np.float64]:
    """AP@rank of each query: the mean, over the relevant items that fit, of the precision where each is found."""
    top = hits[:, :rank]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    found: NDArray[np.float64] = (precision * top).sum(axis=1)
    return found / np.minimum(counts, rank)
