"""Sound that is decoded once: the file holds what was decoded, also for later processes."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from model.data import ReleaseDataset, load_batches
from model.data.decoded import DecodedSound
from model.data.sound import read_clip, read_crop
from model.errors import ReleaseUnreadable

RATE = 16000


def never() -> np.ndarray:
    raise AssertionError("decoded again")


def clip(samples: int, seed: int) -> np.ndarray:
    generator = np.random.Generator(np.random.Philox(key=seed))
    return generator.integers(-32768, 32767, (4, samples), dtype=np.int16, endpoint=True)


def test_a_clip_is_decoded_once_for_all_processes(tmp_path):
    path, clips = tmp_path / "sound", [clip(5, 0), clip(3, 1), clip(8, 2)]
    stored = DecodedSound(path, [5, 3, 8])
    for row in (2, 0):
        np.testing.assert_array_equal(stored.clip(row, lambda row=row: clips[row]), clips[row])
    for again in (stored, DecodedSound(path, [5, 3, 8]), pickle.loads(pickle.dumps(stored))):
        for row in (0, 2):
            np.testing.assert_array_equal(again.clip(row, never), clips[row])
        with pytest.raises(AssertionError, match="decoded again"):
            again.clip(1, never)
    # For clips of other lengths the file is created again.
    with pytest.raises(AssertionError, match="decoded again"):
        DecodedSound(path, [5, 3, 9]).clip(0, never)


def test_a_clip_that_could_not_be_decoded_is_decoded_again(tmp_path):
    stored = DecodedSound(tmp_path / "sound", [4])
    with pytest.raises(AssertionError):
        stored.clip(0, never)
    np.testing.assert_array_equal(stored.clip(0, lambda: clip(4, 3)), clip(4, 3))


def test_a_full_disk_is_one_line_and_leaves_no_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ReleaseUnreadable, match=r"no space for 0\.8 GB .*training\.keep_decoded=false"):
        DecodedSound(tmp_path / "sound", [100_000_000])
    assert not (tmp_path / "sound").exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_crops_are_those_of_the_file(release, tmp_path, workers):
    # The middle of each clip is a sample at both rates.
    options = {"sample_rate": RATE, "clip_s": 0.4}
    decoded = ReleaseDataset([release], "train", **options).at_rate(8000, tmp_path / "sound")
    plain = ReleaseDataset([release], "train", **options).at_rate(8000)
    for row, batch in enumerate(load_batches(decoded, range(len(decoded)), batch_size=1, workers=workers)):
        crop = batch.crops[0].numpy().astype(float) / 32768
        assert crop.shape == plain[row].crop.shape == (4, 3200)
        # A plain crop is resampled without the sound beyond its ends.
        inside = slice(200, -200)
        np.testing.assert_allclose(crop[:, inside], plain[row].crop[:, inside], atol=2e-3)
    whole = read_clip(decoded.sound(0), sample_rate=RATE)
    np.testing.assert_array_equal(whole, read_crop(decoded.sound(0), position=0, clip_s=1.2, sample_rate=RATE))


def test_a_broken_flac_is_one_line(make_release, tmp_path):
    release = make_release(tmp_path / "r")
    dataset = ReleaseDataset([release], "train", sample_rate=RATE, clip_s=0.5)
    Path(dataset.path(3)).write_bytes(b"nothing")
    with pytest.raises(ReleaseUnreadable, match="cannot be decoded"):
        dataset.at_rate(8000, tmp_path / "sound")
