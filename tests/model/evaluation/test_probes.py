"""Probes: their size, what they learn, and that two trainings give the same result."""

from __future__ import annotations

import numpy as np
import pytest

from model.evaluation import probes
from model.evaluation.angles import angles_deg
from model.evaluation.probes import HIDDEN, Probe, hold_out, train_classifier, train_direction_readout

#: Two rows of each clip.
CLIPS = [f"clip {row // 2}" for row in range(400)]


def test_the_first_layer_has_the_papers_number_of_parameters():
    probe = Probe(512, 3)
    assert probe.first.weight.numel() == 512 * HIDDEN == 32_768
    assert sum(parameter.numel() for parameter in probe.parameters()) == 32_768 + 64 + 64 * 3 + 3


def _embeddings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions, and unit vectors in which they are rotated and mixed with noise."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    directions = generator.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    mixing = np.random.Generator(np.random.Philox(key=99)).standard_normal((3, 16))
    embeddings = np.tanh(directions @ mixing) + 0.02 * generator.standard_normal((count, 16))
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), directions


@pytest.mark.slow
def test_a_readout_learns_directions_and_two_trainings_agree():
    train, true = _embeddings(400, 0)
    test, test_true = _embeddings(100, 1)
    one, two = (train_direction_readout(train, true, CLIPS[:400], steps=120, seed=3) for _ in range(2))
    found = one(test)
    assert np.mean(angles_deg(found, test_true)) < 8
    np.testing.assert_array_equal(found, two(test))
    assert one.rows == 400


def test_a_classifier_learns_words():
    train, true = _embeddings(300, 0)
    test, test_true = _embeddings(100, 1)
    classifier = train_classifier(train, (true[:, 0] > 0).astype(int), 2, CLIPS[:300], steps=200, seed=0)
    found = classifier(test).argmax(1)
    assert np.mean(found == (test_true[:, 0] > 0)) > 0.95
    assert classifier.parameters == pytest.approx(16 * 64 + 64 + 64 * 2 + 2)


@pytest.mark.slow
def test_few_rows_are_not_memorised(monkeypatch):
    # Three numbers hold the direction, and five hundred identify the row.
    def embeddings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.Generator(np.random.Philox(key=seed))
        directions = generator.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        rest = generator.standard_normal((count, 509))
        return np.hstack([0.4 * directions, 0.9 * rest / np.linalg.norm(rest, axis=1, keepdims=True)]), directions

    train, true = embeddings(400, 0)
    test, test_true = embeddings(300, 1)
    monkeypatch.setattr(probes, "_WEIGHT_DECAYS", (0.01, 10.0))
    found = train_direction_readout(train, true, CLIPS, steps=400, seed=0)(test)
    assert np.mean(angles_deg(found, test_true)) < 20
    monkeypatch.setattr(probes, "_WEIGHT_DECAYS", (0.01,))
    found = train_direction_readout(train, true, CLIPS, steps=400, seed=0)(test)
    assert np.mean(angles_deg(found, test_true)) > 25


def test_whole_clips_are_held_out():
    learnt, held = hold_out(CLIPS, 0)
    assert len(held) == 40
    assert not {CLIPS[row] for row in learnt} & {CLIPS[row] for row in held}
    assert len(hold_out(["a", "b"], 0)[1]) == 0
