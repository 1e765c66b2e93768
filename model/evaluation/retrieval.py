"""Retrieval between captions and clips: R@1, R@5, R@10 and mAP@10, both ways (ELSA, section 5 and its appendix).

On the rows with ``augmentation == 0``, the set of the original's size: ``spatial`` pairs spatial captions with
ambisonics, ``non_spatial`` the original captions with the mono signal in all four channels. Every caption is a query;
a clip is relevant to a caption that it carries word for word, so equal captions of two clips are not held against
either. With captions all different this is the usual protocol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.embedding import Embedder
from model.evaluation.collect import Collected
from model.evaluation.scores import Score, bootstrap

RANKS = (1, 5, 10)
MAP_RANK = 10


def evaluate_retrieval(embedder: Embedder, collected: Collected, output: Path) -> dict[str, Any]:
    """The scores of both kinds of captions, for metrics.json; no figure."""
    rows = np.flatnonzero(collected.augmentation == 0)
    if not len(rows):
        return {"skipped": "no row has augmentation 0"}
    result = {}
    for name, captions, audio in (
        ("spatial", collected.captions, collected.audio),
        ("non_spatial", collected.captions_original, collected.audio_without_space),
    ):
        chosen = [captions[row] for row in rows]
        texts = sorted({text for own in chosen for text in own})
        scores = retrieval_scores(
            audio[rows], embedder.text(texts), chosen, texts, groups=[collected.source_ids[row] for row in rows]
        )
        result[name] = {
            way: {metric: score.as_dict() for metric, score in metrics.items()} for way, metrics in scores.items()
        }
    return result


def retrieval_scores(
    audio: NDArray[np.floating],
    text: NDArray[np.floating],
    captions: Sequence[Sequence[str]],
    texts: Sequence[str],
    groups: Sequence[str],
) -> dict[str, dict[str, Score]]:
    """R@k and mAP@10, text to audio and audio to text.

    Args:
        audio: (n, E), unit vectors of the clips.
        text: (m, E), unit vectors of ``texts``, which are all different.
        captions: of each clip, one or several.
        groups: of each clip, drawn together in the bootstrap.
    """
    place = {caption: i for i, caption in enumerate(texts)}
    relevant = np.zeros((len(texts), len(audio)), dtype=bool)
    for clip, own in enumerate(captions):
        relevant[[place[caption] for caption in own], clip] = True
    likeness = text.astype(np.float64) @ audio.astype(np.float64).T
    # Every caption of every clip asks once, also one that two clips share.
    queries = [(place[caption], clip) for clip, own in enumerate(captions) for caption in own]
    asked = np.array([caption for caption, _ in queries])
    return {
        "text_to_audio": _scores(
            likeness[asked], relevant[asked], [groups[clip] for _, clip in queries], "text_to_audio"
        ),
        "audio_to_text": _scores(likeness.T, relevant.T, list(groups), "audio_to_text"),
    }


def _scores(
    likeness: NDArray[np.float64], relevant: NDArray[np.bool_], groups: Sequence[str], way: str
) -> dict[str, Score]:
    hits = ranked_relevance(likeness, relevant)
    counts = relevant.sum(1)
    items = relevant.shape[1]
    scores = {}
    for rank in RANKS:
        chance = float(np.mean([recall_by_chance(int(count), items, rank) for count in counts]))
        found = np.asarray(hits[:, :rank].any(axis=1), dtype=np.float64)
        scores[f"R@{rank}"] = bootstrap(found, groups, key=f"{way} R@{rank}", chance=chance)
    chance = float(np.mean([average_precision_by_chance(int(count), items, MAP_RANK) for count in counts]))
    precision = average_precision(hits, counts, MAP_RANK)
    scores[f"mAP@{MAP_RANK}"] = bootstrap(precision, groups, key=f"{way} mAP@{MAP_RANK}", chance=chance)
    return scores


def ranked_relevance(likeness: NDArray[np.float64], relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the item at each rank is relevant, (queries, items), the likest first; a tie counts against the model."""
    order = np.lexsort((relevant, -likeness), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def average_precision(hits: NDArray[np.bool_], counts: NDArray[np.int_], rank: int) -> NDArray[np.float64]:
    """AP@rank of each query: the mean, over the relevant items that fit, of the precision where each is found."""
    top = hits[:, :rank]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    found: NDArray[np.float64] = (precision * top).sum(axis=1)
    return found / np.minimum(counts, rank)


def recall_by_chance(relevant: int, items: int, rank: int) -> float:
    """The probability that a random order has one of the relevant items in its first ``rank``."""
    rank = min(rank, items)
    return 1 - math.comb(items - relevant, rank) / math.comb(items, rank)


def average_precision_by_chance(relevant: int, items: int, rank: int) -> float:
    """The expected AP@rank of a random order."""
    # At rank k: relevant with r/n, and then k-1 others before it of which each is relevant with (r-1)/(n-1).
    others = (relevant - 1) / (items - 1) if items > 1 else 0.0
    ranks = range(1, min(rank, items) + 1)
    return sum(relevant / items * (1 + (k - 1) * others) / k for k in ranks) / min(relevant, rank)
