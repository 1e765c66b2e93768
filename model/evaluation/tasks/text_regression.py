"""Captions through the heads that were trained on audio (ELSA, section 5): does the text carry its position?

The embeddings of spatial captions go through the heads for direction and distance. A direction counts as the word whose
centre is nearest in azimuth, an elevation as up or down. A distance counts as near or far, with a threshold of √2 m,
the geometric mean of 1 and 2 m. Captions of rows without the word do not count.
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
    """Accuracy of direction, elevation and distance from captions, for metrics.json. It draws no figure."""
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
    """Directions (n, 3) and distances in metres (n,) of n sentences, from the heads of the model."""
    model = subject.embedder.model
    different = sorted(set(texts))
    index = {text: i for i, text in enumerate(different)}
    embeddings = torch.from_numpy(subject.embedder.text(different)).to(model.device)
    direction = model.direction_head(embeddings).double().cpu().numpy()
    distance = DISTANCE.from_scale(model.distance_head(embeddings).squeeze(1).double()).cpu().numpy()
    order = [index[text] for text in texts]
    return direction[order], distance[order]


def direction_words(direction: NDArray[np.floating]) -> NDArray[np.int64]:
    """Indices in VOCABULARY["direction"] of the words that are nearest in azimuth to directions (n, 3)."""
    centres = np.deg2rad([CENTRES_DEG[word] for word in VOCABULARY["direction"]])
    similarity = direction[:, :1] * np.cos(centres) + direction[:, 1:2] * np.sin(centres)
    found: NDArray[np.int64] = similarity.argmax(1)
    return found
