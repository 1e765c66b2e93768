"""A release loads with the tools that a stranger has: every block of docs/loading.md is run and looked at."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from pipeline.command import main

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "loading.md"
SECTIONS = dict(re.findall(r"^## ([^\n:]+)[^\n]*\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S))
#: Needs a release whose sounds have classes; tests/pipeline/export/test_dcase.py reads such an export back.
WITHOUT_BLOCK = ("DCASE",)
BLOCKS = {
    name: re.findall(r"```(python|sh)\n(.*?)```", text, re.S)
    for name, text in SECTIONS.items()
    if name not in WITHOUT_BLOCK
}


@pytest.fixture
def folder(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the page stands: the release is out/demo."""
    shutil.copytree(release, tmp_path / "out" / "demo")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    return tmp_path


def run(name: str, only: int | None = None) -> dict[str, Any]:
    """Runs the blocks of a section as they stand; what they leave behind."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for number, (language, text) in enumerate(BLOCKS[name]):
        if only is not None and number != only:
            continue
        if language == "python":
            exec(compile(text, f"{PAGE.name}: {name}", "exec"), namespace)
        else:
            for line in text.strip().splitlines():
                command = line.split("#")[0].split()
                assert command[0] == "elsa"
                assert main(command[1:]) == 0
    return namespace


def on_disk(release: Path) -> pd.DataFrame:
    tables = [pd.read_parquet(path).assign(shard=str(path.parent)) for path in release.glob("*/*/metadata.parquet")]
    return pd.concat(tables).set_index("id")


def needs(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module, reason=f"{module} is not installed", exc_type=Exception)


def test_every_section_of_the_page_has_a_block_and_a_test() -> None:
    assert all(BLOCKS.values())
    tested = (
        *("pandas and soundfile", "pyarrow", "DuckDB", "datasets", "torch", "WebDataset", "Croissant"),
        "Higher orders",
    )
    assert tuple(BLOCKS) == tested


def test_pandas_and_soundfile_read_a_shard(folder: Path) -> None:
    left = run("pandas and soundfile")
    assert left["rate"] == 48_000
    assert left["samples"].shape == (round(left["rows"].duration_s[0] * 48_000), 4)


def test_the_files_of_all_degrees_are_put_side_by_side(folder: Path) -> None:
    # A row of the first order has one file.
    left = run("Higher orders")
    assert left["ambisonics"].shape == (round(left["row"].duration_s * 48_000), 4)


def test_pyarrow_filters_a_split_by_words(folder: Path, release: Path) -> None:
    left = run("pyarrow")
    rows = on_disk(release)
    wanted = rows[(rows.split == "train") & (rows.direction == "left") & (rows.augmentation == 0)]
    names = {Path(path).name for path in left["paths"]}
    assert names == set(wanted.file_name)
    assert all(Path(path).is_file() for path in left["paths"])


def test_duckdb_counts_over_all_shards(folder: Path, release: Path) -> None:
    needs("duckdb")
    answer = run("DuckDB")["answer"]
    assert sum(row[2] for row in answer) == len(on_disk(release))


def test_datasets_reads_every_split_with_four_channels(folder: Path, release: Path) -> None:
    needs("datasets", "torchcodec")
    left = run("datasets", only=0)
    assert {split: len(rows) for split, rows in left["dataset"].items()} == {"train": 8, "validation": 1, "test": 1}
    assert left["samples"].shape[0] == 4
    row = on_disk(release).loc[left["row"]["id"]]
    np.testing.assert_allclose(left["samples"].numpy().T, soundfile.read(f"{row.shard}/{row.file_name}")[0], atol=1e-4)
    assert left["row"]["captions"] == list(row.captions)
    # The trap is there, as the page says.
    assert left["row"]["audio"]["array"].ndim == 1


def test_the_card_tells_datasets_where_the_splits_are(release: Path, tmp_path: Path) -> None:
    needs("datasets", "torchcodec")
    import datasets

    loaded = datasets.load_dataset(str(release), cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 8, "validation": 1, "test": 1}


def test_datasets_reads_parquet_without_torchcodec(folder: Path) -> None:
    needs("datasets")
    left = run("datasets", only=1)
    assert left["samples"].shape[1] == 4
    assert left["rows"].num_rows == 2


def test_torch_batches_a_split(folder: Path) -> None:
    needs("torch")
    left = run("torch")
    assert tuple(left["audio"].shape) == (4, 4, 4 * 48_000)
    assert float(left["audio"].abs().max()) > 0
    assert len(left["captions"]) == 4
    assert tuple(left["places"].shape) == (4, 3)
    assert len(left["loader"].dataset) == 8


def test_webdataset_reads_an_export(folder: Path, release: Path) -> None:
    needs("webdataset")
    left = run("WebDataset")
    row = on_disk(release).loc[left["row"]["id"]]
    np.testing.assert_allclose(left["samples"].T, soundfile.read(f"{row.shard}/{row.file_name}")[0], atol=1e-4)
    assert left["row"]["captions"] == list(row.captions)
    keys = [
        sample["__key__"]
        for sample in left["webdataset"].WebDataset("out/demo-tars/train-000000.tar", shardshuffle=False)
    ]
    assert len(keys) == 8


def test_mlcroissant_streams_the_rows(folder: Path, release: Path) -> None:
    needs("mlcroissant")
    left = run("Croissant")
    ids = {record["rows/id"].decode() for record in left["dataset"].records("rows")}
    assert ids == set(on_disk(release).index)


def test_the_card_of_a_release_loads_it_as_it_says(folder: Path) -> None:
    text = (folder / "out/demo/README.md").read_text(encoding="utf-8")
    block = re.findall(r"```python\n(.*?)```", text, re.S)[0]
    result = subprocess.run(
        [sys.executable, "-c", f"{block}\nprint(samples.shape[1], rate)"],
        cwd=folder / "out/demo",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split() == ["4", "48000"], result.stderr
