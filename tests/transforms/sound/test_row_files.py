"""The files of a row: its own and those of higher degrees, with one gain that the first order chooses."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from transforms.sound.degree_files import channels_of_degree, degree_name, degree_names, is_degree_name
from transforms.sound.render import Level, choose_gain, pcm_sha256, quantise
from transforms.sound.render_rows import flac_name
from transforms.sound.row_files import RowFiles, choose_row_gain, encode_row

FIXED = Level("fixed", -12.0, -1.0)
PEAK = Level("peak", -12.0, -1.0)


def noise(channels: int, peak: float = 0.5) -> NDArray[np.float32]:
    return np.random.default_rng(channels).uniform(-peak, peak, (channels, 4_800)).astype(np.float32)


def encoded(samples: NDArray[np.float32], bit_depth: int = 16, channels: str = "WYZX") -> RowFiles:
    return encode_row(
        samples, "dog-1.flac", gain_db=-12.0, turned_down=False, bit_depth=bit_depth, channels=channels,
        source_sha256="s",
    )  # fmt: skip


def test_names_of_degrees_lie_beside_the_own_file_and_are_no_own_files() -> None:
    assert degree_names("dog-1.flac", 1) == []
    assert degree_names("dog-1.flac", 3) == ["dog-1.d2.flac", "dog-1.d3.flac"]
    assert all(map(is_degree_name, degree_names("dog-1.flac", 3)))
    for row_id in ("train/a.d2.flac#0", "train/.d3.flac#1", "test/d2#0"):
        assert not is_degree_name(flac_name(row_id))
        assert is_degree_name(degree_name(flac_name(row_id), 2))


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_each_degree_is_a_file_with_its_channels_and_the_first_four_stay_what_they_are(
    order: int, bit_depth: int
) -> None:
    samples = noise((order + 1) ** 2)
    files = encoded(samples, bit_depth)
    assert files.flacs[files.audio.file_name] == encoded(samples[:4], bit_depth).flacs["dog-1.flac"]
    assert list(files.flacs) == ["dog-1.flac", *degree_names("dog-1.flac", order)]
    for degree, file in enumerate(files.audio.degrees, 2):
        pcm, rate = soundfile.read(io.BytesIO(files.flacs[file.file_name]), dtype="int32", always_2d=True)
        expected = quantise(samples[channels_of_degree(degree)], -12.0, bit_depth)
        assert (pcm.shape[1], rate) == (2 * degree + 1, 48_000)
        np.testing.assert_array_equal(pcm >> (32 - bit_depth), expected)
        assert file.sha256 == hashlib.sha256(files.flacs[file.file_name]).hexdigest()
        assert file.pcm_sha256 == pcm_sha256(expected, bit_depth)


def test_two_ears_are_one_file_of_two_channels() -> None:
    files = encoded(noise(2), channels="LR")
    assert soundfile.info(io.BytesIO(files.flacs["dog-1.flac"])).channels == 2
    assert (files.audio.channels, files.audio.degrees) == ("LR", ())


@pytest.mark.parametrize("level", [FIXED, PEAK])
def test_the_first_four_channels_choose_the_gain(level: Level) -> None:
    samples = noise(16)
    samples[9] *= 1.05
    assert choose_row_gain(samples, level, 16) == choose_gain(samples[:4], level, 16)
    assert choose_row_gain(samples[:4], level, 24) == choose_gain(samples[:4], level, 24)


@pytest.mark.parametrize("level", [FIXED, PEAK])
def test_a_higher_channel_that_would_clip_turns_all_down_and_counts(level: Level) -> None:
    samples = noise(9)
    samples[6] *= 20.0
    gain_db, turned_down = choose_row_gain(samples, level, 16)
    assert turned_down
    assert gain_db < choose_gain(samples[:4], level, 16)[0]
    assert np.abs(quantise(samples, gain_db, 16).astype(int)).max() in (32_766, 32_767)
