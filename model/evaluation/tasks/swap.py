"""Swapping the direction in an embedding by words alone: e − prototype(old) + prototype(new) (ELSA, A.12).

Prototypes are the embeddings of the templates of zero_shot. Whether the direction has changed is told by a classifier
of 33 k parameters, trained on the embeddings of train. Whether the sound is still the same is told by R@10: the swapped
clip has to find its original, non-spatial captions as well as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.figures import figure_of, save
from model.evaluation.scores import Score, accuracy_scores, bootstrap, scores_as_dict
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.retrieval import MAP_RANK, first_hits, recall_by_chance
from model.evaluation.tasks.zero_shot import template_sentences
from model.targets import VOCABULARY


def evaluate_swap(subject: Subject) -> dict[str, Any]:
    """What a swap does to the direction and to retrieval, for metrics.json; writes swap.png."""
    collected = subject.tested
    words = VOCABULARY["direction"]
    rows = np.array([row for row, word in enumerate(collected.words["direction"]) if word is not None], dtype=np.int64)
    if not len(rows):
        raise NotScored("no row has a direction word")
    classifier = subject.direction_classifier
    prototypes = subject.embedder.text(template_sentences("direction"))
    true = np.array([words.index(str(collected.words["direction"][row])) for row in rows])
    audio, groups = collected.audio[rows], [collected.source_ids[row] for row in rows]
    scores = {
        f"classifier_{name}": score
        for name, score in accuracy_scores(
            true, classifier(audio).argmax(1), groups, key="swap classifier", classes=len(words)
        ).items()
    }
    swapped, clips, new = swap_all(audio, true, prototypes)
    taken = classifier(swapped).argmax(1)
    of_clips = [groups[clip] for clip in clips]
    scores["take_new"] = bootstrap((taken == new).astype(np.float64), of_clips, key="swap take", chance=1 / len(words))
    removed = classifier(moved(audio, -prototypes[true])).argmax(1)
    scores["keep_old_after_removal"] = bootstrap(
        (removed == true).astype(np.float64), groups, key="swap removal", chance=1 / len(words)
    )
    captions = [collected.captions_original[row] for row in rows]
    texts = sorted({text for own in captions for text in own})
    vectors = subject.embedder.text(texts)
    relevant = np.array([[text in own for text in texts] for own in captions])
    before = _recall(audio, vectors, relevant)
    after = _recall(swapped, vectors, relevant[clips])
    chance = float(np.mean([recall_by_chance(int(count), len(texts), MAP_RANK) for count in relevant.sum(1)]))
    scores |= {
        "R@10_before": bootstrap(before, groups, key="swap before", chance=chance),
        "R@10_after": bootstrap(after, of_clips, key="swap after", chance=chance),
        "R@10_change": bootstrap(after - before[clips], of_clips, key="swap change", chance=0.0),
    }
    _draw(scores, subject.output / "swap.png")
    return {
        "classifier": {"parameters": classifier.parameters, "train_rows": classifier.rows},
        **scores_as_dict(scores),
    }


def moved(audio: NDArray[np.floating], by: NDArray[np.floating]) -> NDArray[np.float64]:
    """Embeddings (n, E) moved by (n, E), as unit vectors again."""
    out: NDArray[np.float64] = audio.astype(np.float64) + by
    norm = np.sqrt(np.sum(out**2, axis=1, keepdims=True))
    unit: NDArray[np.float64] = np.divide(out, np.maximum(norm, np.finfo(np.float64).tiny))
    return unit


def swap_all(
    audio: NDArray[np.floating], true: NDArray[np.integer], prototypes: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Every clip with each word that it has not.

    Args:
        audio: (n, E). true: (n,), the word of each. prototypes: (k, E), of the words.

    Returns:
        n (k − 1) embeddings, the clip of each, and its new word.
    """
    count = len(prototypes)
    clips = np.repeat(np.arange(len(audio)), count - 1)
    new = np.array([word for old in true for word in range(count) if word != old], dtype=np.int64)
    return moved(audio[clips], prototypes[new] - prototypes[true[clips]]), clips, new


def _recall(
    audio: NDArray[np.floating], text: NDArray[np.floating], relevant: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return np.asarray(first_hits(audio, text, relevant).any(axis=1), dtype=np.float64)


def _draw(scores: Mapping[str, Score], path: Path) -> None:
    names = ("classifier_accuracy", "take_new", "keep_old_after_removal", "R@10_before", "R@10_after")
    figure = figure_of(7, 3.4)
    axes = figure.subplots()
    for place, name in enumerate(names):
        score = scores[name]
        spread = [[max(score.value - score.low, 0)], [max(score.high - score.value, 0)]]
        axes.bar(place, score.value, yerr=spread, capsize=4, color="#4878a8")
        if score.chance is not None:
            axes.hlines(score.chance, place - 0.4, place + 0.4, color="black", linestyle="--", linewidth=1)
    labels = [f"{name.replace('_', ' ')}\nn = {scores[name].n}" for name in names]
    axes.set_xticks(range(len(names)), labels, fontsize=8)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("share, 95 % interval; dashed: chance")
    save(figure, path)
