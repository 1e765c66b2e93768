"""Zero-shot words of space: each clip takes the word of the template nearest to it (ELSA, section 5).

The paper compares the attribute of the sample nearest to a template; its percentages are too fine for that, so this is
the nearest template of each sample. A row whose value lies between two words is left out of that attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data import VOCABULARY
from model.embedding import Embedder
from model.evaluation.collect import Collected
from model.evaluation.scores import Score, bootstrap

TEMPLATE = "A sound coming from {}"
#: What stands in the template for each word; the paper prints the template, the wording of the attributes is ours.
PHRASES: dict[str, dict[str, str]] = {
    "direction": {"front": "the front", "left": "the left", "right": "the right", "back": "the back"},
    "elevation": {"up": "up", "down": "down"},
    "distance": {"near": "near", "far": "far"},
    "room_size": {"small": "a small room", "large": "a large room"},
    "reverberation": {"dampened": "an acoustically dampened room", "reverberant": "a highly reverberant room"},
}


def evaluate_zero_shot(embedder: Embedder, collected: Collected, output: Path) -> dict[str, Any]:
    """Accuracy for each attribute, for metrics.json; writes zero_shot.png."""
    templates = {
        attribute: embedder.text([TEMPLATE.format(PHRASES[attribute][word]) for word in words])
        for attribute, words in VOCABULARY.items()
    }
    result: dict[str, Any] = {}
    accuracies = {}
    for attribute in VOCABULARY:
        words = collected.words[attribute]
        if not any(word is not None for word in words):
            result[attribute] = {"skipped": "no row has a word"}
            continue
        scores = zero_shot_scores(collected.audio, templates[attribute], attribute, words, collected.source_ids)
        accuracies[attribute] = scores["accuracy"]
        result[attribute] = {name: score.as_dict() for name, score in scores.items()}
    if accuracies:
        _draw(accuracies, output / "zero_shot.png")
    return result


def zero_shot_scores(
    audio: NDArray[np.floating],
    templates: NDArray[np.floating],
    attribute: str,
    words: Sequence[str | None],
    groups: Sequence[str],
) -> dict[str, Score]:
    """``accuracy``, and the recall of each word that occurs.

    Args:
        audio: (n, E), unit vectors.
        templates: (k, E), unit vectors, in the order of the attribute's words.
        words: of each clip; None is left out.
        groups: of each clip, drawn together in the bootstrap.
    """
    vocabulary = VOCABULARY[attribute]
    rows = [row for row, word in enumerate(words) if word is not None]
    true = np.array([vocabulary.index(str(words[row])) for row in rows])
    nearest = (audio[rows].astype(np.float64) @ templates.astype(np.float64).T).argmax(1)
    right = (nearest == true).astype(np.float64)
    own = np.array([groups[row] for row in rows])
    chance = 1 / len(vocabulary)
    scores = {"accuracy": bootstrap(right, own.tolist(), key=f"zero_shot {attribute}", chance=chance)}
    for place, word in enumerate(vocabulary):
        of_word = true == place
        if of_word.any():
            key = f"zero_shot {attribute} {word}"
            scores[f"recall_{word}"] = bootstrap(right[of_word], own[of_word].tolist(), key=key, chance=chance)
    return scores


def _draw(accuracies: Mapping[str, Score], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(accuracies))
    values = np.array([score.value for score in accuracies.values()])
    low = values - [score.low for score in accuracies.values()]
    high = [score.high for score in accuracies.values()] - values
    # The interval of a share near 0 or 1 may end at the value itself; rounding must not make a bar negative.
    axes.bar(places, values, yerr=np.maximum([low, high], 0), capsize=4, color="#4878a8")
    chances = [1 / len(VOCABULARY[attribute]) for attribute in accuracies]
    axes.hlines(chances, places - 0.4, places + 0.4, color="black", linestyle="--", linewidth=1)
    labels = [f"{name.replace('_', ' ')}\nn = {score.n}" for name, score in accuracies.items()]
    axes.set_xticks(places, labels)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("accuracy, 95 % interval; dashed: chance")
    axes.set_title("Zero-shot words: the nearest template")
    figure.savefig(path, dpi=120)
