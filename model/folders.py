"""Folders that commands read, releases and models. They are checked here without importing PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.errors import ModelUnreadable, ReleaseUnreadable

SPLITS = ("train", "validation", "test")
TABLE = "metadata.parquet"
MODEL_CONFIG, MODEL_WEIGHTS = "config.json", "model.safetensors"


def shard_tables(release: Path, split: str) -> list[Path]:
    """The tables of a split's shards, in the order of the shards' names.

    Raises:
        ReleaseUnreadable: no such folder, a folder that is no release, or no shard in the split.
    """
    if not release.is_dir():
        raise ReleaseUnreadable(f"{release}: no such release")
    tables = sorted((release / split).glob(f"*/{TABLE}"))
    if not tables:
        raise no_rows(release, split)
    return tables


def no_rows(release: Path, split: str) -> ReleaseUnreadable:
    """The error for a split without rows: it names the splits that have rows, and what to do."""
    others = [name for name in SPLITS if name != split and any((release / name).glob(f"*/{TABLE}"))]
    if not others:
        return ReleaseUnreadable(f"{release}: no release: no folder in it has the form {split}/SHARD/{TABLE}")
    return ReleaseUnreadable(
        f"{release}: the split {split} has no rows, all are in {' and '.join(others)}; give the list of clips a column "
        f"split ({', '.join(SPLITS)}) and build the release again"
    )


def check_splits(releases: Sequence[Path | str], *splits: str) -> None:
    """Checks that every release has shards in each of the splits. It reads no table and imports no large package.

    Raises:
        ReleaseUnreadable: as ``shard_tables``.
    """
    for release in map(Path, releases):
        for split in splits:
            shard_tables(release, split)


def check_model(folder: Path) -> None:
    """Checks that a folder has the files of a saved model. It does not read them.

    Raises:
        ModelUnreadable: no such folder, or a file is missing.
    """
    if not folder.is_dir():
        raise ModelUnreadable(f"{folder}: no such folder")
    for name in (MODEL_CONFIG, MODEL_WEIGHTS):
        if not (folder / name).is_file():
            raise ModelUnreadable(f"{folder}: no {name}, so no model; elsa train writes it")
