"""Zero-shot words on hand-made embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.tasks.zero_shot import PHRASES, confusion, template_sentences, zero_shot_scores
from model.targets import VOCABULARY
from transforms.captions.check.place import check_place
from transforms.words import SpatialWords


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
    # The recalls are 1/2, 1, 1, 1; each template equals a clip of its word.
    assert scores["balanced_accuracy"].value == pytest.approx(3.5 / 4)
    assert scores["nearest_sample"].value == 1
    assert scores["nearest_sample"].n == 4


def test_confusion_counts():
    assert confusion(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist() == [[1, 1], [0, 1]]


def test_every_word_has_a_sentence_with_this_word_and_no_other():
    for attribute, words in VOCABULARY.items():
        assert tuple(PHRASES[attribute]) == words
        for word, sentence in zip(words, template_sentences(attribute), strict=True):
            assert check_place(sentence, "A sound", SpatialWords(**{attribute: word})) is None, sentence
    assert template_sentences("direction")[1] == "A sound coming from the left"
