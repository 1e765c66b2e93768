"""The rows of an epoch and their order, which depend only on the seed, the epoch and the sizes of the releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator


class Turn(NamedTuple):
    """One use of a row in an epoch, the key of all its random draws; ``repeat`` counts its uses in the epoch from 0."""

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

    Each release is read in passes, each pass in a different order, and an epoch continues where the last one stopped.
    So after any number of epochs the uses of two rows of a release differ by at most one.

    Args:
        rows: number of rows of each release, in order. Row numbers continue from one release to the next.
        seed, epoch: the order depends on both.
        weights: each release's share of an epoch; None is their numbers of rows.
        rows_an_epoch: rows of an epoch; None is all rows.
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
    """Divides ``total`` in proportion to the weights into whole numbers; the largest remainders are rounded up."""
    exact = np.asarray(weights, dtype=np.float64) * total / np.sum(weights)
    counts = np.floor(exact).astype(np.int64)
    most = np.argsort(-(exact - counts), kind="stable")
    counts[most[: total - int(counts.sum())]] += 1
    return counts.tolist()


def _in_passes(release: int, size: int, count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The ``count`` rows that a release of ``size`` rows gives to an epoch."""
    begin, end = epoch * count, (epoch + 1) * count
    parts = [np.empty(0, np.int64)]
    for number in range(begin // size, -(-end // size) if count else 0):
        order = keyed_generator(seed, "pass", release, number).permutation(size)
        parts.append(order[max(0, begin - number * size) : max(0, end - number * size)])
    return np.concatenate(parts)
