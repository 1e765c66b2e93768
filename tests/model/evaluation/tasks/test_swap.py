"""A swap on embeddings that hold the word in three of their numbers."""

from __future__ import annotations

import numpy as np

from model.evaluation.tasks.swap import move_embeddings, swap_all


def test_every_clip_gets_every_other_word():
    prototypes = np.eye(4, 6)
    true = np.array([0, 3, 2])
    audio = prototypes[true] + np.array([0, 0, 0, 0, 0.5, 0])
    swapped, clips, new = swap_all(audio / np.linalg.norm(audio, axis=1, keepdims=True), true, prototypes)
    assert clips.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert new.tolist() == [1, 2, 3, 0, 1, 2, 0, 1, 3]
    np.testing.assert_allclose(np.linalg.norm(swapped, axis=1), 1)
    assert (swapped[:, :4].argmax(1) == new).all()
    # The rest of the embedding does not change.
    assert (swapped[:, 4] > 0.3).all()


def test_a_vector_that_is_moved_to_zero_stays_zero():
    assert move_embeddings(np.array([[1.0, 0.0]]), np.array([[-1.0, 0.0]])).tolist() == [[0.0, 0.0]]
