"""Search in a release with a sentence, as the docs show it."""

from __future__ import annotations

import pytest
import torch

from model.data import ReleaseDataset
from model.elsa.embedding import Embedder
from model.search import ReleaseIndex
from model.search.__main__ import main


@pytest.fixture(scope="module")
def elsa(trained_run) -> Embedder:
    return Embedder.from_run(trained_run)


def test_the_nearest_clips_come_first(elsa, release):
    index = ReleaseIndex.of_release(elsa, [release])
    hits = index.search(elsa, "Sound number 1 hums from the left.", count=5)
    assert len(hits) == 5
    assert all(hit.file.is_file() for hit in hits)
    likeness = [hit.likeness for hit in hits]
    assert likeness == sorted(likeness, reverse=True)
    dataset = ReleaseDataset([release], "test", sample_rate=elsa.model.config.sample_rate, clip_s=1.0)
    row = dataset.values("id").index(hits[0].id)
    assert hits[0].file == dataset.path(row)
    with torch.inference_mode():
        audio = elsa.model.get_audio_features(torch.from_numpy(dataset[row].audio)[None])[0].numpy()
    assert audio @ elsa.text(["Sound number 1 hums from the left."])[0] == pytest.approx(likeness[0], abs=1e-4)


def test_the_command_prints_files_and_names_a_missing_release(trained_run, release, tmp_path, capsys):
    assert main([str(trained_run), "--data", str(release), "--count", "3", "a hum on the left"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(".flac" in line for line in lines)
    assert main([str(trained_run), "--data", str(tmp_path / "nowhere"), "a hum"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
