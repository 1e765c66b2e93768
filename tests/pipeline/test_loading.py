"""A release loads with the tools that a stranger has, as docs/releases.md says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
import soundfile


def test_pandas_and_soundfile_read_a_shard(release: Path) -> None:
    shard = sorted(release.glob("train/*"))[0]
    rows = pd.read_parquet(shard / "metadata.parquet")
    samples, rate = soundfile.read(shard / rows.file_name[0])
    assert rate == 48_000
    assert samples.shape == (round(rows.duration_s[0] * rate), 4)


def test_pyarrow_reads_a_split(release: Path) -> None:
    rows = pyarrow.dataset.dataset(release / "train", format="parquet", exclude_invalid_files=True).to_table()
    assert rows.num_rows == 8


@pytest.mark.parametrize("how", ["folder", "card"])
def test_datasets_reads_every_split_with_four_channels(how: str, release: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchcodec", reason="datasets decodes with torchcodec, which needs FFmpeg", exc_type=Exception)
    datasets = pytest.importorskip("datasets")
    if how == "folder":
        loaded = datasets.load_dataset("audiofolder", data_dir=str(release), cache_dir=str(tmp_path))
    else:
        loaded = datasets.load_dataset(str(release), cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 8, "validation": 1, "test": 1}
    row = loaded["train"][0]
    decoded = row["audio"].get_all_samples()
    assert tuple(decoded.data.shape[:1]) == (4,)
    assert decoded.sample_rate == 48_000
    on_disk = pd.concat([pd.read_parquet(file) for file in release.glob("train/*/metadata.parquet")]).set_index("id")
    file_name = on_disk.loc[row["id"], "file_name"]
    (flac,) = release.glob(f"train/*/{file_name}")
    np.testing.assert_allclose(decoded.data.numpy().T, soundfile.read(flac)[0], atol=1e-4)
    assert row["captions"] == list(on_disk.loc[row["id"], "captions"])
