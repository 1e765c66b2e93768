"""Batches: the same with any number of workers and from the middle of an epoch; errors on one line."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import soundfile
import torch

from model.augmentation import Augmentation
from model.data import ReleaseDataset, Turn, load_batches
from model.errors import ConfigurationError, ReleaseUnreadable, SoundUnreadable, WorkersLost

RATE = 16000
EVERY = Augmentation(ideal_share=0.0)


def dataset_of(*releases, split="train", **options):
    settings = {"sample_rate": RATE, "clip_s": 0.5, "training": True, "nonspatial_share": 0.3, "augmentation": EVERY}
    return ReleaseDataset(releases, split, **(settings | options))


def assert_same(one, two):
    assert (one.rows, one.captions) == (two.rows, two.captions)
    for name in ("direction", "measures", "is_spatial"):
        torch.testing.assert_close(
            getattr(one.targets, name), getattr(two.targets, name), rtol=0, atol=0, equal_nan=True
        )
    torch.testing.assert_close(one.audio, two.audio, rtol=0, atol=0)


@pytest.fixture(scope="module")
def dataset(release):
    return dataset_of(release)


@pytest.mark.slow
def test_batches_are_the_same_with_workers_and_from_the_middle_of_an_epoch(dataset):
    order = dataset.turns(2)
    whole = list(load_batches(dataset, order, batch_size=5))
    assert [len(batch.rows) for batch in whole] == [5, 5, 5, 1]
    for start, workers in ((0, 2), (3, 0)):
        rest = list(load_batches(dataset, order[5 * start :], batch_size=5, workers=workers))
        assert len(rest) == 4 - start
        for one, two in zip(whole[start:], rest, strict=True):
            assert_same(one, two)


def test_no_rows_give_no_batch(dataset):
    assert list(load_batches(dataset, [], batch_size=16, workers=2)) == []


def test_the_second_turn_of_a_row_has_another_crop(dataset):
    first, again = dataset[Turn(3, 0, 0)], dataset[Turn(3, 0, 1)]
    assert not np.array_equal(first.audio, again.audio)
    np.testing.assert_array_equal(first.audio, dataset[Turn(3, 0, 0)].audio)


def test_evaluation_does_not_augment(release):
    plain = dataset_of(release, training=False, augmentation=None)
    given = dataset_of(release, training=False)
    np.testing.assert_array_equal(plain[2].audio, given[2].audio)
    assert given[2].caption == given.value("captions", 2)[0]
    assert given[2].audio.dtype == np.float32


def test_targets_follow_the_sound_through_the_augmentation(make_release, tmp_path):
    """After every rotation and reflection, the intensity of a plane wave points to the direction of its target."""
    release = make_release(tmp_path / "r", rows={"train": 8})
    moves = Augmentation(ideal_share=1.0)
    seen = set()
    for epoch in range(6):
        for row in range(8):
            sample = dataset_of(release, nonspatial_share=0.0, augmentation=moves)[Turn(row, epoch)]
            w, y, z, x = sample.audio
            measured = np.array([np.sum(w * x), np.sum(w * y), np.sum(w * z)])
            assert np.dot(measured / np.linalg.norm(measured), sample.direction) > 0.98
            seen.add(tuple(np.round(sample.direction, 3)))
    assert len(seen) > 40


def test_of_a_row_without_space_only_the_level_changes(release):
    dataset = dataset_of(release, nonspatial_share=1.0)
    plain = dataset_of(release, nonspatial_share=1.0, augmentation=None)
    for row in range(4):
        mono, before = dataset[row], plain[row]
        assert mono.caption == before.caption
        assert not mono.is_spatial
        for channel in mono.audio[1:]:
            np.testing.assert_array_equal(channel, mono.audio[0])
        gain = np.abs(mono.audio).max() / np.abs(before.audio).max()
        assert 10 ** (-6 / 20) <= gain <= 10 ** (6 / 20)
        np.testing.assert_allclose(mono.audio, gain * before.audio, atol=1e-6)


def test_crops_with_16_bits_stay_integers(make_release, tmp_path):
    release = make_release(tmp_path / "r", rows={"train": 2})
    dataset = dataset_of(release, training=False)
    assert dataset[0].crop.dtype == np.int16
    batch = next(load_batches(dataset, [0, 1], batch_size=2))
    assert batch.crops.dtype == torch.int16
    whole, _ = soundfile.read(dataset.path(0), dtype="float32")
    start = (len(whole) - RATE // 2) // 2
    np.testing.assert_array_equal(batch.audio[0].numpy(), whole[start : start + RATE // 2].T)
    assert dataset_of(make_release(tmp_path / "fast", rows={"train": 1}, rate=48000))[0].crop.dtype == np.float32


def test_crops_with_24_bits_are_floats(make_release, tmp_path):
    release = make_release(tmp_path / "r", rows={"train": 2})
    dataset = dataset_of(release, training=False)
    samples, rate = soundfile.read(dataset.path(0))
    soundfile.write(dataset.path(0), samples, rate, subtype="PCM_24")
    assert dataset[0].crop.dtype == np.float32
    assert next(load_batches(dataset, [0, 1], batch_size=2)).crops.dtype == torch.float32


def test_releases_are_mixed_by_weight(make_release, release, tmp_path):
    other = make_release(tmp_path / "other", rows={"train": 3})
    dataset = dataset_of(release, other, weights=(1, 3), rows_an_epoch=12)
    rows = [turn.row for turn in dataset.turns(0)]
    assert len(rows) == 12
    assert sum(row >= 16 for row in rows) == 9
    with pytest.raises(ConfigurationError, match="2 numbers for 1 releases"):
        dataset_of(release, weights=(1, 3))


def one_line(caught) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_broken_block_in_a_flac_is_one_line(make_release, tmp_path, workers):
    dataset = dataset_of(make_release(tmp_path / "r", rows={"train": 1}))
    data = bytearray(dataset.path(0).read_bytes())
    data[len(data) // 3 : 2 * len(data) // 3] = bytes(2 * len(data) // 3 - len(data) // 3)
    dataset.path(0).write_bytes(bytes(data))
    turns = [Turn(0, epoch) for epoch in range(4)]
    with pytest.raises(SoundUnreadable) as caught:
        list(load_batches(dataset, turns, batch_size=1, workers=workers))
    assert str(dataset.path(0)) in one_line(caught)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"captions": []}, "has no captions"),
        ({"captions": ["A dog barks", " "]}, "has no captions, or an empty one"),
        ({"captions_original": ["A dog barks"]}, "do not pair up"),
        ({"azimuth_deg": None}, "row 0 has no azimuth_deg"),
        ({"azimuth_deg": float("nan")}, "row 0 has no azimuth_deg"),
        ({"file_name": None}, "row 0 has no file_name"),
        ({"id": None}, "row 0 has no id"),
    ],
)
def test_a_row_that_cannot_be_used_is_one_line(make_release, tmp_path, replaced, message):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = make_release(tmp_path / "r", rows={"train": 1})
    file = next((folder / "train").glob("*/metadata.parquet"))
    table = pq.ParquetFile(file).read()
    rows = [row | replaced for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)
    assert message in one_line(caught)
    assert "metadata.parquet" in one_line(caught)


def test_another_number_of_channels(make_release, tmp_path):
    dataset = dataset_of(make_release(tmp_path / "r", rows={"train": 1}))
    soundfile.write(dataset.path(0), np.zeros((RATE, 2)), RATE)
    with pytest.raises(SoundUnreadable, match="2 channels, 4 are expected"):
        dataset[0]


class _Dying(ReleaseDataset):
    """A data set that kills its worker process, as the kernel does when memory is short."""

    def __getitem__(self, row):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_one_line(release):
    dying = _Dying([release], "train", sample_rate=RATE, clip_s=0.5)
    with pytest.raises(WorkersLost, match="fewer workers") as caught:
        list(load_batches(dying, [0, 1], batch_size=1, workers=1))
    one_line(caught)
