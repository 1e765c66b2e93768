"""Localisation: the angle between the predicted and the true direction, beside directions without learning.

Methods: ``branch``, what the spatial branch says by itself; ``head``, from the embedding; and the closed forms. The
distance error is that of the head on the embedding (ELSA, section 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.embedding import Embedder
from model.evaluation.collect import Collected
from model.evaluation.scores import bootstrap

#: Mean and median angle between any direction and one drawn evenly on the sphere.
CHANCE_DEG = 90.0


def evaluate_localisation(embedder: Embedder, collected: Collected, output: Path) -> dict[str, Any]:
    """Mean and median angle of each method and the distance error, for metrics.json; writes localisation.png."""
    angles = {
        name: angles_deg(predicted, collected.direction) for name, predicted in collected.predicted_direction.items()
    }
    groups = collected.source_ids
    result: dict[str, Any] = {
        name: {
            "mean_angle_deg": bootstrap(
                values, groups, key=f"localisation mean {name}", chance=CHANCE_DEG, statistic=_mean
            ).as_dict(),
            "median_angle_deg": bootstrap(
                values, groups, key=f"localisation median {name}", chance=CHANCE_DEG, statistic=_median
            ).as_dict(),
        }
        for name, values in angles.items()
    }
    error = np.abs(collected.predicted_distance_m - collected.distance_m)
    # Chance: one guess for all, the best there is without listening.
    guess = float(np.mean(np.abs(collected.distance_m - np.median(collected.distance_m))))
    result["distance"] = {
        "mean_absolute_error_m": bootstrap(error, groups, key="localisation distance", chance=guess).as_dict()
    }
    _draw(angles, output / "localisation.png")
    return result


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values))


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))


def angles_deg(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> NDArray[np.float64]:
    """Angles in degrees between rows of vectors, (n, 3) each; 90 where a vector is zero, as a guess would be."""
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    # Both forms: the cosine alone is blind to angles under 0.01°.
    sine = np.linalg.norm(np.cross(predicted, true), axis=1)
    cosine = np.sum(predicted * true, axis=1)
    angle = np.rad2deg(np.arctan2(sine, cosine))
    silent = (np.linalg.norm(predicted, axis=1) == 0) | (np.linalg.norm(true, axis=1) == 0)
    return np.where(silent, CHANCE_DEG, angle)


def _draw(angles: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in angles.items():
        label = f"{name.replace('_', ' ')}: mean {values.mean():.1f}°, median {np.median(values):.1f}°"
        axes.step(np.sort(values), np.arange(1, len(values) + 1) / len(values), where="post", label=label)
    axes.set_xlim(0, 180)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("angle to the true direction in degrees")
    axes.set_ylabel(f"share of the rows under it, n = {len(next(iter(angles.values())))}")
    axes.set_title("Localisation")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
