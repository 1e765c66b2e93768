"""Rows of other receivers: higher orders are heard in their first four channels, two ears are refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from model.data import ReleaseDataset
from model.data.sound import read_foa
from model.errors import ReleaseUnreadable, SoundUnreadable
from tests.model.conftest import RATE


def dataset_of(release, split="train"):
    return ReleaseDataset([release], split, sample_rate=RATE, clip_s=0.5)


def test_a_release_of_a_higher_order_is_heard_in_its_first_four_channels(make_release, release, tmp_path):
    third = make_release(tmp_path / "third", rows={"train": 16}, channels="WYZX", degree_files=["0000.d2.flac"])
    for path in third.glob("*/*/*.flac"):
        soundfile.write(path.with_suffix(".d2.flac"), np.zeros((100, 5)), RATE)
    np.testing.assert_array_equal(dataset_of(third)[3].crop, dataset_of(release)[3].crop)


@pytest.mark.parametrize("channels", ["LR", "XYZW", ""])
def test_two_ears_are_refused_in_one_line_before_any_sound_is_read(make_release, tmp_path, channels):
    ears = make_release(tmp_path / "ears", rows={"train": 2}, channels=channels)
    for path in ears.glob("*/*/*.flac"):
        path.unlink()
    with pytest.raises(ReleaseUnreadable) as refused:
        dataset_of(ears)
    assert f"row 0 has the channels {channels}; the model hears ambisonics, WYZX" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("channels", [2, 5, 7])
def test_a_file_of_ears_or_of_a_higher_degree_is_not_embedded(tmp_path, channels):
    soundfile.write(tmp_path / "a.flac", np.zeros((1_000, channels)), RATE)
    with pytest.raises(SoundUnreadable, match=rf"{channels} channels; 4 \(ambisonics W, Y, Z, X\) or 1 are expected"):
        read_foa(tmp_path / "a.flac", sample_rate=RATE)
