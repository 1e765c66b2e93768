"""Samples from releases: crops, targets, sound without space, several releases, and errors on one line."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from model.augmentation import Augmentation
from model.data import ReleaseDataset, Turn, epoch_order, load_batches, read_foa, unit_direction
from model.errors import ReleaseUnreadable
from model.targets import VOCABULARY
from model.words import direction_word, elevation_word

RATE = 16000


def dataset_of(*releases, split="train", **options):
    return ReleaseDataset(releases, split, **({"sample_rate": RATE, "clip_s": 1.0} | options))


def test_a_row_becomes_a_sample(release):
    dataset = dataset_of(release)
    sample = dataset[3]
    assert len(dataset) == 16
    assert sample.audio.shape == (4, RATE)
    assert sample.audio.dtype == np.float32
    assert sample.caption == dataset.value("captions", 3)[0]
    assert sample.is_spatial
    assert sample.measures == (dataset.value("distance_m", 3), 40.0, 500.0, 3.0)
    np.testing.assert_allclose(np.linalg.norm(sample.direction), 1)


def test_crop_in_evaluation_is_the_middle(release):
    dataset = dataset_of(release, clip_s=0.5)
    path = sorted((release / "train").glob("*/0000.flac"))[0]
    whole, _ = soundfile.read(path, dtype="float32")
    start = (len(whole) - 8000) // 2
    np.testing.assert_array_equal(dataset[0].audio, whole[start : start + 8000].T)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "vector"),
    [(0, 0, (1, 0, 0)), (90, 0, (0, 1, 0)), (180, 0, (-1, 0, 0)), (-90, 0, (0, -1, 0)), (0, 90, (0, 0, 1))],
)
def test_unit_direction(azimuth, elevation, vector):
    np.testing.assert_allclose(unit_direction(azimuth, elevation), vector, atol=1e-12)


def test_draws_depend_only_on_seed_epoch_and_row(release):
    options = {"training": True, "clip_s": 0.5, "nonspatial_share": 0.5}
    one, two, other = (dataset_of(release, seed=seed, **options) for seed in (1, 1, 2))
    backwards = {row: two[row] for row in reversed(range(len(two)))}
    for row in range(len(one)):
        np.testing.assert_array_equal(one[row].audio, backwards[row].audio)
        assert one[row].caption == backwards[row].caption
        assert one[row].words == backwards[row].words
    assert any(not np.array_equal(one[row].audio, other[row].audio) for row in range(16))
    assert any(not np.array_equal(one[row].audio, one[Turn(row, 1)].audio) for row in range(16))
    assert {one[row].is_spatial for row in range(16)} == {True, False}


def test_words_are_those_of_the_direction_after_the_move(release):
    dataset = dataset_of(release, training=True, augmentation=Augmentation(sentence_share=1.0))
    turned = 0
    for row in range(len(dataset)):
        sample = dataset[row]
        x, y, z = sample.direction
        words = {
            attribute: None if index < 0 else known[index]
            for (attribute, known), index in zip(VOCABULARY.items(), sample.words, strict=True)
        }
        assert words["direction"] == direction_word(math.degrees(math.atan2(y, x)))
        assert words["elevation"] == elevation_word(math.degrees(math.asin(z)))
        for attribute in ("distance", "room_size", "reverberation"):
            assert words[attribute] == dataset.value(attribute, row)
        turned += words["direction"] != dataset.value("direction", row)
    assert turned


def test_the_same_draws_at_another_rate(release):
    dataset = dataset_of(release, training=True, clip_s=0.5)
    slow = dataset.at_rate(8000)
    assert (slow[3].sample_rate, slow[3].crop.shape) == (8000, (4, 4000))
    assert (dataset[3].sample_rate, slow[3].caption, slow[3].direction) == (
        dataset.sample_rate,
        dataset[3].caption,
        dataset[3].direction,
    )


def test_without_space_has_one_signal_and_the_original_caption(release):
    dataset = dataset_of(release, training=True, nonspatial_share=1.0)
    sample = dataset[5]
    assert not sample.is_spatial
    assert sample.caption == dataset.value("captions_original", 5)[0]
    assert set(sample.words) == {-1}
    for channel in sample.audio[1:]:
        np.testing.assert_array_equal(channel, sample.audio[0])


def test_a_short_clip_is_padded_with_zeros(release):
    audio = dataset_of(release, clip_s=2.0)[0].audio
    assert audio.shape == (4, 2 * RATE)
    assert np.abs(audio[:, : RATE // 2]).max() > 0
    assert np.abs(audio[:, round(1.2 * RATE) :]).max() == 0


def test_a_release_of_a_higher_rate_is_resampled_and_keeps_its_directions(make_release, tmp_path):
    folder = make_release(tmp_path / "fast", rate=48000, rows={"train": 2})
    sample = dataset_of(folder)[0]
    assert sample.audio.shape == (4, RATE)
    w, y, z, x = sample.audio
    direction = np.array([np.sum(w * x), np.sum(w * y), np.sum(w * z)])
    assert np.dot(direction / np.linalg.norm(direction), sample.direction) > 0.99


def test_the_rows_of_several_releases_follow_one_another(make_release, release, tmp_path):
    other = make_release(tmp_path / "other", rows={"train": 3})
    dataset = dataset_of(release, other)
    assert len(dataset) == 19
    assert dataset[18].audio.shape == (4, RATE)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_workers(release, workers):
    dataset = dataset_of(release, training=True)
    batches = list(load_batches(dataset, epoch_order(16, seed=0, epoch=0), batch_size=5, workers=workers))
    assert [len(batch.rows) for batch in batches] == [5, 5, 5, 1]
    assert sorted(row for batch in batches for row in batch.rows) == list(range(16))
    np.testing.assert_array_equal(batches[1].audio[2].numpy(), dataset[batches[1].rows[2]].audio)
    assert batches[0].targets.direction.shape == (5, 3)


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_no_such_release(tmp_path):
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(tmp_path / "nowhere")
    assert "nowhere: no such release" in one_line(caught)


def test_empty_split(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 2})
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder, split="validation")
    assert "split validation has no rows" in one_line(caught)


def test_missing_column(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 2}, without="azimuth_deg")
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)
    assert "metadata.parquet: no column azimuth_deg" in one_line(caught)


def test_a_word_that_releases_do_not_have_is_refused(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 2})
    path = next(folder.glob("train/*/metadata.parquet"))
    table = pq.read_table(path)
    place = table.schema.get_field_index("direction")
    words = pa.array(["uphill\x1b[2J"] * len(table), pa.string())
    pq.write_table(table.set_column(place, "direction", words), path)
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)
    message = one_line(caught)
    assert "row 0: direction is 'uphill" in message
    assert "none of front, left, right, back" in message
    assert "\x1b" not in message


def test_rate_below_the_models(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 2}, rate=8000)
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)
    assert "sample_rate is 8000 Hz, the model needs 16000" in one_line(caught)


def test_a_file_of_another_rate_than_its_row(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 1}, sample_rate=48000)
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)[0]
    assert "0000.flac: 16000 Hz, its row says 48000" in one_line(caught)


@pytest.mark.parametrize("name", ["../secret.flac", "/etc/passwd"])
def test_a_path_that_leads_out_of_its_shard(make_release, tmp_path, name):
    folder = make_release(tmp_path / "r", rows={"train": 1})
    file = next((folder / "train").glob("*/metadata.parquet"))
    rows = pq.read_table(file).to_pylist()
    rows[0]["file_name"] = name
    pq.write_table(pa.Table.from_pylist(rows), file)
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)
    assert f"file_name {name!r} leads out of the shard" in one_line(caught)


def test_broken_parquet(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 1})
    file = next((folder / "train").glob("*/metadata.parquet"))
    file.write_bytes(b"PAR1 and no more")
    with pytest.raises(ReleaseUnreadable) as caught:
        dataset_of(folder)
    assert "metadata.parquet: cannot be read" in one_line(caught)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["cut", "gone", "text"])
def test_a_broken_flac_is_one_line_also_from_a_worker(make_release, tmp_path, workers, damage):
    folder = make_release(tmp_path / "r", rows={"train": 2})
    file = next((folder / "train").glob("*/0000.flac"))
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:4000] if damage == "cut" else b"not sound at all")
    with pytest.raises(ReleaseUnreadable) as caught:
        list(load_batches(dataset_of(folder), range(2), batch_size=2, workers=workers))
    assert str(file) in one_line(caught)


def test_stereo_is_rejected_and_mono_is_copied(tmp_path):
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2)), RATE)
    soundfile.write(tmp_path / "mono.wav", np.linspace(0, 0.5, 100), RATE)
    with pytest.raises(ReleaseUnreadable, match=r"stereo\.wav: 2 channels"):
        read_foa(tmp_path / "stereo.wav", sample_rate=RATE)
    foa = read_foa(tmp_path / "mono.wav", sample_rate=RATE)
    assert foa.shape == (4, 100)
    assert np.array_equal(foa[0], foa[3])


def test_the_columns_that_are_read_are_those_of_releases():
    """The model imports nothing of the pipeline, so this test compares the two definitions."""
    from model.data import tables
    from transforms.shards.release_rows import ROW_SCHEMA
    from transforms.words import VOCABULARY

    assert tables.VOCABULARY == VOCABULARY
    table = ROW_SCHEMA.empty_table()
    for field in tables.COLUMNS:
        table.column(field.name).cast(field.type)


def test_the_release_may_be_a_link_and_nothing_in_it(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 1})
    (tmp_path / "link").symlink_to(folder)
    dataset = dataset_of(tmp_path / "link")
    assert dataset[0].audio.shape == (4, RATE)
    file = next((folder / "train").glob("*/0000.flac"))
    file.rename(tmp_path / "blob")
    file.symlink_to(tmp_path / "blob")
    with pytest.raises(ReleaseUnreadable, match=r"0000\.flac: a link, and links are not followed here; cp -rL copies"):
        dataset[0]
