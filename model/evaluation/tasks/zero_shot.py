"""Zero-shot words of space: each clip gets the word of its nearest template (ELSA, section 5).

The paper says that it takes the sample nearest to each template. Its percentages are too fine for one answer a word, so
``accuracy`` takes the nearest template of each sample, and ``nearest_sample`` follows the paper's wording. A row whose
value lies between two words does not count for that attribute. Rows of several or moving sources are left out: a
template tells of one sound. The same is measured on the real recordings whose folders are given, in the parts in which
a single source sounds; their labels have a direction, and most have a distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.figures import figure_of, save
from model.evaluation.recordings.parts import Part
from model.evaluation.scores import Score, accuracy_scores, bootstrap, scores_as_dict
from model.evaluation.subject import NotScored, Subject
from model.targets import VOCABULARY
from model.words import direction_word, distance_word, elevation_word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    scores, confusions = _score(subject, collected.audio, collected.words, collected.source_ids, of="row")
    result |= scores
    panels = {"": confusions} if confusions else {}
    for corpus in subject.corpora:
        try:
            audio = subject.of_corpus(corpus, "test").audio
        except NotScored as reason:
            result[corpus.name] = {"skipped": str(reason)}
            continue
        parts = corpus.parts["test"]
        groups = [part.recording.name for part in parts]
        result[corpus.name], confusions = _score(subject, audio, words_of_parts(parts), groups, of="part")
        if confusions:
            panels[corpus.name] = confusions
    if panels:
        _draw(panels, subject.output / "zero_shot.png")
    return result


def words_of_parts(parts: Sequence[Part]) -> dict[str, list[str | None]]:
    """The words of parts of real recordings, for the attributes that their labels state."""
    labels = [part.label for part in parts]
    return {
        "direction": [direction_word(label.azimuth_deg) for label in labels],
        "elevation": [elevation_word(label.elevation_deg) for label in labels],
        "distance": [None if label.distance_m is None else distance_word(label.distance_m) for label in labels],
    }


def _score(
    subject: Subject,
    audio: NDArray[np.floating],
    words_by_attribute: Mapping[str, Sequence[str | None]],
    groups: Sequence[str],
    *,
    of: str,
) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
    """The scores and the confusions for each attribute of clips, whose embeddings are (n, E)."""
    result: dict[str, Any] = {}
    confusions = {}
    for attribute, words in words_by_attribute.items():
        if not any(word is not None for word in words):
            result[attribute] = {"skipped": f"no {of} has a word"}
            continue
        templates = subject.embedder.text(template_sentences(attribute))
        scores = zero_shot_scores(audio, templates, attribute, words, groups)
        result[attribute] = scores_as_dict(scores)
        confusions[attribute] = confusion(*nearest_templates(audio, templates, attribute, words)[:2])
    return result, confusions


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


def _draw(panels: Mapping[str, Mapping[str, NDArray[np.int64]]], path: Path) -> None:
    """Draws the confusions, with a row for the releases and one for each corpus of real recordings."""
    most = max(map(len, panels.values()))
    figure = figure_of(2.6 * most, 3.3 * len(panels))
    grid = figure.subplots(len(panels), most, squeeze=False)
    for line, (name, confusions) in zip(grid, panels.items(), strict=True):
        for axes in line[len(confusions) :]:
            axes.set_axis_off()
        for axes, (attribute, found) in zip(line, confusions.items(), strict=False):
            _draw_confusion(axes, attribute, found)
            title = f"{attribute.replace('_', ' ')}, n = {found.sum()}"
            axes.set_title(f"{name.replace('_', ' ')}\n{title}" if name else title, fontsize=9)
    figure.supxlabel("the nearest template's word", fontsize=9)
    figure.supylabel("the clip's word", fontsize=9)
    save(figure, path)


def _draw_confusion(axes: Axes, attribute: str, found: NDArray[np.int64]) -> None:
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
