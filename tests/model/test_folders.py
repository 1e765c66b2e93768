"""Folders of releases: a split without rows is named before any table is read."""

from __future__ import annotations

import pytest

from model.errors import ReleaseUnreadable
from model.folders import check_splits, shard_names


def make_shards(folder, *shards):
    for shard in shards:
        (folder / shard).mkdir(parents=True)
        (folder / shard / "metadata.parquet").touch()
    return folder


def test_tables_are_in_the_order_of_their_shards(tmp_path):
    make_shards(tmp_path, "train/00001-of-00002", "train/00000-of-00002", "test/00000-of-00001")
    assert shard_names(tmp_path, "train") == ["train/00000-of-00002", "train/00001-of-00002"]
    check_splits([tmp_path, str(tmp_path)], "train", "test")


def test_the_error_for_a_split_without_rows_names_the_splits_that_have_rows(tmp_path):
    make_shards(tmp_path, "train/00000-of-00001", "test/00000-of-00001")
    with pytest.raises(ReleaseUnreadable) as caught:
        check_splits([tmp_path], "train", "validation")
    assert str(caught.value) == (
        f"{tmp_path}: the split validation has no rows, all are in train and test; give the list of clips a column "
        "split (train, validation, test) and build the release again"
    )


def test_a_folder_that_is_no_release_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(ReleaseUnreadable, match=r": no release: .* form train/SHARD/metadata\.parquet"):
        check_splits([tmp_path], "train")
    with pytest.raises(ReleaseUnreadable, match="nowhere: no such release"):
        check_splits([tmp_path / "nowhere"], "train")
