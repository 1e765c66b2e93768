"""Localisation: the angle between the predicted and the true direction, with baselines that learn nothing.

The methods are ``branch``, the output of the spatial branch; ``head``, the head on the embedding that was trained with
the model; ``readout``, a two-layer MLP trained on the embeddings of train rows (ELSA, section 5); and the closed forms.
All are measured again in diffuse noise and, if its folder is given, on TUT Sound Events 2018 REAL. The distance error
is that of the head on the embedding (ELSA, section 4.3). Rows of several or moving sources are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.angles import angle_scores, method_angles
from model.evaluation.collect import Collected
from model.evaluation.figures import figure_of, save
from model.evaluation.scores import bootstrap
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.tut import evaluate_tut


def evaluate_localisation(subject: Subject) -> dict[str, Any]:
    """Mean and median angle of each method, and the distance error, for metrics.json. Writes localisation.png.

    Raises:
        NotScored: no row has one still source, or no row of train has.
    """
    collected = subject.tested_in_one_place
    groups = collected.source_ids
    angles = method_angles(collected.output, subject.readout, collected.direction)
    result: dict[str, Any] = {"clean": angle_scores(angles, groups, key="localisation")}
    curves = {"clean": angles}
    for noise_db in subject.options.noise_db:
        name = f"noise_{noise_db:g}_db"
        curves[name] = method_angles(subject.in_noise(noise_db), subject.readout, collected.direction)
        result[name] = angle_scores(curves[name], groups, key=f"localisation {name}")
    result["readout"] = {"parameters": subject.readout.parameters, "train_rows": subject.readout.rows}
    result["distance"] = _distance(collected)
    result |= subject.rows_left_out
    if subject.options.tut is not None:
        try:
            result["tut_2018_real"] = evaluate_tut(subject, Path(subject.options.tut))
        except NotScored as reason:
            result["tut_2018_real"] = {"skipped": str(reason)}
    draw_angles(curves, subject.output / "localisation.png")
    return result


def _distance(collected: Collected) -> dict[str, Any]:
    rows = np.flatnonzero(np.isfinite(collected.distance_m))
    if not len(rows):
        return {"skipped": "no row has a distance"}
    true = collected.distance_m[rows]
    # Chance is the best single guess for all rows.
    guess = float(np.mean(np.abs(true - np.median(true))))
    error = np.abs(collected.output.distance_m[rows] - true)
    groups = [collected.source_ids[row] for row in rows]
    score = bootstrap(error, groups, key="localisation distance", chance=guess)
    return {"mean_absolute_error_m": score.as_dict()}


def draw_angles(curves: Mapping[str, Mapping[str, NDArray[np.float64]]], path: Path) -> None:
    """Draws the share of rows below each angle, with a panel for each condition and a line for each method."""
    figure = figure_of(5.2 * len(curves), 4)
    for axes, (condition, angles) in zip(
        np.atleast_1d(figure.subplots(1, len(curves), sharey=True)), curves.items(), strict=True
    ):
        for name, values in angles.items():
            label = f"{name.replace('_', ' ')}: mean {values.mean():.1f}°, median {np.median(values):.1f}°"
            axes.step(np.sort(values), np.arange(1, len(values) + 1) / len(values), where="post", label=label)
        axes.set_xlim(0, 180)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("angle to the true direction in degrees")
        axes.set_title(f"{condition.replace('_', ' ')}, n = {len(next(iter(angles.values())))}")
        axes.legend(loc="lower right", fontsize=8)
    figure.supylabel("share of rows with a smaller angle")
    save(figure, path)
