"""Captions through the heads that were trained on audio (ELSA, section 5): does the text know its place in space?

A spatial caption's embedding goes into the direction and distance heads. The direction counts as the word whose centre
is nearest in azimuth, elevation as up or down, distance as near or far, parted where both are as likely: √2 m, the
middle of 1 and 2 m by ratio. Captions of rows without the word are left out of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.evaluation.scores import accuracy_scores, scores_as_dict
from model.evaluation.subject import Subject
from model.targets import DISTANCE, VOCABULARY

#: Azimuths of the words of VOCABULARY["direction"].
CENTRES_DEG = {"front": 0.0, "left": 90.0, "right": -90.0, "back": 180.0}
NEAR_UNDER_M = 2**0.5


def evaluate_text_regression(subject: Subject) -> dict[str, Any]:
    """Accuracy of direction, elevation and distance from spatial captions alone, for metrics.json; no figure."""
    collected = subject.tested
    rows = [row for row, own in enumerate(collected.captions) for _ in own]
    texts = [text for own in collected.captions for text in own]
    direction, distance_m = heads_on_text(subject, texts)
    found = {
        "direction": direction_words(direction),
        "elevation": np.where(direction[:, 2] > 0, 0, 1),
        "distance": np.where(distance_m < NEAR_UNDER_M, 0, 1),
    }
    result: dict[str, Any] = {}
    for attribute, words_found in found.items():
        words = [collected.words[attribute][row] for row in rows]
        kept = np.array([i for i, word in enumerate(words) if word is not None], dtype=np.int64)
        if not len(kept):
            result[attribute] = {"skipped": "no row has a word"}
            continue
        vocabulary = VOCABULARY[attribute]
        scores = accuracy_scores(
            np.array([vocabulary.index(str(words[i])) for i in kept]),
            words_found[kept],
            [collected.source_ids[rows[i]] for i in kept],
            key=f"text_regression {attribute}",
            classes=len(vocabulary),
        )
        result[attribute] = scores_as_dict(scores)
    return result


@torch.inference_mode()
def heads_on_text(subject: Subject, texts: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """n sentences → directions (n, 3) and distances in metres (n,), by the heads of the model."""
    model = subject.embedder.model
    different = sorted(set(texts))
    place = {text: i for i, text in enumerate(different)}
    embeddings = torch.from_numpy(subject.embedder.text(different)).to(model.device)
    direction = model.direction_head(embeddings).double().cpu().numpy()
    distance = DISTANCE.from_scale(model.distance_head(embeddings).squeeze(1).double()).cpu().numpy()
    order = [place[text] for text in texts]
    return direction[order], distance[order]


def direction_words(direction: NDArray[np.floating]) -> NDArray[np.int64]:
    """Directions (n, 3) → places in VOCABULARY["direction"], the nearest in azimuth."""
    centres = np.deg2rad([CENTRES_DEG[word] for word in VOCABULARY["direction"]])
    likeness = direction[:, :1] * np.cos(centres) + direction[:, 1:2] * np.sin(centres)
    found: NDArray[np.int64] = likeness.argmax(1)
    return found
