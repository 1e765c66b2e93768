"""Swaps the direction in an embedding with words alone: e − prototype(old) + prototype(new) (ELSA, A.12).

The prototypes are the embeddings of the templates of zero_shot. A classifier of 33 k parameters, trained on the
embeddings of train, decides whether the direction has changed. R@10 shows whether the sound is still the same: the
swapped clip must find its original, non-spatial captions as well as before.
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
from model.evaluation.tasks.zero_shot import template_sentences
from model.ranking import MAP_RANK, first_hits, recall_by_chance
from model.targets import VOCABULARY


def evaluate_swap(subject: Subject) -> dict[str, Any]:
    """The effect of a swap on direction and retrieval, for metrics.json. Writes swap.png.

    Raises:
        NotScored: no row has a word of direction, or train lacks a word.
    """
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
    removed = classifier(move_embeddings(audio, -prototypes[true])).argmax(1)
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


def move_embeddings(audio: NDArray[np.floating], by: NDArray[np.floating]) -> NDArray[np.float64]:
    """Adds vectors (n, E) to embeddings (n, E), and normalises the sums."""
    out: NDArray[np.float64] = audio.astype(np.float64) + by
    norm = np.sqrt(np.sum(out**2, axis=1, keepdims=True))
    unit: NDArray[np.float64] = np.divide(out, np.maximum(norm, np.finfo(np.float64).tiny))
    return unit


def swap_all(
    audio: NDArray[np.floating], true: NDArray[np.integer], prototypes: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Swaps the word of every clip for each other word.

    Args:
        audio: (n, E), unit vectors.
        true: (n,), index of the word of each clip.
        prototypes: (k, E), embeddings of the words.

    Returns:
        n (k − 1) embeddings, the clip of each, and its new word.
    """
    count = len(prototypes)
    clips = np.repeat(np.arange(len(audio)), count - 1)
    new = np.array([word for old in true for word in range(count) if word != old], dtype=np.int64)
    return move_embeddings(audio[clips], prototypes[new] - prototypes[true[clips]]), clips, new


def _recall(
    audio: NDArray[np.floating], text: NDArray[np.floating], relevant: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return np.asarray(first_hits(audio, text, relevant).any(axis=1), dtype=np.float64)


def _draw(scores: Mapping[str, Score], path: Path) -> None:
    names = ("classifier_accuracy", "take_new", "keep_old_after_removal", "R@10_before", "R@10_after")
    figure = figure_of(7, 3.4)
    axes = figure.subplots()
    for position, name in enumerate(names):
        score = scores[name]
        spread = [[max(score.value - score.low, 0)], [max(score.high - score.value, 0)]]
        axes.bar(position, score.value, yerr=spread, capsize=4, color="#4878a8")
        if score.chance is not None:
            axes.hlines(score.chance, position - 0.4, position + 0.4, color="black", linestyle="--", linewidth=1)
    labels = [f"{name.replace('_', ' ')}\nn = {scores[name].n}" for name in names]
    axes.set_xticks(range(len(names)), labels, fontsize=8)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("share, 95 % interval; dashed: chance")
    save(figure, path)
