"""Folders that commands read, releases and models. They are checked here without importing PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.documents import MOST_JSON_BYTES, parse_json
from model.errors import ModelUnreadable, ReleaseUnreadable, one_line
from model.files import FileRefused, exists, folders_in, is_file, read_bytes, unreadable_as

SPLITS = ("train", "validation", "test")
TABLE = "metadata.parquet"
RELEASE = "release.json"
MODEL_CONFIG, MODEL_WEIGHTS = "config.json", "model.safetensors"


def shard_names(release: Path, split: str) -> list[str]:
    """The names of a split's shards below the release, such as ``train/00000-of-00012``, in their order.

    Raises:
        ReleaseUnreadable: no such folder, a folder that is no release, a link, or no shard in the split.
    """
    if not release.is_dir():
        raise ReleaseUnreadable(f"{release}: no such release")
    names = _shards(release, split)
    if not names:
        raise no_rows(release, split)
    return names


def _shards(release: Path, split: str) -> list[str]:
    try:
        found = [f"{split}/{name}" for name in folders_in(release, split)]
    except FileRefused as error:
        raise ReleaseUnreadable(one_line(error)) from None
    except OSError:
        return []
    # A table that is a link or a pipe is there too, and is refused when it is opened.
    return [name for name in found if exists(release, f"{name}/{TABLE}")]


def no_rows(release: Path, split: str) -> ReleaseUnreadable:
    """The error for a split without rows: it names the splits that have rows, and what to do."""
    others = [name for name in SPLITS if name != split and _shards(release, name)]
    if not others:
        return ReleaseUnreadable(f"{release}: no release: no folder in it has the form {split}/SHARD/{TABLE}")
    return ReleaseUnreadable(
        f"{release}: the split {split} has no rows, all are in {' and '.join(others)}; give the list of clips a column "
        f"split ({', '.join(SPLITS)}) and build the release again"
    )


def stated_rows(release: Path, split: str) -> int | None:
    """The number of a split's rows that release.json states; None without the file.

    Raises:
        ReleaseUnreadable: release.json cannot be read, or states no number.
    """
    if not exists(release, RELEASE):
        return None
    file = release / RELEASE
    with unreadable_as(ReleaseUnreadable, file):
        content: Any = parse_json(read_bytes(release, RELEASE, MOST_JSON_BYTES))
    try:
        counts = content["counts"]["rows_by_split"]
        rows = counts.get(split, 0)
    except (KeyError, TypeError, IndexError, AttributeError):
        raise ReleaseUnreadable(f"{file}: no counts.rows_by_split") from None
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise ReleaseUnreadable(f"{file}: counts.rows_by_split.{split} is {one_line(repr(rows))}, not a number of rows")
    return rows


def check_splits(releases: Sequence[Path | str], *splits: str) -> None:
    """Checks that every release has shards in each of the splits. It reads no table and imports no large package.

    Raises:
        ReleaseUnreadable: as ``shard_names``.
    """
    for release in map(Path, releases):
        for split in splits:
            shard_names(release, split)


def check_model(folder: Path) -> None:
    """Checks that a folder has the files of a saved model. It does not read them.

    Raises:
        ModelUnreadable: no such folder, or a file is missing.
    """
    if not folder.is_dir():
        raise ModelUnreadable(f"{folder}: no such folder")
    for name in (MODEL_CONFIG, MODEL_WEIGHTS):
        if not exists(folder, name):
            raise ModelUnreadable(f"{folder}: no {name}, so no model; elsa train writes it")
        if not is_file(folder, name):
            raise ModelUnreadable(f"{folder / name}: not a regular file")
