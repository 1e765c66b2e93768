"""The subject of an evaluation, for the tests of single tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.elsa.embedding import Embedder
from model.evaluation.options import EvaluationOptions
from model.evaluation.subject import Subject

#: Small numbers, so that tests are fast.
OPTIONS = EvaluationOptions(
    noise_db=(5.0,), readout_steps=60, cluster_rows=20, caption_steps=8, caption_batch=4, caption_rows=4
)


@pytest.fixture(scope="module")
def subject(trained_run: Path, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The tiny model on the release of plane waves."""
    output = tmp_path_factory.mktemp("evaluation")
    return Subject(Embedder.from_run(trained_run), [release], "test", output, OPTIONS)
