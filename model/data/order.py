"""Which rows an epoch has, in which order: a function of the seed, the epoch and the sizes of the releases alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator


class Turn(NamedTuple):
    """A row's turn in an epoch, which every draw about it is keyed by; ``repeat`` counts from 0 within the epoch."""

    row: int
    epoch: int = 0
    repeat: int = 0


def epoch_order(
    rows: int | Sequence[int],
    *,
    seed: int,
    epoch: int,
    weights: Sequence[float] | None = None,
    rows_an_epoch: int | None = None,
) -> list[Turn]:
    """The turns of an epoch, shuffled over all releases.

    A release goes through its rows in passes, each pass in an order of its own, and an epoch takes up where the last
    one stopped: after any number of epochs two rows of a release have been heard equally often, but for one time.

    Args:
        rows: of each release, in their order; their rows are counted on from one release to the next.
        weights: each release's share of an epoch; their sizes when None.
        rows_an_epoch: all rows when None.
    """
    sizes = [rows] if isinstance(rows, int) else list(rows)
    counts = shares(sizes if weights is None else weights, sum(sizes) if rows_an_epoch is None else rows_an_epoch)
    first, chosen = 0, []
    for release, (size, count) in enumerate(zip(sizes, counts, strict=True)):
        chosen.append(first + _in_passes(release, size, count, seed, epoch))
        first += size
    drawn = np.concatenate(chosen)
    shuffled = drawn[keyed_generator(seed, "order", epoch).permutation(len(drawn))]
    seen: Counter[int] = Counter()
    turns = []
    for row in shuffled.tolist():
        turns.append(Turn(row, epoch, seen[row]))
        seen[row] += 1
    return turns


def shares(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers in proportion to the weights that sum up to ``total``: the largest remainders are rounded up."""
    exact = np.asarray(weights, dtype=np.float64) * total / np.sum(weights)
    counts = np.floor(exact).astype(np.int64)
    most = np.argsort(-(exact - counts), kind="stable")
    counts[most[: total - int(counts.sum())]] += 1
    return counts.tolist()


def _in_passes(release: int, size: int, count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    begin, end = epoch * count, (epoch + 1) * count
    parts = [np.empty(0, np.int64)]
    for turn in range(begin // size, -(-end // size) if count else 0):
        order = keyed_generator(seed, "pass", release, turn).permutation(size)
        parts.append(order[max(0, begin - turn * size) : max(0, end - turn * size)])
    return np.concatenate(parts)
