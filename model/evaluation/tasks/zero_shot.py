"""Zero-shot words of space: each clip gets the word of its nearest template (ELSA, section 5).

The paper says that it takes the sample nearest to each template. Its percentages are too fine for one answer a word, so
``accuracy`` takes the nearest template of each sample, and ``nearest_sample`` follows the paper's wording. A row whose
value lies between two words does not count for that attribute. Rows of several or moving sources are left out: a
template tells of one sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.figures import figure_of, save
from model.evaluation.scores import Score, accuracy_scores, bootstrap, scores_as_dict
from model.evaluation.subject import Subject
from model.targets import VOCABULARY

TEMPLATE = "A sound coming from {}"
#: The phrase of each word in the template. The paper prints the template; the phrases are ours. They follow "from" in
#: English, since no sound comes "from up".
PHRASES: dict[str, dict[str, str]] = {
    "direction": {"front": "the front", "left": "the left", "right": "the right", "back": "the back"},
    "elevation": {"up": "above", "down": "below"},
    "distance": {"near": "nearby", "far": "far away"},
    "room_size": {"small": "a small room", "large": "a large room"},
    "reverberation": {"dampened": "an acoustically dampened room", "reverberant": "a highly reverberant room"},
}


def template_sentences(attribute: str) -> list[str]:
    """The template of each word, in the order of the attribute's words."""
    return [TEMPLATE.format(PHRASES[attribute][word]) for word in VOCABULARY[attribute]]


def evaluate_zero_shot(subject: Subject) -> dict[str, Any]:
    """Accuracy for each attribute, for metrics.json. Writes zero_shot.png, the confusions.

    Raises:
        NotScored: no row has one still source.
    """
    collected = subject.tested_in_one_place
    result: dict[str, Any] = dict(subject.rows_left_out)
    confusions = {}
    for attribute in VOCABULARY:
        words = collected.words[attribute]
        if not any(word is not None for word in words):
            result[attribute] = {"skipped": "no row has a word"}
            continue
        templates = subject.embedder.text(template_sentences(attribute))
        scores = zero_shot_scores(collected.audio, templates, attribute, words, collected.source_ids)
        result[attribute] = scores_as_dict(scores)
        confusions[attribute] = confusion(*nearest_templates(collected.audio, templates, attribute, words)[:2])
    if confusions:
        _draw(confusions, subject.output / "zero_shot.png")
    return result


def nearest_templates(
    audio: NDArray[np.floating], templates: NDArray[np.floating], attribute: str, words: Sequence[str | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    """Indices of the true and the found word of the rows that have one, and these rows.

    Args:
        audio: (n, E), unit vectors.
        templates: (k, E), unit vectors, in the order of the attribute's words.
        attribute: a key of VOCABULARY.
        words: of each clip, or None.
    """
    vocabulary = VOCABULARY[attribute]
    rows = [row for row, word in enumerate(words) if word is not None]
    true = np.array([vocabulary.index(str(words[row])) for row in rows])
    found = (audio[rows].astype(np.float64) @ templates.astype(np.float64).T).argmax(1)
    return true, found, rows


def zero_shot_scores(
    audio: NDArray[np.floating],
    templates: NDArray[np.floating],
    attribute: str,
    words: Sequence[str | None],
    groups: Sequence[str],
) -> dict[str, Score]:
    """``accuracy``, ``balanced_accuracy``, the recall of each word that occurs, and ``nearest_sample``.

    Args:
        audio: (n, E), unit vectors.
        templates: (k, E), unit vectors, in the order of the attribute's words.
        attribute: a key of VOCABULARY.
        words: of each clip; a clip with None does not count.
        groups: one of each clip; the bootstrap draws the clips of a group together.
    """
    vocabulary = VOCABULARY[attribute]
    true, found, rows = nearest_templates(audio, templates, attribute, words)
    own = np.array([groups[row] for row in rows])
    scores = accuracy_scores(true, found, own.tolist(), key=f"zero_shot {attribute}", classes=len(vocabulary))
    chance = 1 / len(vocabulary)
    for index, word in enumerate(vocabulary):
        of_word = true == index
        if of_word.any():
            right = (found[of_word] == index).astype(np.float64)
            key = f"zero_shot {attribute} {word}"
            scores[f"recall_{word}"] = bootstrap(right, own[of_word].tolist(), key=key, chance=chance)
    nearest = (templates.astype(np.float64) @ audio[rows].astype(np.float64).T).argmax(1)
    right = (true[nearest] == np.arange(len(vocabulary))).astype(np.float64)
    # Chance is the probability that a random clip has the word.
    by_chance = float(np.mean([np.mean(true == index) for index in range(len(vocabulary))]))
    scores["nearest_sample"] = bootstrap(
        right, list(vocabulary), key=f"zero_shot {attribute} nearest sample", chance=by_chance
    )
    return scores


def confusion(true: NDArray[np.integer], found: NDArray[np.integer]) -> NDArray[np.int64]:
    """How often each true class (rows) was found as each class (columns)."""
    size = int(max(true.max(), found.max())) + 1
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (true, found), 1)
    return counts


def _draw(confusions: Mapping[str, NDArray[np.int64]], path: Path) -> None:
    figure = figure_of(2.6 * len(confusions), 3.3)
    for axes, (attribute, found) in zip(
        np.atleast_1d(figure.subplots(1, len(confusions))), confusions.items(), strict=True
    ):
        words = VOCABULARY[attribute]
        counts = np.zeros((len(words), len(words)), dtype=np.int64)
        counts[: len(found), : len(found)] = found
        totals = counts.sum(1, keepdims=True)
        axes.imshow(counts / np.maximum(totals, 1), cmap="Blues", vmin=0, vmax=1)
        for row in range(len(words)):
            for column in range(len(words)):
                dark = counts[row, column] > 0.6 * totals[row, 0] > 0
                colour = "white" if dark else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(words)), words, rotation=30, ha="right", fontsize=8)
        axes.set_yticks(range(len(words)), words, fontsize=8)
        axes.set_title(f"{attribute.replace('_', ' ')}, n = {counts.sum()}", fontsize=9)
    figure.supxlabel("the nearest template's word", fontsize=9)
    figure.supylabel("the clip's word", fontsize=9)
    save(figure, path)
