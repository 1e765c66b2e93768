"""Captions through the heads: words of directions, and the task."""

from __future__ import annotations

import numpy as np

from model.data import unit_direction
from model.evaluation.tasks.text_regression import direction_words, evaluate_text_regression
from model.targets import VOCABULARY


def test_a_direction_is_the_word_whose_centre_is_nearest():
    azimuths = {"front": (0, 44, -44), "left": (46, 90, 134), "right": (-46, -134), "back": (136, 180, -136)}
    for word, degrees in azimuths.items():
        found = direction_words(np.array([unit_direction(azimuth, 30) for azimuth in degrees]))
        assert [VOCABULARY["direction"][index] for index in found] == [word] * len(degrees)


def test_the_task_uses_every_caption(subject):
    result = evaluate_text_regression(subject)
    # Eight rows of two captions each.
    assert result["direction"]["accuracy"]["n"] == 16
    assert result["elevation"]["balanced_accuracy"]["chance"] == 0.5
    assert set(result) == {"direction", "elevation", "distance"}
