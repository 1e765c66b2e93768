"""Rows of several or moving sounds: they have no one direction, and the release says so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from model.augmentation import Augmentation
from model.data import ReleaseDataset, collate
from model.data.tables import COLUMNS, _cast, _check
from model.errors import ReleaseUnreadable
from model.targets import MEASURES, VOCABULARY
from model.training.trainer import without_direction_text
from tests.model.conftest import RATE, make_scenes


@pytest.fixture(scope="module")
def scenes(make_release, tmp_path_factory):
    """Two shards of four rows, of which the first and the third are scenes."""
    return make_scenes(make_release(tmp_path_factory.mktemp("scenes") / "r", rows={"train": 8}))


@pytest.fixture(scope="module")
def dataset(scenes):
    augmentation = Augmentation(sentence_share=1.0)
    return ReleaseDataset(
        [scenes], "train", sample_rate=RATE, clip_s=0.5, training=True, augmentation=augmentation, nonspatial_share=0.0
    )


def test_a_scene_has_no_direction_and_no_word_of_place(dataset):
    sample = dataset[0]
    assert sample.direction == (0.0, 0.0, 0.0)
    words = dict(zip(VOCABULARY, sample.words, strict=True))
    assert [words[attribute] for attribute in ("direction", "elevation", "distance")] == [-1, -1, -1]
    measures = {measure.column: value for measure, value in zip(MEASURES, sample.measures, strict=True)}
    assert np.isnan([measures["distance_m"], measures["drr_db"]]).all()
    assert (measures["floor_area_m2"], measures["t30_ms"]) == (40.0, 500.0)


def test_a_scene_is_recorded_but_not_moved(dataset):
    """Its caption tells several places, which cannot be reworded one by one."""
    moved = 0
    for row in range(len(dataset)):
        sample, azimuth = dataset[row], dataset.value("azimuth_deg", row)
        assert sample.matrix is not None
        if azimuth is None:
            assert sample.caption in dataset.value("captions", row)
            off_diagonal = sample.matrix / sample.matrix[0, 0] - np.eye(4)
            assert np.abs(off_diagonal).max() < 0.2, "a misaligned array, and no rotation"
        else:
            moved += bool(np.abs(sample.matrix / sample.matrix[0, 0] - np.eye(4)).max() > 0.5)
    assert moved


def test_the_direction_of_a_scene_does_not_count(dataset):
    targets = collate([dataset[row] for row in range(4)]).targets
    assert targets.has_direction.tolist() == [False, True, False, True]
    assert targets.is_spatial.all()
    assert torch.isfinite(targets.direction).all()


def test_directions_of_a_split_are_zero_for_scenes(dataset):
    lengths = np.linalg.norm(dataset.directions(), axis=1)
    np.testing.assert_allclose(lengths, [0, 1] * 4)


def test_a_training_says_how_many_rows_teach_no_direction(dataset):
    assert dataset.rows_without_direction == 4
    assert without_direction_text(dataset) == (
        "4 of 8 clips have several or moving sources: they do not count in the losses of direction and distance"
    )


def table_of(n_sources, azimuth_deg, elevation_deg, without=()):
    """A table of one row, as it is read."""
    values = {
        **dict.fromkeys(COLUMNS.names),
        **{"file_name": "a.flac", "id": "a", "captions": ["x"], "captions_original": ["y"]},
        **{"duration_s": 1.0, "sample_rate": RATE},
        **{"n_sources": n_sources, "azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg},
    }
    return pa.Table.from_pylist([values], schema=COLUMNS).drop_columns(list(without))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((None, None, None), "row 0 has no azimuth_deg"),
        ((None, 3.0, None), "row 0 has no elevation_deg"),
        ((1, None, 0.0), "row 0 has no azimuth_deg"),
        ((1, float("nan"), 0.0), "row 0 has no azimuth_deg"),
        ((2, None, float("inf")), "row 0 has no azimuth_deg"),
        ((2, 5.0, 0.0), "row 0 has 2 sources and one azimuth_deg"),
        ((0, None, None), "row 0: n_sources is 0"),
        ((-3, 5.0, 0.0), "row 0: n_sources is -3"),
        ((10**9, None, None), "row 0: n_sources is 1000000000"),
    ],
)
def test_a_row_whose_places_and_number_of_sources_disagree_is_refused(tmp_path, row, message):
    with pytest.raises(ReleaseUnreadable, match=message):
        _check(table_of(*row), tmp_path / "metadata.parquet")


@pytest.mark.parametrize("row", [(1, 5.0, 0.0), (1, None, None), (3, None, None), (None, 5.0, 0.0)])
def test_still_moving_and_several_sources_are_read(tmp_path, row):
    _check(table_of(*row), tmp_path / "metadata.parquet")


def test_a_release_of_before_lacks_the_number_of_sources(tmp_path):
    table = _cast(table_of(None, 5.0, 0.0, without=["n_sources"]), tmp_path / "metadata.parquet")
    _check(table, tmp_path / "metadata.parquet")
    assert table.column("n_sources").to_pylist() == [None]
