"""A number with its n, its chance level and a 95 % bootstrap interval, whose draws depend on a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator

#: Number of resamples for an interval.
DRAWS = 1000
INTERVAL_PERCENT = (2.5, 97.5)

Statistic = Callable[[NDArray[np.float64]], float]


@dataclass(frozen=True)
class Score:
    """A value, its 95 % interval, its number of samples and the chance level. A name without a unit is of a share."""

    value: float
    low: float
    high: float
    n: int
    chance: float | None

    def as_dict(self) -> dict[str, Any]:
        """The score as JSON data."""
        return {"value": self.value, "interval_95": [self.low, self.high], "n": self.n, "chance": self.chance}


def mean(values: NDArray[np.float64]) -> float:
    """The mean of values (n,)."""
    return float(np.mean(values))


def median(values: NDArray[np.float64]) -> float:
    """The median of values (n,)."""
    return float(np.median(values))


def bootstrap(
    values: NDArray[np.float64],
    groups: Sequence[Any],
    *,
    key: str,
    chance: float | None,
    statistic: Statistic = mean,
    draws: int = DRAWS,
) -> Score:
    """A statistic of values, with an interval from resampled groups.

    Args:
        values: (n, …), n at least 1. A statistic that needs several numbers of a sample has them along axis 1.
        groups: n labels. Values of one group (the same clip in several rooms) are similar, so they are drawn together.
        key: the draws depend on it.
        chance: the value that a model without knowledge reaches; None if that has no meaning.
        statistic: mean, median, …
        draws: number of resamples.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError(f"{key}: no values to score")
    members = _members(groups)
    generator = keyed_generator(key, len(values))
    drawn = np.empty(draws)
    if statistic is mean:
        # The mean of a resample needs only the sums of its groups.
        sums = np.array([values[rows].sum() for rows in members])
        counts = np.array([len(rows) for rows in members])
        for draw, chosen in enumerate(_choices(generator, len(members), draws)):
            drawn[draw] = sums[chosen].sum() / counts[chosen].sum()
    else:
        for draw, chosen in enumerate(_choices(generator, len(members), draws)):
            drawn[draw] = statistic(values[np.concatenate([members[i] for i in chosen])])
    # A resample can lack a class that the statistic needs.
    low, high = np.nanpercentile(drawn, INTERVAL_PERCENT)
    return Score(float(statistic(values)), float(low), float(high), len(values), chance)


def _members(groups: Sequence[Any]) -> list[NDArray[np.int64]]:
    """The rows of each group."""
    members: dict[Any, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    return [np.array(rows) for rows in members.values()]


def _choices(generator: np.random.Generator, groups: int, draws: int) -> Iterator[NDArray[np.int64]]:
    for _ in range(draws):
        yield generator.integers(groups, size=groups)


def balanced_accuracy(values: NDArray[np.float64]) -> float:
    """The mean recall of the classes, from values (n, 2): the true class, and whether it was found."""
    classes = values[:, 0].astype(np.int64)
    counts = np.bincount(classes)
    found = np.bincount(classes, weights=values[:, 1])
    return float(np.mean(found[counts > 0] / counts[counts > 0]))


def accuracy_scores(
    true: NDArray[np.integer], found: NDArray[np.integer], groups: Sequence[Any], *, key: str, classes: int
) -> dict[str, Score]:
    """``accuracy`` and ``balanced_accuracy`` of a choice between ``classes`` classes.

    Args:
        true, found: (n,), numbers of classes.
        groups, key: as in ``bootstrap``.
        classes: number of classes.
    """
    right = (true == found).astype(np.float64)
    both = np.stack([true.astype(np.float64), right], axis=1)
    chance = 1 / classes
    return {
        "accuracy": bootstrap(right, groups, key=key, chance=chance),
        "balanced_accuracy": bootstrap(both, groups, key=key, chance=chance, statistic=balanced_accuracy),
    }


def scores_as_dict(scores: dict[str, Score]) -> dict[str, Any]:
    """Scores as JSON data."""
    return {name: score.as_dict() for name, score in scores.items()}
