"""Rendering: levels, clipping that is never silent, and integers that come back."""

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.sound import render
from transforms.sound.render import Level, choose_gain, decoded_pcm_sha256, encode_flac, pcm_sha256, quantise

FIXED = Level(mode="fixed", gain_db=-12.0, peak_dbfs=-1.0)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_fixed_gain_is_the_same_for_all_that_fit():
    for scale in (0.01, 0.5, 3.0):
        samples = (scale * np.sin(np.arange(1000.0))).astype(np.float32)[None]
        assert choose_gain(samples, FIXED, 16) == (-12.0, False)


def test_what_would_clip_is_turned_down_to_just_under_full_scale():
    samples = np.array([[0.1, -9.0], [2.0, 3.0]], dtype=np.float32)
    for bit_depth in (16, 24):
        gain_db, turned_down = choose_gain(samples, FIXED, bit_depth)
        assert turned_down
        assert gain_db < -12.0
        assert gain_db == round(gain_db, 3)
        peak = np.abs(quantise(samples, gain_db, bit_depth)).max()
        full_scale = 2 ** (bit_depth - 1) - 1
        assert full_scale * 0.9997 < peak <= full_scale


def test_peak_gives_every_clip_the_same_peak():
    for scale in (1e-3, 1.0, 40.0):
        samples = (scale * noise(4, 3000)).astype(np.float32)
        gain_db, turned_down = choose_gain(samples, Level("peak", -12.0, -3.0), 16)
        assert not turned_down
        assert np.abs(quantise(samples, gain_db, 16)).max() / 32768 == pytest.approx(10 ** (-3 / 20), rel=2e-4)


def test_a_peak_just_below_full_scale_is_no_clip():
    gain_db, turned_down = choose_gain(np.ones((1, 4), dtype=np.float32), Level("peak", -12.0, -1e-6), 16)
    assert not turned_down
    assert quantise(np.ones((1, 4), dtype=np.float32), gain_db, 16).max() >= 32763


def test_silence_keeps_the_fixed_gain_and_is_not_amplified():
    silence = np.zeros((4, 100), dtype=np.float32)
    assert choose_gain(silence, FIXED, 16) == (-12.0, False)
    assert choose_gain(silence, replace(FIXED, mode="peak"), 16) == (0.0, False)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(2.0**-20, 2.0**13, width=32),
    st.floats(-60, 60),
    st.sampled_from(["fixed", "peak"]),
    st.sampled_from([16, 24]),
)
def test_the_gain_chosen_never_clips(peak, gain_db, mode, bit_depth):
    samples = np.array([[peak, -peak / 2]], dtype=np.float32)
    level = Level(mode=mode, gain_db=gain_db, peak_dbfs=min(gain_db, -1e-3))
    chosen, _ = choose_gain(samples, level, bit_depth)
    assert chosen == round(chosen, 3)
    quantise(samples, chosen, bit_depth)
    quantise(-samples, chosen, bit_depth)


def test_quantising_rounds_half_to_even():
    samples = np.array([[0.5, 1.5, 2.5, -0.5, -1.5]], dtype=np.float32) / 32768
    assert quantise(samples, 0.0, 16)[:, 0].tolist() == [0, 2, 2, 0, -2]


def test_long_clips_are_quantised_like_short_ones():
    samples = 0.1 * noise(2, 150_001)
    expected = np.rint(samples.T.astype(np.float64) * 32768)
    assert np.array_equal(quantise(samples, 0.0, 16), expected)
    samples[1, -1] = 2.0
    with pytest.raises(ValueError, match="do not fit 16 bits"):
        quantise(samples, 0.0, 16)


def test_quantising_refuses_to_clip():
    with pytest.raises(ValueError, match="do not fit 16 bits"):
        quantise(np.array([[1.0]], dtype=np.float32), 0.0, 16)
    with pytest.raises(ValueError, match="do not fit"):
        quantise(np.array([[np.nan]], dtype=np.float32), 0.0, 16)
    with pytest.raises(ValueError, match="not finite"):
        choose_gain(np.array([[np.nan, 1.0]], dtype=np.float32), FIXED, 16)


def test_one_gain_keeps_the_channels_in_proportion():
    samples = (0.2 * noise(4, 1000)).astype(np.float32)
    pcm = quantise(samples, -12.0, 24)
    assert pcm == pytest.approx(samples.T * 10 ** (-12 / 20) * 2**23, abs=0.51)


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("channels", [1, 4])
def test_flac_gives_the_integers_back(bit_depth, channels):
    low, high = -(2 ** (bit_depth - 1)), 2 ** (bit_depth - 1) - 1
    pcm = np.random.default_rng(0).integers(low, high, (5000, channels), dtype=np.int32, endpoint=True)
    pcm[0], pcm[1] = low, high
    flac = encode_flac(pcm, 48_000, bit_depth)
    decoded = soundfile.read(io.BytesIO(flac), dtype="int32", always_2d=True)[0] >> (32 - bit_depth)
    assert np.array_equal(decoded, pcm)
    assert encode_flac(pcm, 48_000, bit_depth) == flac


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_samples_that_are_decoded_in_pieces_have_the_digest_of_the_whole(bit_depth, monkeypatch):
    monkeypatch.setattr(render, "_FRAMES_DECODED_AT_A_TIME", 700)
    pcm = np.random.default_rng(0).integers(-30_000, 30_000, (5000, 4), dtype=np.int32)
    with soundfile.SoundFile(io.BytesIO(encode_flac(pcm, 48_000, bit_depth))) as file:
        assert decoded_pcm_sha256(file) == pcm_sha256(pcm, bit_depth)


def test_a_header_that_promises_more_samples_than_there_are_takes_no_memory():
    flac = bytearray(encode_flac(np.zeros((5000, 4), dtype=np.int16) + 1, 48_000, 16))
    # The 36 bits of STREAMINFO that hold the number of frames.
    flac[21] |= 0x0F
    flac[22:26] = b"\xff" * 4
    with soundfile.SoundFile(io.BytesIO(flac)) as file, pytest.raises(RuntimeError):
        decoded_pcm_sha256(file)


def test_the_digest_is_of_integers_shape_and_depth():
    pcm = np.arange(8, dtype=np.int32).reshape(4, 2)
    digests = {
        pcm_sha256(pcm, 16), pcm_sha256(pcm.reshape(2, 4), 16), pcm_sha256(pcm, 24), pcm_sha256(pcm + 1, 16),
        pcm_sha256(-pcm, 16),
    }  # fmt: skip
    assert len(digests) == 5
    assert pcm_sha256(np.asfortranarray(pcm), 16) == pcm_sha256(pcm, 16)
    # Pinned: a release's digests rest on it.
    assert pcm_sha256(pcm, 16) == "3f706288da18d486b91b190bc2fbd5eeadf73cca7c5c884df478c1637f071351"


@pytest.mark.parametrize(
    "wrong", [{"mode": "loud"}, {"peak_dbfs": 0.0}, {"peak_dbfs": float("nan")}, {"gain_db": float("nan")}]
)
def test_impossible_levels_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} "):
        replace(FIXED, **wrong)


def test_other_bit_depths_are_refused():
    with pytest.raises(ValueError, match="bit_depth 8"):
        encode_flac(np.zeros((1, 1), dtype=np.int32), 48_000, 8)
