"""Rows rendered again from their metadata have the samples of the release, or are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile

from pipeline.check.verify import rerender_rows, verify
from tests.pipeline.check.damage import change_cell
from tests.sounds import RATE, noise_burst


@pytest.fixture
def small_copy(release: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release, tmp_path / "copy"))


@pytest.mark.slow
def test_rows_rendered_again_from_their_metadata_have_the_same_samples(release: Path, recordings: Path) -> None:
    findings = verify(release)
    rerender_rows(str(release), str(recordings), 4, findings)
    assert findings.rerendered == 4
    assert findings.problems == []


def test_a_clip_that_was_swapped_is_found_by_rendering_again(release: Path, recordings: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(recordings, other)
    for number, path in enumerate(sorted(other.glob("*.wav"))):
        soundfile.write(path, noise_burst(0.7, seed=100 + number), RATE)
    findings = verify(release)
    rerender_rows(str(release), str(other), 2, findings)
    assert len(findings.problems) == 2
    assert all("another file" in problem for problem in findings.problems)


@pytest.mark.slow
def test_a_row_whose_seed_was_changed_is_found_by_rendering_again(small_copy: Path, recordings: Path) -> None:
    change_cell(small_copy, "seed", 5)
    findings = verify(small_copy)
    rerender_rows(str(small_copy), str(recordings), 100, findings)
    assert findings.rerendered == 10
    assert sum("rendered again" in problem for problem in findings.problems) == 1
