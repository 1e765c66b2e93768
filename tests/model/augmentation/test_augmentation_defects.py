"""Defects of microphones, measured on sound: each has the effect that it describes, and no other."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from model.augmentation import Augmentation, transform_names
from model.augmentation.apply_recordings import Recordings, record
from model.augmentation.defects import (
    BandLimit,
    ChannelGain,
    Colouring,
    DiffuseNoise,
    Leakage,
    LowFrequencyNoise,
    Misalignment,
    SpatialAliasing,
)
from model.augmentation.recording import Recording
from model.draws import keyed_generator
from tests.model.conftest import encode

RATE = 16000
SAMPLES = 2 * RATE


def wave(azimuth=30.0, elevation=10.0, seed=0):
    return encode(0.1 * np.random.Generator(np.random.Philox(key=seed)).standard_normal(SAMPLES), azimuth, elevation)


def record_with(transform, foa, seed=0):
    """Records sound (4, samples) with one defect."""
    recording = transform(
        Recording.ideal(keyed_generator(seed, "noise").integers(1 << 62, size=4)), keyed_generator(seed), RATE
    )
    audio = torch.from_numpy(foa[None]).to(torch.float32)
    record(audio, Recordings.of([recording]), sample_rate=RATE)
    return audio[0].double().numpy()


def band(signal, low, high):
    """Power of each channel between two frequencies."""
    spectrum = np.abs(np.fft.rfft(signal)) ** 2
    frequency = np.fft.rfftfreq(signal.shape[-1], 1 / RATE)
    return spectrum[..., (frequency >= low) & (frequency < high)].sum(-1)


@pytest.mark.parametrize("snr_db", [5.0, 30.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_diffuse_noise_has_its_level_and_is_isotropic(snr_db, seed):
    foa = wave()
    noise = record_with(DiffuseNoise(snr_from_db=snr_db, snr_to_db=snr_db), foa, seed) - foa
    power = (noise**2).mean(1)
    assert 10 * math.log10((foa[0] ** 2).mean() / power[0]) == pytest.approx(snr_db, abs=0.7)
    np.testing.assert_allclose(power[1:] / power[0], 1 / 3, rtol=0.15)
    assert np.abs(np.corrcoef(noise) - np.eye(4)).max() < 0.1


def test_noise_depends_on_the_key_of_the_clip():
    foa, transform = wave(), DiffuseNoise(snr_from_db=10, snr_to_db=10)
    one, again, other = (record_with(transform, foa, seed) - foa for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one[0], other[0])[0, 1]) < 0.1


def test_low_frequency_noise_falls_with_frequency_and_spares_w():
    foa = wave()
    noise = record_with(LowFrequencyNoise(snr_from_db=10, snr_to_db=10), foa) - foa
    assert (noise[0] ** 2).mean() < 1e-9 * (foa[0] ** 2).mean()
    for channel in noise[1:]:
        # Amplitude as 1/f: an octave has half the power of the one below.
        assert band(channel, 400, 800) / band(channel, 800, 1600) == pytest.approx(2, rel=0.3)


def test_band_limit_cuts_only_xyz():
    foa = wave()
    cut = record_with(BandLimit(from_hz=2000, to_hz=2000), foa)
    np.testing.assert_allclose(cut[0], foa[0], atol=1e-3)
    for channel in (1, 2, 3):
        assert band(cut[channel], 100, 500) == pytest.approx(band(foa[channel], 100, 500), rel=0.05)
        assert band(cut[channel], 7500, 8000) < 0.05 * band(foa[channel], 7500, 8000)


def test_above_the_aliasing_frequency_the_direction_is_lost_and_below_it_remains():
    foa = wave(90.0, 0.0)
    loud = []
    for seed in range(20):
        aliased = record_with(SpatialAliasing(from_hz=2000, to_hz=2000), foa, seed)
        np.testing.assert_allclose(aliased[0], foa[0], atol=1e-3)
        assert band(aliased[1] - foa[1], 50, 400) < 0.01 * band(foa[1], 50, 400)
        # X and Z are silent in a wave from the left; aliasing fills them from W.
        assert band(aliased[3], 6000, 8000) > 0
        loud.append(band(aliased[3], 6000, 8000) / band(foa[0], 6000, 8000))
    assert 0.1 < np.mean(loud) < 3


def test_leakage_falls_with_frequency_and_never_exceeds_its_bound():
    foa = encode(0.1 * np.random.Generator(np.random.Philox(key=1)).standard_normal(SAMPLES), 90.0, 0.0)
    leaked = [record_with(Leakage(), foa, seed) for seed in range(8)]
    for out in leaked:
        np.testing.assert_allclose(out[0], foa[0], atol=1e-4)
        ratio = [math.sqrt(band(out[3], *octave) / band(foa[0], *octave)) for octave in ((500, 1000), (1000, 2000))]
        assert ratio[0] / ratio[1] == pytest.approx(2, rel=0.3) or ratio[0] < 1e-3
        assert math.sqrt(band(out[3], 20, 100) / band(foa[0], 20, 100)) < 1.05


def test_colouring_stays_within_its_range_in_every_channel():
    foa = wave(45.0, 30.0)
    out = record_with(Colouring(range_db=3, apart_db=1), foa)
    for low in (100, 400, 1600, 6000):
        change_db = 10 * np.log10(band(out, low, 1.2 * low) / band(foa, low, 1.2 * low))
        assert abs(change_db[0]) < 3.1
        assert np.abs(change_db[1:]).max() < 4.1
        assert np.ptp(change_db[1:]) < 2.1
    assert np.abs(out - foa).max() > 1e-3


def test_gain_between_w_and_the_rest():
    foa = wave()
    out = record_with(ChannelGain(range_db=10), foa)
    np.testing.assert_allclose(out[0], foa[0], atol=1e-4)
    gains = (out[1:] ** 2).sum(1) / (foa[1:] ** 2).sum(1)
    np.testing.assert_allclose(gains, gains[0], rtol=1e-4)
    assert abs(10 * math.log10(gains[0])) <= 10


@pytest.mark.parametrize("seed", range(5))
def test_misalignment_turns_by_no_more_than_its_range(seed):
    matrix = Misalignment(range_deg=3).matrix(keyed_generator(seed))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(4), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
    angle = math.degrees(math.acos(min(1.0, (np.trace(matrix[1:, 1:]) - 1) / 2)))
    assert angle <= 3.0001


def test_silence_stays_silence_and_finite():
    silence = np.zeros((4, SAMPLES))
    for name in transform_names():
        transform = getattr(Augmentation(), name)
        if callable(transform):
            np.testing.assert_array_equal(record_with(transform, silence), silence)


def test_clips_of_a_batch_are_recorded_independently():
    """The result for a clip does not depend on the other clips, and a clip without defects does not change."""
    ideal = Recording.ideal(np.arange(4))
    recordings = [DiffuseNoise()(ideal, keyed_generator(i), RATE) if i != 1 else None for i in range(3)]
    clips = torch.stack([torch.from_numpy(wave(seed=i)).float() for i in range(3)])
    together = clips.clone()
    record(together, Recordings.of(recordings), sample_rate=RATE)
    alone = clips[2:].clone()
    record(alone, Recordings.of(recordings[2:]), sample_rate=RATE)
    torch.testing.assert_close(together[2], alone[0], rtol=0, atol=0)
    torch.testing.assert_close(together[1], clips[1], rtol=0, atol=0)
    assert not torch.equal(together[0], clips[0])


def test_switching_a_transform_off_does_not_change_the_others():
    def draw(augmentation):
        return augmentation.draw(
            lambda name: keyed_generator(3, name),
            azimuth_deg=10.0,
            elevation_deg=0.0,
            words={"direction": "front", "elevation": None, "distance": None, "room_size": None, "reverberation": None},
            caption="In front, a dog barks.",
            original="A dog barks",
            sample_rate=RATE,
        )

    every = Augmentation(
        ideal_share=0.0,
        **{name: dataclasses.replace(getattr(Augmentation(), name), probability=1.0) for name in transform_names()},
    )
    without = dataclasses.replace(every, colouring=Colouring(probability=0.0))
    one, two = draw(every), draw(without)
    np.testing.assert_array_equal(one.matrix, two.matrix)
    np.testing.assert_array_equal(one.recording.noise_key, two.recording.noise_key)
    assert one.caption == two.caption
    assert not np.array_equal(one.recording.response, two.recording.response)
    # Except for the colouring, both are the same.
    ratio = one.recording.response / two.recording.response
    assert np.abs(20 * np.log10(ratio)).max() < 4.001


def test_with_every_transform_off_nothing_changes():
    out = Augmentation.none().draw(
        lambda name: keyed_generator(3, name),
        azimuth_deg=10.0,
        elevation_deg=50.0,
        words={"direction": "front", "elevation": "up", "distance": None, "room_size": None, "reverberation": None},
        caption="Above, in front, a dog barks.",
        original="A dog barks",
        sample_rate=RATE,
    )
    np.testing.assert_array_equal(out.matrix, np.eye(4))
    assert out.recording is None or out.recording.is_ideal
    assert (out.azimuth_deg, out.elevation_deg, out.caption) == (10.0, 50.0, "Above, in front, a dog barks.")
