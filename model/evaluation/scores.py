"""A number with what it rests on: its n, its chance level and a 95 % bootstrap interval drawn from a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator

#: Resamples of an interval.
DRAWS = 1000
INTERVAL_PERCENT = (2.5, 97.5)

Statistic = Callable[[NDArray[np.float64]], float]


@dataclass(frozen=True)
class Score:
    """A value, its 95 % interval, the samples behind it and what chance gives; unit as in its name, else a share."""

    value: float
    low: float
    high: float
    n: int
    chance: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"value": self.value, "interval_95": [self.low, self.high], "n": self.n, "chance": self.chance}


def mean(values: NDArray[np.float64]) -> float:
    """The mean."""
    return float(np.mean(values))


def median(values: NDArray[np.float64]) -> float:
    """The median."""
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
    """A statistic of values with the interval of resampled groups.

    Args:
        values: (n, …), n at least 1; a statistic that needs several numbers of a sample has them along axis 1.
        groups: n labels; values of one group (one clip in several places) are drawn together, since they are alike.
        key: what the draws depend on.
        chance: what a model without knowledge reaches, None where that has no meaning.
        statistic: mean, median, …
        draws: resamples.
    """
    if not len(values):
        raise ValueError(f"{key}: no values to score")
    members = _members(groups)
    generator = keyed_generator(key, len(values))
    drawn = np.empty(draws)
    if statistic is mean:
        # The mean of a resample needs the sums of its groups alone.
        sums = np.array([values[rows].sum() for rows in members])
        counts = np.array([len(rows) for rows in members])
        for draw, chosen in enumerate(_choices(generator, len(members), draws)):
            drawn[draw] = sums[chosen].sum() / counts[chosen].sum()
    else:
        for draw, chosen in enumerate(_choices(generator, len(members), draws)):
            drawn[draw] = statistic(values[np.concatenate([members[i] for i in chosen])])
    # A resample may miss a class that the statistic needs.
    low, high = np.nanpercentile(drawn, INTERVAL_PERCENT)
    return Score(float(statistic(values)), float(low), float(high), len(values), chance)


def _members(groups: Sequence[Any]) -> list[NDArray[np.int64]]:
    order: dict[Any, list[int]] = {}
    for place, group in enumerate(groups):
        order.setdefault(group, []).append(place)
    return [np.array(places) for places in order.values()]


def _choices(generator: np.random.Generator, groups: int, draws: int) -> Iterator[NDArray[np.int64]]:
    for _ in range(draws):
        yield generator.integers(groups, size=groups)


def balanced_accuracy(values: NDArray[np.float64]) -> float:
    """The mean of the classes' recalls; (n, 2) with the true class and whether it was found."""
    classes = values[:, 0].astype(np.int64)
    counts = np.bincount(classes)
    found = np.bincount(classes, weights=values[:, 1])
    return float(np.mean(found[counts > 0] / counts[counts > 0]))


def accuracy_scores(
    true: NDArray[np.integer], found: NDArray[np.integer], groups: Sequence[Any], *, key: str, classes: int
) -> dict[str, Score]:
    """``accuracy`` and ``balanced_accuracy`` of a choice between so many classes."""
    right = (true == found).astype(np.float64)
    both = np.stack([true.astype(np.float64), right], axis=1)
    chance = 1 / classes
    return {
        "accuracy": bootstrap(right, groups, key=key, chance=chance),
        "balanced_accuracy": bootstrap(both, groups, key=key, chance=chance, statistic=balanced_accuracy),
    }


def scores_as_dict(scores: dict[str, Score]) -> dict[str, Any]:
    """For JSON."""
    return {name: score.as_dict() for name, score in scores.items()}
