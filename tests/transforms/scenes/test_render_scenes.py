"""The sound of scenes: each source where and when its row says, tails that go on, stems that add up."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.directions import angle_between_deg
from tests.transforms.scenes.scenes import MadeSounds, furnished, noise, placed_row
from transforms.records import Row
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.simulate_response import simulate_response
from transforms.scenes.ambience import diffuse_noise
from transforms.scenes.mix import hear_scene
from transforms.scenes.render_scenes import RenderedScene, render_scene
from transforms.scenes.settings import SceneSettings
from transforms.scenes.stem_names import ambience_name
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.render import Level
from transforms.sound.render_rows import RenderSettings, render_row

SOUNDS = {"dog": noise(1, 0.3), "bell": noise(2, 0.5), "rain": noise(3, 3.0)}
TWO = SceneSettings(sources_min=2, sources_max=2, duration_s=2.5)
FIXED = RenderSettings(Level("fixed", -12.0, -1.0), 16, 30.0, 0.1, 300.0)
DEEP = replace(FIXED, bit_depth=24)
MADE = MadeSounds(SOUNDS)


def rendered(
    seed: int, settings: SceneSettings, names: tuple[str, ...] = ("dog", "bell"), render: RenderSettings = FIXED
) -> RenderedScene:
    row = placed_row({name: SOUNDS[name] for name in names}, seed, settings)
    return render_scene(row, MADE, render, settings)  # type: ignore[arg-type]


def direction_of(foa: NDArray[np.floating]) -> NDArray[np.float64]:
    """The direction of the mean active intensity of samples (4, n)."""
    samples = np.asarray(foa, dtype=np.float64)
    y, z, x = (float(np.sum(samples[0] * samples[channel])) for channel in (1, 2, 3))
    return np.array([x, y, z])


def test_one_still_source_is_the_row_without_a_scene_and_its_tail_goes_on() -> None:
    one = SceneSettings(duration_s=2.5)
    row = placed_row({"dog": SOUNDS["dog"]}, 3, one)
    assert row.room is not None
    assert row.placement is not None
    assert row.scene is not None
    scene = render_scene(row, MADE, FIXED, one)  # type: ignore[arg-type]
    padded = np.concatenate([SOUNDS["dog"], np.zeros(2 * SAMPLE_RATE, dtype=np.float32)])
    response = simulate_response(row.room, row.placement, seed=row.seed)
    plain = render_row(replace(row, response=response), padded, "sha", FIXED)[1].pcm
    onset = round(row.scene.sources[0].onset_s * SAMPLE_RATE)
    length = min(len(plain), len(scene.pcm) - onset)
    assert np.abs(scene.pcm[onset : onset + length] - plain[:length]).max() <= 1
    assert not scene.pcm[:onset].any()
    after = onset + len(SOUNDS["dog"]) + round(0.02 * SAMPLE_RATE)
    assert np.abs(scene.pcm[after : after + 4800]).max() > 0


def test_two_sounds_one_after_the_other_come_from_their_directions() -> None:
    angles_deg = []
    for seed in range(12):
        row = placed_row({"dog": SOUNDS["dog"], "bell": SOUNDS["bell"]}, seed, TWO)
        assert row.scene is not None
        sound = hear_scene(row, lambda clip: SOUNDS[clip.source_id], direct=True)
        for source, heard in zip(row.scene.sources, sound.sources, strict=True):
            assert heard.direct is not None
            expected = direction_to_unit_vector(source.placement.azimuth_deg, source.placement.elevation_deg)
            angles_deg.append(angle_between_deg(direction_of(heard.direct), expected))
            # Time zero of a source is its onset: the direct sound arrives after its way.
            loud = np.abs(heard.direct[0]) > 0.1 * np.abs(heard.direct[0]).max()
            first = int(np.flatnonzero(loud)[0])
            assert first == pytest.approx(source.placement.distance_m / 343.0 * SAMPLE_RATE, abs=30)
    assert max(angles_deg) < 0.1


def test_the_mixture_is_the_sum_of_its_sources_at_their_onsets() -> None:
    row = placed_row({"dog": SOUNDS["dog"], "bell": SOUNDS["bell"]}, 8, TWO)
    sound = hear_scene(row, lambda clip: SOUNDS[clip.source_id], direct=False)
    total = sum(sound.placed(number, heard.wet) for number, heard in enumerate(sound.sources))
    np.testing.assert_allclose(sound.mixture(), total, atol=1e-7)
    assert row.scene is not None
    assert sound.onsets == tuple(round(source.onset_s * SAMPLE_RATE) for source in row.scene.sources)


def test_a_sound_that_is_too_long_fades_out_where_the_scene_ends() -> None:
    row = placed_row({"rain": SOUNDS["rain"]}, 8, SceneSettings(duration_s=1.0))
    assert row.scene is not None
    assert row.scene.sources[0].duration_s == 1.0
    sound = hear_scene(row, lambda clip: SOUNDS[clip.source_id], direct=False)
    assert sound.sources[0].wet.shape == (4, SAMPLE_RATE)
    # The prepared sound that others use is not changed.
    assert np.abs(SOUNDS["rain"][SAMPLE_RATE - 100 : SAMPLE_RATE]).max() > 0.05


@pytest.mark.parametrize("snr_db", [0.0, 17.5])
def test_the_ambience_has_the_level_that_the_row_says(snr_db: float) -> None:
    noisy = replace(TWO, ambience_snr_min_db=snr_db, ambience_snr_max_db=snr_db)
    row = placed_row({"dog": SOUNDS["dog"], "bell": SOUNDS["bell"]}, 8, noisy)
    sound = hear_scene(row, lambda clip: SOUNDS[clip.source_id], direct=False)
    assert sound.ambience is not None
    sources = sound.mixture() - sound.ambience
    measured_db = 10 * np.log10(np.sum(sources[0].astype(float) ** 2) / np.sum(sound.ambience[0].astype(float) ** 2))
    assert measured_db == pytest.approx(snr_db, abs=0.01)


def test_the_ambience_is_diffuse_and_falls_by_3_db_an_octave() -> None:
    field = diffuse_noise(5, 20 * SAMPLE_RATE, SAMPLE_RATE).astype(np.float64)
    powers = np.mean(field**2, axis=1)
    np.testing.assert_allclose(powers[1:] / powers[0], 1 / 3, rtol=0.1)
    correlations = np.corrcoef(field)
    assert np.abs(correlations - np.eye(4)).max() < 0.05
    spectrum = np.abs(np.fft.rfft(field[0])) ** 2
    edges = [round(hz * 20) for hz in (500, 1000, 2000, 4000, 8000)]
    densities_db = [10 * np.log10(spectrum[low:high].mean()) for low, high in pairwise(edges)]
    np.testing.assert_allclose(np.diff(densities_db), -3.01, atol=0.3)
    assert not np.array_equal(field, diffuse_noise(6, 20 * SAMPLE_RATE, SAMPLE_RATE))


@pytest.mark.parametrize("moving_share", [0.0, 1.0])
def test_wet_stems_and_the_ambience_add_up_to_the_mixture_in_every_sample(moving_share: float) -> None:
    stems = replace(TWO, stems="both", moving_share=moving_share, ambience_snr_min_db=10.0, ambience_snr_max_db=10.0)
    scene = rendered(3, stems, render=DEEP)
    assert scene.row.audio is not None
    assert scene.row.scene is not None
    named = [name for source in scene.row.scene.sources for name in source.stems]
    assert sorted(scene.stems) == sorted([*named, ambience_name(scene.row.audio.file_name)])
    wet = [scene.stems[name] for name in scene.stems if not name.endswith("-direct.flac")]
    assert len(wet) == 3
    np.testing.assert_array_equal(sum(stem.astype(np.int64) for stem in wet), scene.pcm)
    coarse = rendered(3, stems)
    total = sum(stem.astype(np.int64) for name, stem in coarse.stems.items() if not name.endswith("-direct.flac"))
    assert np.abs(total - (coarse.pcm.astype(np.int64) << 8)).max() <= 1 << 8


def test_stems_change_no_sample_of_the_mixture() -> None:
    assert np.array_equal(rendered(3, replace(TWO, stems="both")).pcm, rendered(3, TWO).pcm)


def test_a_scene_that_would_clip_is_turned_down_as_one() -> None:
    loud = RenderSettings(Level("fixed", 40.0, -1.0), 16, 30.0, 0.1, 300.0)
    row = rendered(3, TWO, render=loud).row
    assert row.audio is not None
    assert row.audio.turned_down
    assert row.audio.gain_db < 40.0


def test_the_row_tells_the_file_that_was_written() -> None:
    scene = rendered(11, replace(TWO, moving_share=1.0))
    samples, rate = soundfile.read(io.BytesIO(next(iter(scene.files.flacs.values()))), dtype="int16")
    assert (rate, samples.shape) == (SAMPLE_RATE, (round(2.5 * SAMPLE_RATE), 4))
    np.testing.assert_array_equal(samples, scene.pcm)
    assert scene.row.audio is not None
    assert scene.row.audio.duration_s == 2.5
    assert scene.row.scene is not None
    assert all(source.drr_db is not None for source in scene.row.scene.sources)


def test_the_level_of_a_companion_is_that_of_the_own_clip_and_its_gain() -> None:
    sounds = {"dog": SOUNDS["dog"], "bell": 0.01 * SOUNDS["bell"]}
    row: Row = placed_row(sounds, 3, TWO, furnished())
    assert row.scene is not None
    bell = next(source for source in row.scene.sources if source.clip.source_id == "bell")
    assert bell.applied_gain_db == pytest.approx(40.0 + bell.gain_db, abs=0.5)
