"""A map of the embedding: UMAP, fitted on train with its words, and test drawn into it (ELSA, figure 2).

Audio is filled, text is hollow. Distances in the picture mean little. ``neighbours`` measures the quality of the map:
the share of test points whose word is the most frequent word among their nearest train points on the map.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.draws import derive_seed
from model.evaluation.figures import figure_of, save
from model.evaluation.scores import bootstrap
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.umap_fit import NEIGHBOURS, fit_map, vote
from model.targets import VOCABULARY

INSTALL = "umap-learn is not installed; run pip install -e '.[map]' in the project's folder"
ATTRIBUTES = ("direction", "distance")
#: Fewest train rows of a map, and most text points in the picture.
LEAST_ROWS, TEXTS = 2 * NEIGHBOURS, 300
_COLOURS = ("#2f6b8f", "#c2542d", "#2e8b74", "#8a5aa5")


def evaluate_map(subject: Subject) -> dict[str, Any]:
    """The quality of the map, for metrics.json. Writes map.png.

    Raises:
        NotScored: umap-learn is not installed.
    """
    if importlib.util.find_spec("umap") is None:
        raise NotScored(INSTALL)
    result: dict[str, Any] = {}
    panels = {}
    for attribute in ATTRIBUTES:
        vocabulary = VOCABULARY[attribute]
        train_rows, known = _labelled(subject.train.words[attribute], vocabulary)
        if len(train_rows) < LEAST_ROWS:
            result[attribute] = {"skipped": f"{len(train_rows)} train rows have a word, {LEAST_ROWS} are needed"}
            continue
        rows, labels = _labelled(subject.tested.words[attribute], vocabulary)
        if not len(rows):
            result[attribute] = {"skipped": "no row has a word"}
            continue
        texts = [subject.tested.captions[row][0] for row in rows[:TEXTS]]
        train_map, test_map, text_map = fit_map(
            subject.train.audio[train_rows],
            known,
            [subject.tested.audio[rows], subject.embedder.text(texts)],
            seed=derive_seed(subject.options.seed, "map", attribute),
        )
        right = (vote(train_map, known, test_map) == labels).astype(np.float64)
        groups = [subject.tested.source_ids[row] for row in rows]
        text_right = (vote(train_map, known, text_map) == labels[:TEXTS]).astype(np.float64)
        result[attribute] = {
            f"neighbours_{name}": bootstrap(
                values, groups[: len(values)], key=f"map {attribute} {name}", chance=1 / len(vocabulary)
            ).as_dict()
            for name, values in (("audio", right), ("text", text_right))
        }
        panels[attribute] = (test_map, labels, text_map, labels[:TEXTS])
    if panels:
        _draw(panels, subject.output / "map.png")
    return result


def _labelled(words: Sequence[str | None], vocabulary: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that have a word, and the indices of their words in the vocabulary."""
    rows = np.array([row for row, word in enumerate(words) if word is not None], dtype=np.int64)
    return rows, np.array([vocabulary.index(str(words[row])) for row in rows], dtype=np.int64)


def _draw(panels: Mapping[str, tuple[NDArray[Any], ...]], path: Path) -> None:
    figure = figure_of(5.4 * len(panels), 5)
    for axes, (attribute, (audio, labels, text, text_labels)) in zip(
        np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True
    ):
        for index, word in enumerate(VOCABULARY[attribute]):
            colour = _COLOURS[index]
            axes.scatter(*audio[labels == index].T, s=14, color=colour, linewidths=0, alpha=0.7, label=word)
            axes.scatter(*text[text_labels == index].T, s=30, facecolors="none", edgecolors=colour, linewidths=0.9)
        axes.set_title(f"{attribute}: audio filled, n = {len(audio)}; text hollow, n = {len(text)}", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(fontsize=8)
    save(figure, path)
