"""The map: votes with known results, the task with a projection instead of UMAP, and UMAP itself.

UMAP compiles for 20 seconds in every new process. So the task is tested with a projection, and UMAP itself with its
compiler switched off.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from model.evaluation.subject import NotScored
from model.evaluation.tasks import embedding_map
from model.evaluation.tasks.embedding_map import evaluate_map, vote

ROOT = Path(__file__).parents[4]


class Projection:
    """A replacement for umap.UMAP that takes two of the dimensions, and records its arguments."""

    settings_used: ClassVar[list[dict]] = []

    def __init__(self, **settings):
        Projection.settings_used.append(settings)

    def fit_transform(self, vectors, y):
        assert len(vectors) == len(y)
        return vectors[:, :2]

    def transform(self, vectors):
        return vectors[:, :2]


def test_votes():
    train = np.array([[0.0, 0], [0.1, 0], [5, 5], [5.1, 5], [5, 5.1]])
    points = np.array([[0.05, 0], [5, 5.05]])
    # All five points vote, so the larger class wins everywhere.
    assert vote(train, np.array([0, 0, 1, 1, 1]), points).tolist() == [1, 1]
    crowd = np.concatenate([np.zeros((20, 2)), np.ones((20, 2))])
    assert vote(crowd, np.repeat([0, 1], 20), np.array([[0.1, 0], [0.9, 1]])).tolist() == [0, 1]


def test_the_task_draws_audio_and_text(subject, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Projection))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "umap" else real(name))
    monkeypatch.setattr(embedding_map, "LEAST_ROWS", 8)
    result = evaluate_map(subject)
    assert set(result) == {"direction", "distance"}
    assert result["direction"]["neighbours_audio"]["n"] == 8
    assert result["direction"]["neighbours_text"]["chance"] == 0.25
    assert (subject.output / "map.png").is_file()
    assert all(settings["n_jobs"] == 1 and settings["random_state"] >= 0 for settings in Projection.settings_used)


def test_without_umap_the_task_says_what_to_install(subject, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotScored, match=r"pip install .*\[map\]"):
        evaluate_map(subject)


@pytest.mark.slow
def test_umap_itself_keeps_words_apart():
    # In a separate process with the compiler off, because compiling takes longer than forty points.
    code = """
import functools
import numpy as np
import umap
from model.evaluation.tasks.umap_fit import fit_map, vote
umap.UMAP = functools.partial(umap.UMAP, n_epochs=30)
generator = np.random.Generator(np.random.Philox(key=0))
labels = np.arange(32) % 2
points = generator.standard_normal((32, 8)) + 6 * np.eye(2, 8)[labels]
train, test = fit_map(points, labels, [points[:8] + 0.1], seed=1)
assert train.shape == (32, 2) and test.shape == (8, 2) and np.isfinite(test).all()
assert (vote(train, labels, test) == labels[:8]).mean() >= 0.75
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
