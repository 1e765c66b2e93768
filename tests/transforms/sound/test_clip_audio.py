"""Clips are decoded at any rate and width, stripped of silence, repeated, or refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sounds import RATE, encoded, noise_burst
from transforms.sound.clip_audio import ClipRefused, decode_clip, prepare_clip, strip_silence


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "DOUBLE"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", None)],
)
def test_whatever_libsndfile_reads_is_read(kind: str, subtype: str | None) -> None:
    samples, rate = decode_clip(encoded(noise_burst(0.5), kind=kind, subtype=subtype), max_duration_s=10)
    assert rate == RATE
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.abs(samples).max() > 0.2


def test_channels_are_mixed_down_by_their_mean() -> None:
    left, right = noise_burst(0.1, seed=1), noise_burst(0.1, seed=2)
    samples, _ = decode_clip(encoded(np.stack([left, right], 1), subtype="FLOAT"), max_duration_s=10)
    np.testing.assert_allclose(samples, (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not sound at all", "unreadable"),
        (encoded(noise_burst(0.5))[:20], "unreadable"),
        (encoded(np.zeros(0, dtype=np.float32)), "empty"),
        (encoded(np.full(100, np.nan, dtype=np.float32), subtype="FLOAT"), "not_finite"),
        (encoded(np.full(100, np.inf, dtype=np.float32), subtype="FLOAT"), "not_finite"),
        (encoded(np.zeros(4 * RATE, dtype=np.float32)), "too_long"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ClipRefused) as refusal:
        decode_clip(data, max_duration_s=3)
    assert refusal.value.reason == reason


def test_silence_is_refused() -> None:
    with pytest.raises(ClipRefused) as refusal:
        prepare_clip(np.full(RATE, 1e-6, dtype=np.float32), RATE, trim_below_peak_db=30, min_duration_s=4)
    assert refusal.value.reason == "silent"


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_becomes_48_khz_and_at_least_4_s(rate: int) -> None:
    prepared = prepare_clip(noise_burst(1.5, rate), rate, trim_below_peak_db=60, min_duration_s=4)
    assert len(prepared) >= 4 * RATE
    # Repeated whole: three times 1.5 s, to the length of a frame of the silence detector.
    assert len(prepared) == pytest.approx(4.5 * RATE, abs=3 * 2048)


@pytest.mark.parametrize("rate", [8_000, 48_000, 192_000])
def test_what_is_shorter_than_10_ms_is_no_sound(rate: int) -> None:
    shortest = noise_burst(1, rate)[: rate // 100]
    with pytest.raises(ClipRefused, match="ms") as refusal:
        prepare_clip(shortest[:-1], rate, trim_below_peak_db=30, min_duration_s=4)
    assert refusal.value.reason == "too_short"
    assert len(prepare_clip(shortest, rate, trim_below_peak_db=30, min_duration_s=4)) >= 4 * RATE


def test_an_offset_that_never_moves_is_silence() -> None:
    with pytest.raises(ClipRefused, match="offset") as refusal:
        prepare_clip(np.full(RATE, 0.5, dtype=np.float32), RATE, trim_below_peak_db=30, min_duration_s=4)
    assert refusal.value.reason == "silent"
    moving = (0.5 + 0.1 * noise_burst(1)).astype(np.float32)
    assert len(prepare_clip(moving, RATE, trim_below_peak_db=30, min_duration_s=4)) == 4 * RATE


def test_a_click_in_silence_is_a_sound() -> None:
    click = np.zeros(RATE, dtype=np.float32)
    click[RATE // 2] = 1
    assert np.abs(prepare_clip(click, RATE, trim_below_peak_db=30, min_duration_s=4)).max() == 1


def test_a_long_clip_is_not_repeated() -> None:
    clip = np.tile(np.array([1, -1], dtype=np.float32), 5 * RATE // 2)
    assert len(prepare_clip(clip, RATE, trim_below_peak_db=30, min_duration_s=4)) == 5 * RATE


def test_an_mp3_begins_where_three_of_its_frames_follow_each_other() -> None:
    mp3 = encoded(noise_burst(0.5), kind="MP3")
    # Junk that looks like a frame, such as a picture in a tag, is passed over.
    junk = b"ID3\x03" + b"\0" * 6 + b"\xff\xd8\xff\xe0" + b"\xff\xfb\x90\x00" * 50
    expected, _ = decode_clip(mp3, "a.mp3", max_duration_s=3)
    samples, _ = decode_clip(junk + mp3, "a.MP3", max_duration_s=3)
    np.testing.assert_array_equal(samples, expected)


@given(st.integers(0, 9000), st.integers(0, 9000), st.integers(0, 9000))
def test_silence_at_the_ends_goes_and_sound_and_inner_gaps_stay(before: int, gap: int, after: int) -> None:
    sound = np.full(3000, 0.5, dtype=np.float32)
    parts = [np.zeros(before), sound, np.zeros(gap), sound, np.zeros(after)]
    stripped = strip_silence(np.concatenate(parts).astype(np.float32), 30)
    assert int(np.count_nonzero(stripped)) == 6000
    assert 6000 + gap <= len(stripped) <= 6000 + gap + 2 * 2048


def test_an_mp3_with_an_empty_tag_is_known_by_its_ending(capfd: pytest.CaptureFixture[str]) -> None:
    data = b"ID3\x03" + b"\0" * 6 + encoded(noise_burst(0.5), kind="MP3")
    with pytest.raises(ClipRefused, match="not recognised"):
        decode_clip(data, "horse", max_duration_s=3)
    samples, _ = decode_clip(data, "horse.mp3", max_duration_s=3)
    assert np.abs(samples).max() > 0.2
    assert capfd.readouterr().err == ""
