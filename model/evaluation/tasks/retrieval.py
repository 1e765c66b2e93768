"""Retrieval between captions and clips: R@1, R@5, R@10 and mAP@10, both ways (ELSA, section 5 and its appendix).

``spatial`` pairs spatial captions with ambisonics, ``non_spatial`` the original captions with the mono signal in all
four channels; each on the rows with ``augmentation == 0``, the set of the original's size, and on all rows.

Every caption is a query; a clip is relevant to a caption that it carries word for word, so equal captions of two clips
are not held against either. A clip that asks finds its captions when one of them is among the first (as CLAP and ELSA
count). mAP@10 takes every caption of a clip as relevant; MRR@10 looks at the first one found, which is what
LAION-CLAP's code calls mAP@10. With one caption a clip both are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.scores import Score, bootstrap, scores_as_dict
from model.evaluation.subject import Subject
from model.ranking import MAP_RANK, average_precision, first_hits

RANKS = (1, 5, 10)


def evaluate_retrieval(subject: Subject) -> dict[str, Any]:
    """The scores of both kinds of captions, on both sets of rows, for metrics.json; no figure."""
    collected = subject.tested
    result: dict[str, Any] = {}
    for name, captions, audio in (
        ("spatial", collected.captions, collected.audio),
        ("non_spatial", collected.captions_original, collected.audio_without_space),
    ):
        texts = sorted({text for own in captions for text in own})
        vectors = subject.embedder.text(texts)
        sets = {name: np.flatnonzero(collected.augmentation == 0), f"{name}_all_rows": np.arange(len(collected.ids))}
        for rows_name, rows in sets.items():
            if not len(rows):
                result[rows_name] = {"skipped": "no row has augmentation 0"}
                continue
            chosen = [captions[row] for row in rows]
            own = sorted({text for of_clip in chosen for text in of_clip})
            kept = np.searchsorted(np.array(texts, dtype=object), np.array(own, dtype=object))
            scores = retrieval_scores(
                audio[rows], vectors[kept], chosen, own, groups=[collected.source_ids[row] for row in rows]
            )
            result[rows_name] = {way: scores_as_dict(metrics) for way, metrics in scores.items()}
    return result


def retrieval_scores(
    audio: NDArray[np.floating],
    text: NDArray[np.floating],
    captions: Sequence[Sequence[str]],
    texts: Sequence[str],
    groups: Sequence[str],
) -> dict[str, dict[str, Score]]:
    """R@k, mAP@10 and MRR@10, text to audio and audio to text.

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
    # Every caption of every clip asks once, also one that two clips share.
    queries = [(place[caption], clip) for clip, own in enumerate(captions) for caption in own]
    asked = np.array([caption for caption, _ in queries])
    hits = first_hits(text, audio, relevant)
    return {
        "text_to_audio": _scores(
            hits[asked],
            relevant.sum(1)[asked],
            len(audio),
            [groups[clip] for _, clip in queries],
            "text_to_audio",
        ),
        "audio_to_text": _scores(
            first_hits(audio, text, relevant.T), relevant.sum(0), len(texts), list(groups), "audio_to_text"
        ),
    }


def _scores(
    hits: NDArray[np.bool_], counts: NDArray[np.int_], items: int, groups: Sequence[str], way: str
) -> dict[str, Score]:
    # Chance depends on the number of relevant items alone.
    numbers, weights = np.unique(counts, return_counts=True)

    def chance(of_one: list[float]) -> float:
        return float(np.average(of_one, weights=weights))

    scores = {}
    for rank in RANKS:
        found = np.asarray(hits[:, :rank].any(axis=1), dtype=np.float64)
        by_chance = chance([recall_by_chance(int(number), items, rank) for number in numbers])
        scores[f"R@{rank}"] = bootstrap(found, groups, key=f"{way} R@{rank}", chance=by_chance)
    for name, values, one in (
        (f"mAP@{MAP_RANK}", average_precision(hits, counts, MAP_RANK), average_precision_by_chance),
        (f"MRR@{MAP_RANK}", reciprocal_rank(hits, MAP_RANK), reciprocal_rank_by_chance),
    ):
        by_chance = chance([one(int(number), items, MAP_RANK) for number in numbers])
        scores[name] = bootstrap(values, groups, key=f"{way} {name}", chance=by_chance)
    return scores


def reciprocal_rank(hits: NDArray[np.bool_], rank: int) -> NDArray[np.float64]:
    """One over the rank of the first relevant item of each query; 0 when it comes after ``rank``."""
    top = hits[:, :rank]
    return np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1), 0.0)


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


def reciprocal_rank_by_chance(relevant: int, items: int, rank: int) -> float:
    """The expected reciprocal rank of a random order, zero after ``rank``."""
    total = math.comb(items, relevant)
    return sum(math.comb(items - k, relevant - 1) / total / k for k in range(1, min(rank, items) + 1))
