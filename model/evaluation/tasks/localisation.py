"""Localisation: the angle between the predicted and the true direction, with baselines that learn nothing.

The methods are ``branch``, the output of the spatial branch; ``head``, the head on the embedding that was trained with
the model; ``readout``, a two-layer MLP trained on the embeddings of train rows (ELSA, section 5); and the closed forms.
All are measured again in diffuse noise and, if their folders are given, on the real recordings of TUT Sound Events 2018
and of STARSS23, in the parts in which a single source sounds. There, like ELSA (section 5), ``readout`` is trained on
the embeddings of the train recordings; ``readout_of_releases`` has not learnt from these rooms or this microphone. The
distance error is that of the head on the embedding (ELSA, section 4.3). Rows of several or moving sources are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.angles import angle_scores, method_angles
from model.evaluation.figures import figure_of, save
from model.evaluation.probes import train_direction_readout
from model.evaluation.recordings.corpus import Corpus
from model.evaluation.recordings.parts import directions
from model.evaluation.scores import bootstrap
from model.evaluation.subject import NotScored, Subject


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
    result["distance"] = distance_error(
        collected.output.distance_m, collected.distance_m, groups, key="localisation distance", of="row"
    )
    result |= subject.rows_left_out
    for corpus in subject.corpora:
        try:
            curves[corpus.name], result[corpus.name] = localise_corpus(subject, corpus)
        except NotScored as reason:
            result[corpus.name] = {"skipped": str(reason)}
    draw_angles(curves, subject.output / "localisation.png")
    return result


def localise_corpus(subject: Subject, corpus: Corpus) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    """The angles of each method on the test recordings of a corpus, and the scores for metrics.json.

    Raises:
        NotScored: there is no part of a test recording, or no row of train for ``readout_of_releases``.
    """
    output = subject.of_corpus(corpus, "test")
    parts = corpus.parts["test"]
    true = directions(parts)
    groups = [part.recording.name for part in parts]
    angles = method_angles(output, subject.readout, true)
    angles["readout_of_releases"] = angles.pop("readout")
    missing = {}
    try:
        learnt = subject.of_corpus(corpus, "train")
    except NotScored as reason:
        missing["readout"] = {"skipped": str(reason)}
    else:
        readout = train_direction_readout(
            learnt.audio,
            directions(corpus.parts["train"]),
            [part.recording.name for part in corpus.parts["train"]],
            steps=subject.options.readout_steps,
            seed=subject.options.seed,
        )
        angles["readout"] = method_angles(output, readout, true)["readout"]
    distance_m = np.array([part.label.distance_m for part in parts], dtype=np.float64)
    distance = distance_error(output.distance_m, distance_m, groups, key=f"{corpus.option} distance", of="part")
    return angles, {**angle_scores(angles, groups, key=corpus.option), **missing, "distance": distance}


def distance_error(
    found_m: NDArray[np.float64], true_m: NDArray[np.float64], groups: Sequence[Any], *, key: str, of: str
) -> dict[str, Any]:
    """The mean absolute error of distances, for metrics.json. Rows without a true distance, NaN, are left out."""
    rows = np.flatnonzero(np.isfinite(true_m))
    if not len(rows):
        return {"skipped": f"no {of} has a distance"}
    true = true_m[rows]
    # Chance is the best single guess for all rows.
    guess = float(np.mean(np.abs(true - np.median(true))))
    score = bootstrap(np.abs(found_m[rows] - true), [groups[row] for row in rows.tolist()], key=key, chance=guess)
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
