"""Angles between directions, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.collect import ModelOutput
from model.evaluation.probes import Readout
from model.evaluation.scores import bootstrap, mean, median, scores_as_dict

#: Mean and median angle between a direction and a random one, evenly distributed on the sphere.
CHANCE_DEG = 90.0


def method_angles(output: ModelOutput, readout: Readout, true: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """The angle errors of each method in degrees, (n,): the methods of ``output``, and ``readout``."""
    found = {**output.direction, "readout": readout(output.audio)}
    return {name: angles_deg(predicted, true) for name, predicted in found.items()}


def angle_scores(angles: Mapping[str, NDArray[np.float64]], groups: Sequence[Any], *, key: str) -> dict[str, Any]:
    """Mean and median of each method's angles, as JSON data."""
    return {
        name: scores_as_dict(
            {
                f"{statistic.__name__}_angle_deg": bootstrap(
                    values, groups, key=f"{key} {statistic.__name__} {name}", chance=CHANCE_DEG, statistic=statistic
                )
                for statistic in (mean, median)
            }
        )
        for name, values in angles.items()
    }


def angles_deg(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> NDArray[np.float64]:
    """Angles in degrees between rows of vectors (n, 3). If a vector is zero, the angle is 90, as for a guess."""
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    # Sine and cosine, because the cosine alone cannot resolve angles below 0.01°.
    sine = np.linalg.norm(np.cross(predicted, true), axis=1)
    cosine = np.sum(predicted * true, axis=1)
    angle = np.rad2deg(np.arctan2(sine, cosine))
    silent = (np.linalg.norm(predicted, axis=1) == 0) | (np.linalg.norm(true, axis=1) == 0)
    return np.where(silent, CHANCE_DEG, angle)
