"""The output of a model for a split, and for some of its rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from model.data import load_batches
from model.evaluation.collect import collect
from model.evaluation.subject import Subject


def test_chosen_rows_equal_those_of_the_whole_split(subject):
    dataset = subject.dataset("train")
    whole, some = collect(subject.embedder, dataset), collect(subject.embedder, dataset, [5, 2])
    assert some.ids == [whole.ids[5], whole.ids[2]]
    assert some.captions == [whole.captions[5], whole.captions[2]]
    assert some.words["direction"] == [whole.words["direction"][row] for row in (5, 2)]
    # Versions of a caption have one original.
    assert len(dataset.value("captions_original", 5)) == len(some.captions[0]) == 2
    assert some.captions_original[0] == dataset.value("captions_original", 5)[:1]
    np.testing.assert_array_equal(some.direction, whole.direction[[5, 2]])
    np.testing.assert_array_equal(some.distance_m, whole.distance_m[[5, 2]])
    np.testing.assert_allclose(some.audio, whole.audio[[5, 2]], atol=1e-5)
    np.testing.assert_allclose(some.audio_without_space, whole.audio_without_space[[5, 2]], atol=1e-5)


def test_sharing_the_semantic_encoder_changes_no_embedding(subject):
    dataset = subject.dataset("test")
    foa = next(load_batches(dataset, [0], batch_size=1)).audio
    with torch.inference_mode():
        model = subject.embedder.model
        found = collect(subject.embedder, dataset, [0])
        np.testing.assert_allclose(found.audio, model.get_audio_features(foa), atol=1e-5)
        alone = foa[:, :1].expand(-1, 4, -1)
        np.testing.assert_allclose(found.audio_without_space, model.get_audio_features(alone), atol=1e-5)


def test_of_a_long_train_split_only_the_rows_of_the_probes_are_used(subject):
    options = dataclasses.replace(subject.options, train_rows=6)
    fewer = Subject(subject.embedder, subject.releases, "test", subject.output, options)
    assert len(fewer.train.ids) == len(set(fewer.train.ids)) == len(fewer.train.audio) == 6
    assert set(fewer.train.ids) < set(subject.train.ids)
    assert fewer.readout.rows == 6
