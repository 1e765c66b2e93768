"""Retrieval on hand-made embeddings with known results."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from model.evaluation.tasks.retrieval import retrieval_scores
from model.ranking import (
    average_precision,
    average_precision_by_chance,
    recall_by_chance,
    reciprocal_rank,
    reciprocal_rank_by_chance,
)


def test_retrieval_of_a_perfect_model():
    captions = [[f"caption {i}"] for i in range(20)]
    texts = [own[0] for own in captions]
    scores = retrieval_scores(np.eye(20), np.eye(20), captions, texts, groups=texts)
    for way in ("text_to_audio", "audio_to_text"):
        assert {name: score.value for name, score in scores[way].items()} == dict.fromkeys(scores[way], 1.0)
        assert scores[way]["R@1"].chance == pytest.approx(1 / 20)
        assert scores[way]["R@10"].n == 20
        assert (scores[way]["R@1"].low, scores[way]["R@1"].high) == (1.0, 1.0)


def test_retrieval_with_known_ranks():
    # Text i is most similar to clip i+1, so of three clips its own comes second.
    audio = np.eye(3)
    text = np.array([[0.6, 0.8, 0], [0, 0.6, 0.8], [0.8, 0, 0.6]])
    captions = [["a"], ["b"], ["c"]]
    scores = retrieval_scores(audio, text, captions, ["a", "b", "c"], groups=["1", "2", "3"])["text_to_audio"]
    assert scores["R@1"].value == 0
    assert scores["R@5"].value == 1
    assert scores["mAP@10"].value == pytest.approx(0.5)


def test_a_caption_of_two_clips_is_relevant_to_both():
    audio = np.array([[1.0, 0.0], [0.9, np.sqrt(1 - 0.81)]])
    scores = retrieval_scores(audio, np.array([[1.0, 0.0]]), [["rain"], ["rain"]], ["rain"], groups=["1", "2"])
    assert scores["text_to_audio"]["R@1"].value == 1
    assert scores["text_to_audio"]["R@1"].n == 2
    assert scores["text_to_audio"]["mAP@10"].value == 1


def test_chance_levels_equal_the_mean_over_all_orders():
    items, relevant, rank = 5, 2, 3
    found, precision, reciprocal = [], [], []
    for order in itertools.permutations([True] * relevant + [False] * (items - relevant)):
        hits = np.array([order])
        found.append(hits[0, :rank].any())
        precision.append(average_precision(hits, np.array([relevant]), rank)[0])
        reciprocal.append(reciprocal_rank(hits, rank)[0])
    assert recall_by_chance(relevant, items, rank) == pytest.approx(np.mean(found))
    assert average_precision_by_chance(relevant, items, rank) == pytest.approx(np.mean(precision))
    assert reciprocal_rank_by_chance(relevant, items, rank) == pytest.approx(np.mean(reciprocal))


def test_recall_counts_any_caption_of_a_clip_and_map_counts_all():
    # The clip is most similar to its first caption, then to another clip's, then to its second.
    audio = np.array([[1.0, 0.0], [0.0, 1.0]])
    text = np.array([[1.0, 0.0], [0.8, 0.6], [0.9, np.sqrt(1 - 0.81)]])
    captions = [["a", "b"], ["c"]]
    scores = retrieval_scores(audio, text, captions, ["a", "b", "c"], groups=["1", "2"])["audio_to_text"]
    assert scores["R@1"].value == 0.5
    # The two captions of clip 1 have ranks 1 and 3; the caption of clip 2 has rank 2.
    assert scores["mAP@10"].value == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)
    assert scores["MRR@10"].value == pytest.approx((1 + 1 / 2) / 2)
