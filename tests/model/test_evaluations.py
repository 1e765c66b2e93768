"""Evaluations on hand-made embeddings, where every number is known, and end to end on plane waves."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

from model.evaluation import evaluate
from model.evaluation.closed_form import CLOSED_FORMS
from model.evaluation.localisation import angles_deg
from model.evaluation.retrieval import (
    average_precision,
    average_precision_by_chance,
    ranked_relevance,
    recall_by_chance,
    retrieval_scores,
)
from model.evaluation.scores import bootstrap
from model.evaluation.zero_shot import PHRASES, zero_shot_scores
from model.features import spectra


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
    # Text i is likest to clip i+1: of three, each own clip comes second.
    audio = np.eye(3)
    text = np.array([[0.6, 0.8, 0], [0, 0.6, 0.8], [0.8, 0, 0.6]])
    captions = [["a"], ["b"], ["c"]]
    scores = retrieval_scores(audio, text, captions, ["a", "b", "c"], groups=["1", "2", "3"])["text_to_audio"]
    assert scores["R@1"].value == 0
    assert scores["R@5"].value == 1
    assert scores["mAP@10"].value == pytest.approx(0.5)


def test_a_caption_that_two_clips_carry_is_right_for_both():
    audio = np.array([[1.0, 0.0], [0.9, np.sqrt(1 - 0.81)]])
    scores = retrieval_scores(audio, np.array([[1.0, 0.0]]), [["rain"], ["rain"]], ["rain"], groups=["1", "2"])
    assert scores["text_to_audio"]["R@1"].value == 1
    assert scores["text_to_audio"]["R@1"].n == 2
    assert scores["text_to_audio"]["mAP@10"].value == 1


def test_a_model_that_says_the_same_of_all_has_no_rank():
    hits = ranked_relevance(np.zeros((2, 4)), np.array([[True, False, False, False], [False, False, False, True]]))
    assert hits.tolist() == [[False, False, False, True]] * 2


def test_average_precision_by_hand():
    hits = np.array([[True, False, True, False]])
    assert average_precision(hits, np.array([2]), 10)[0] == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(hits, np.array([2]), 1)[0] == 1


def test_chance_levels_equal_all_orders_counted():
    items, relevant, rank = 5, 2, 3
    found, precision = [], []
    for order in itertools.permutations([True] * relevant + [False] * (items - relevant)):
        hits = np.array([order])
        found.append(hits[0, :rank].any())
        precision.append(average_precision(hits, np.array([relevant]), rank)[0])
    assert recall_by_chance(relevant, items, rank) == pytest.approx(np.mean(found))
    assert average_precision_by_chance(relevant, items, rank) == pytest.approx(np.mean(precision))


def test_zero_shot_counts_by_hand():
    templates = np.eye(4)
    audio = np.eye(4)[[0, 1, 2, 3, 1, 0]]
    words = ["front", "left", "right", "back", "front", None]
    scores = zero_shot_scores(audio, templates, "direction", words, groups=list("abcdef"))
    assert scores["accuracy"].value == pytest.approx(4 / 5)
    assert scores["accuracy"].n == 5
    assert scores["accuracy"].chance == 0.25
    assert scores["recall_front"].value == pytest.approx(0.5)
    assert scores["recall_left"].value == 1


def test_every_word_has_a_phrase_that_holds_it():
    from model.data import VOCABULARY

    for attribute, words in VOCABULARY.items():
        assert tuple(PHRASES[attribute]) == words
        assert all(word in phrase.split() for word, phrase in PHRASES[attribute].items())


def test_angles():
    one = np.array([[1.0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]])
    other = np.array([[1.0, 0, 0], [0, 2, 0], [-1, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(angles_deg(one, other), [0, 90, 180, 90], atol=1e-9)


def test_bootstrap_is_keyed_and_draws_groups_whole():
    values = np.arange(20.0)
    groups = list(range(20))
    one, two = (bootstrap(values, groups, key="k", chance=None) for _ in range(2))
    assert one == two
    assert one != bootstrap(values, groups, key="other", chance=None)
    assert one.low < one.value == 9.5 < one.high
    together = bootstrap(values, [0] * 20, key="k", chance=None)
    assert together.low == together.high == 9.5
    with pytest.raises(ValueError, match="no values"):
        bootstrap(np.array([]), [], key="k", chance=None)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, -90.0, 37.0])
def test_closed_forms_find_plane_waves(make_plane_wave, name, azimuth):
    from model.data import unit_direction

    foa = torch.from_numpy(make_plane_wave(azimuth, 20, noise=0.2)[None]).float()
    found = CLOSED_FORMS[name](spectra(foa, n_fft=512, hop=256), sample_rate=16000, n_fft=512)
    assert angles_deg(found.numpy(), np.array([unit_direction(azimuth, 20)]))[0] < 3


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms_of_silence_are_zero(name):
    found = CLOSED_FORMS[name](spectra(torch.zeros(1, 4, 4096), n_fft=512, hop=256), sample_rate=16000, n_fft=512)
    assert found.tolist() == [[0, 0, 0]]


def test_evaluate_end_to_end(trained_run, release, tmp_path):
    metrics = evaluate(trained_run, [release], tmp_path / "out", device="cpu")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["localisation.png", "metrics.json", "zero_shot.png"]
    tasks = metrics["tasks"]
    assert metrics["rows"] == 8
    assert tasks["localisation"]["branch"]["mean_angle_deg"]["value"] < 5
    assert tasks["localisation"]["mean_intensity"]["mean_angle_deg"]["value"] < 5
    assert tasks["localisation"]["branch"]["median_angle_deg"]["chance"] == 90
    assert tasks["zero_shot"]["direction"]["accuracy"]["n"] == 8
    assert tasks["zero_shot"]["reverberation"] == {"skipped": "no row has a word"}
    # Half of the rows have augmentation 0, with two captions each.
    assert tasks["retrieval"]["spatial"]["text_to_audio"]["R@1"]["n"] == 8
    assert tasks["retrieval"]["spatial"]["audio_to_text"]["R@1"]["n"] == 4
    again = evaluate(trained_run, [release], tmp_path / "again", tasks=["localisation"], device="cpu")
    assert again["tasks"] == {"localisation": tasks["localisation"]}


def test_an_unknown_task_is_named(trained_run, release, tmp_path):
    with pytest.raises(ValueError, match="unknown task singing; one of retrieval"):
        evaluate(trained_run, [release], tmp_path, tasks=["singing"])
