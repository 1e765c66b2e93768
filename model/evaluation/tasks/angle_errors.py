"""Angle errors by azimuth, elevation, distance, floor area, T30 and class of the rows (ELSA, A.9).

For each bin: mean, standard deviation and n of the angle, for the spatial branch and for the readout on the embedding.
A release has no classes, so clips with the same original caption form a class. Rows of several or moving sources are
left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.angles import CHANCE_DEG, method_angles
from model.evaluation.figures import figure_of, save
from model.evaluation.scores import bootstrap
from model.evaluation.subject import Subject

#: Edges of the bins. A bin includes its lower edge, the last bin both edges.
BINS: dict[str, tuple[float, ...]] = {
    "azimuth_deg": tuple(range(-180, 181, 30)),
    "elevation_deg": (-90, -40, -20, 0, 20, 40, 90),
    "distance_m": (0, 1, 1.5, 2, 2.5, 3, 4, 10),
    "floor_area_m2": (0, 25, 50, 75, 100, 150, 200, 1000),
    "t30_ms": (0, 200, 400, 600, 800, 1000, 1500, 10000),
}
METHODS = ("branch", "readout")
#: Most classes, the most frequent ones, and fewest rows of a class.
CLASSES, CLASS_ROWS = 20, 3


def evaluate_errors(subject: Subject) -> dict[str, Any]:
    """Errors by bin for METHODS, for metrics.json. Writes errors.png.

    Raises:
        NotScored: no row has one still source, or no row of train has.
    """
    collected = subject.tested_in_one_place
    angles = method_angles(collected.output, subject.readout, collected.direction)
    bins = {name: bin_rows(collected.quantities[name], edges) for name, edges in BINS.items()}
    bins["class"] = class_rows([captions[0] for captions in collected.captions_original])
    result: dict[str, Any] = {
        method: {
            quantity: {
                name: error_of(angles[method][rows], [collected.source_ids[row] for row in rows], f"{method} {name}")
                for name, rows in named.items()
            }
            for quantity, named in bins.items()
        }
        for method in METHODS
    }
    _draw(result, subject.output / "errors.png")
    return {**result, **subject.rows_left_out}


def bin_rows(values: NDArray[np.floating], edges: Sequence[float]) -> dict[str, NDArray[np.int64]]:
    """The rows of each bin that has any, by its name ``low…high``. Rows without a value are in no bin."""
    bins = np.searchsorted(np.array(edges), values, side="right") - 1
    bins[values == edges[-1]] = len(edges) - 2
    return {
        f"{low:g}…{high:g}": rows
        for i, (low, high) in enumerate(pairwise(edges))
        if len(rows := np.flatnonzero(bins == i))
    }


def class_rows(classes: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The rows of each of the CLASSES most frequent classes that have at least CLASS_ROWS rows."""
    counts = Counter(classes)
    chosen = [name for name, count in counts.most_common() if count >= CLASS_ROWS][:CLASSES]
    return {name: np.flatnonzero([entry == name for entry in classes]) for name in sorted(chosen)}


def error_of(angles: NDArray[np.float64], groups: Sequence[Any], key: str) -> dict[str, Any]:
    """Mean angle with its interval, and standard deviation, as JSON data."""
    score = bootstrap(angles, groups, key=f"errors {key}", chance=CHANCE_DEG)
    return {"mean_angle_deg": score.as_dict(), "std_deg": float(np.std(angles))}


def _draw(result: Mapping[str, Mapping[str, Mapping[str, Any]]], path: Path) -> None:
    quantities = list(BINS)
    figure = figure_of(3.4 * len(quantities), 3.4)
    for axes, quantity in zip(figure.subplots(1, len(quantities), sharey=True), quantities, strict=True):
        for shift, method in zip((-0.15, 0.15), METHODS, strict=True):
            bins = result[method][quantity]
            values = np.array([entry["mean_angle_deg"]["value"] for entry in bins.values()])
            intervals = np.array([entry["mean_angle_deg"]["interval_95"] for entry in bins.values()]).reshape(-1, 2)
            spread = np.maximum([values - intervals[:, 0], intervals[:, 1] - values], 0)
            axes.errorbar(np.arange(len(values)) + shift, values, yerr=spread, fmt="o", capsize=3, label=method)
        names = [f"{name}\nn {entry['mean_angle_deg']['n']}" for name, entry in result[METHODS[0]][quantity].items()]
        axes.set_xticks(range(len(names)), names, rotation=60, fontsize=7)
        axes.set_title(quantity.replace("_", " "), fontsize=9)
        axes.set_ylim(bottom=0)
    figure.axes[0].set_ylabel("mean angle in degrees, 95 % interval")
    figure.axes[0].legend(fontsize=8)
    save(figure, path)
