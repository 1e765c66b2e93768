"""A number with what it rests on: its n, its chance level and a 95 % bootstrap interval drawn from a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator

#: Resamples of an interval.
DRAWS = 1000
INTERVAL_PERCENT = (2.5, 97.5)


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


def bootstrap(
    values: NDArray[np.float64],
    groups: Sequence[Any],
    *,
    key: str,
    chance: float | None,
    statistic: Callable[[NDArray[np.float64]], float] = np.mean,
) -> Score:
    """A statistic of values with the interval of resampled groups.

    Args:
        values: (n,), n at least 1.
        groups: n labels; values of one group (one clip in several places) are drawn together, since they are alike.
        key: what the draws depend on.
        chance: what a model without knowledge reaches, None where that has no meaning.
        statistic: mean, median, …
    """
    if not len(values):
        raise ValueError(f"{key}: no values to score")
    order: dict[Any, list[int]] = {}
    for place, group in enumerate(groups):
        order.setdefault(group, []).append(place)
    members = [np.array(places) for places in order.values()]
    generator = keyed_generator(key, len(values))
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        chosen = generator.integers(len(members), size=len(members))
        drawn[draw] = statistic(values[np.concatenate([members[i] for i in chosen])])
    low, high = np.percentile(drawn, INTERVAL_PERCENT)
    return Score(float(statistic(values)), float(low), float(high), len(values), chance)
