"""Retrieval between captions and clips: R@1, R@5, R@10 and mAP@10, in both directions (ELSA, section 5 and appendix).

``spatial`` pairs spatial captions with ambisonics. ``non_spatial`` pairs the original captions with the mono signal in
all four channels. Each is scored on the rows with ``augmentation == 0``, a set of the original's size, and on all rows.

Every caption is a query. A clip is relevant to a caption that it has word for word, so two clips with the same caption
do not count as errors. A clip as a query finds its captions if one of them is among the first, as CLAP and ELSA count.
mAP@10 takes every caption of a clip as relevant. MRR@10 uses only the first one found; LAION-CLAP's code calls this
mAP@10. If clips have one caption each, both are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.scores import Score, bootstrap, scores_as_dict
from model.evaluation.subject import Subject
from model.ranking import (
    MAP_RANK,
    average_precision,
    average_precision_by_chance,
    first_hits,
    recall_by_chance,
    reciprocal_rank,
    reciprocal_rank_by_chance,
)

RANKS = (1, 5, 10)


def evaluate_retrieval(subject: Subject) -> dict[str, Any]:
    """Scores of both kinds of captions on both sets of rows, for metrics.json. It draws no figure."""
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
    """R@k, mAP@10 and MRR@10, from text to audio and from audio to text.

    Args:
        audio: (n, E), unit vectors of the clips.
        text: (m, E), unit vectors of ``texts``.
        captions: one or several of each clip.
        texts: all different captions.
        groups: one of each clip; the bootstrap draws the clips of a group together.
    """
    index = {caption: i for i, caption in enumerate(texts)}
    relevant = np.zeros((len(texts), len(audio)), dtype=bool)
    for clip, own in enumerate(captions):
        relevant[[index[caption] for caption in own], clip] = True
    # Every caption of every clip is a query, also one that two clips share.
    queries = [(index[caption], clip) for clip, own in enumerate(captions) for caption in own]
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
    # Chance depends only on the number of relevant items.
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
