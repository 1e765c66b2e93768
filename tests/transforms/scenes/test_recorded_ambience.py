"""Ambiences of recordings: diffuse, keyed by the row, without a seam, and drawn among recordings that can be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.sounds import encoded
from tests.transforms.scenes.scenes import MadeSounds, clip_of, noise, placed_row
from transforms.rooms.image_sources import sn3d_harmonics
from transforms.scenes.mix import hear_scene
from transforms.scenes.recorded_ambience import choose_recording, diffuse_recording, even_directions
from transforms.scenes.recordings import list_recordings
from transforms.scenes.settings import SceneSettings
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.refusal import ClipRefused
from transforms.sources.input_tree import SourceUnusable

STREET = noise(9, 12.0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_directions_weigh_every_degree_as_an_isotropic_field_does(order: int) -> None:
    harmonics = sn3d_harmonics(order, even_directions(5))
    covariance = np.einsum("ni,nj->ij", harmonics, harmonics) / len(harmonics)
    degrees = [degree for degree in range(order + 1) for _ in range(2 * degree + 1)]
    np.testing.assert_allclose(covariance, np.diag([1 / (2 * degree + 1) for degree in degrees]), atol=1e-12)


def test_each_row_turns_the_directions_another_way() -> None:
    first, second = even_directions(1), even_directions(2)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-12)
    assert np.abs(first - second).max() > 0.05
    np.testing.assert_array_equal(first, even_directions(1))


def test_a_steady_recording_becomes_a_diffuse_field() -> None:
    field = diffuse_recording(STREET, 4, 8 * SAMPLE_RATE).astype(np.float64)
    covariance = np.einsum("in,jn->ij", field, field)
    power = np.diag(covariance)
    np.testing.assert_allclose(10 * np.log10(power[1:] / power[0]), 10 * np.log10(1 / 3), atol=0.6)
    coherence = np.abs(covariance) / np.sqrt(np.outer(power, power))
    assert (coherence - np.eye(4)).max() < 0.05
    assert power[0] / field.shape[1] == pytest.approx(np.mean(np.square(STREET, dtype=np.float64)), rel=0.1)


def test_a_short_recording_repeats_without_a_click() -> None:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    hum = (0.1 * np.sin(2 * np.pi * 111.3 * times)).astype(np.float32)
    field = diffuse_recording(hum, 3, 4 * SAMPLE_RATE)
    steps = np.abs(np.diff(field[0]))
    # A sine changes by at most its amplitude times 2πf/fs; the 24 excerpts add up to at most √24 of it.
    assert steps.max() < 0.1 * np.sqrt(24) * 1.5 * 2 * np.pi * 111.3 / SAMPLE_RATE


def test_a_recording_that_cannot_be_used_gives_way_to_another() -> None:
    row = placed_row({"dog": noise(1, 0.3)}, 3, SceneSettings(duration_s=1.0))
    sounds = MadeSounds({"street.wav": STREET}, ClipRefused("corrupt", "no sound"))
    broken, street = clip_of("broken.wav"), clip_of("street.wav")
    chosen = [choose_recording(replace(row, seed=seed), (broken, street), sounds) for seed in range(8)]  # type: ignore[arg-type]
    assert chosen == [street] * 8
    with pytest.raises(ClipRefused, match=r"the last that was tried: broken\.wav: no sound"):
        choose_recording(row, (broken,), sounds)  # type: ignore[arg-type]


def test_the_ambience_of_a_scene_is_its_recording_at_the_level_that_was_drawn() -> None:
    settings = SceneSettings(duration_s=2.0, ambience_snr_min_db=12.0, ambience_snr_max_db=12.0)
    row = placed_row({"dog": noise(1, 0.3)}, 3, settings)
    row = replace(row, ambience=clip_of("street"))
    sounds = {"dog": noise(1, 0.3), "street": STREET}
    heard = hear_scene(row, lambda clip: sounds[clip.source_id], direct=False)
    assert heard.ambience is not None
    shape = diffuse_recording(STREET, row.seed, heard.n_samples)
    gain = heard.ambience[0, 1000] / shape[0, 1000]
    np.testing.assert_allclose(heard.ambience, gain * shape, rtol=1e-4, atol=1e-7)
    signal = np.zeros(heard.n_samples)
    for sound, onset in zip(heard.sources, heard.onsets, strict=True):
        signal[onset:] += sound.wet[0]
    snr_db = 10 * np.log10(np.sum(signal**2) / np.sum(np.square(heard.ambience[0], dtype=np.float64)))
    assert snr_db == pytest.approx(12.0, abs=0.01)


def test_recordings_are_listed_by_name_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnusable, match="holds no recording"):
        list_recordings(str(tmp_path / "empty"))
    (tmp_path / "street").mkdir()
    for name in ("street/b.wav", "a.wav"):
        (tmp_path / name).write_bytes(encoded(STREET[:4800]))
    (tmp_path / "notes.txt").write_text("a.wav")
    assert [clip.source_id for clip in list_recordings(str(tmp_path))] == ["a.wav", "street/b.wav"]
