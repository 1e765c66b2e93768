"""An AudioFolder: metadata.csv, .jsonl or .parquet with file_name, caption or captions, and optional columns."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from transforms.records import Clip, Rejection
from transforms.sources.listing import Listing, SourceUnusable

LIST_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

#: How a split is written by people, and which of the three it is.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "development"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def list_folder(input_dir: str, dataset: str) -> Listing:
    """Lists an AudioFolder.

    A clip's split is its `split` column, else the first folder of its name where that is a split's name, else train.

    Raises:
        SourceUnusable: no such folder, no list or several, a list that cannot be read or lacks a column.
    """
    root = Path(input_dir)
    if not root.is_dir():
        raise SourceUnusable(f"no such folder: {input_dir}")
    table = _read_list(root)
    clips: list[Clip] = []
    rejections: list[Rejection] = []
    seen: set[str] = set()
    for record in table.to_dict("records"):
        entry = {str(name): value for name, value in record.items()}
        outcome = _clip_of(root, dataset, entry)
        if isinstance(outcome, Clip) and outcome.source_id in seen:
            outcome = Rejection(outcome.source_id, "list", "duplicate", "the list names it twice", outcome.split)
        if isinstance(outcome, Clip):
            seen.add(outcome.source_id)
            clips.append(outcome)
        else:
            rejections.append(outcome)
    return Listing(tuple(clips), tuple(rejections))


def _read_list(root: Path) -> pd.DataFrame:
    found = [name for name in LIST_NAMES if (root / name).is_file()]
    if len(found) != 1:
        what = "none of" if not found else "more than one of"
        raise SourceUnusable(f"{root} holds {what} {', '.join(LIST_NAMES)}: exactly one lists the clips")
    path = root / found[0]
    try:
        if path.suffix == ".csv":
            # Everything is text: a caption "NA" or an id "007" is not a number or a gap.
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        elif path.suffix == ".jsonl":
            with path.open(encoding="utf-8") as lines:
                table = pd.DataFrame([json.loads(line) for line in lines if line.strip()])
        else:
            table = pd.read_parquet(path)
    except (ValueError, OSError, AttributeError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceUnusable(f"{path} cannot be read: {first_line}") from error
    if "file_name" not in table.columns:
        raise SourceUnusable(f"{path} has no column file_name; its columns are {', '.join(map(str, table.columns))}")
    if "caption" not in table.columns and "captions" not in table.columns:
        raise SourceUnusable(f"{path} has no column caption or captions; its columns are {', '.join(table.columns)}")
    return table


def _clip_of(root: Path, dataset: str, entry: Mapping[str, Any]) -> Clip | Rejection:
    name = _text(entry.get("file_name"))
    split_text = _text(entry.get("split"))
    split = SPLIT_NAMES.get(split_text.lower()) if split_text else SPLIT_NAMES.get(name.split("/")[0].lower(), "train")

    def refuse(reason: str, detail: str) -> Rejection:
        return Rejection(name or "(no name)", "list", reason, detail, split, name or None)

    if not name:
        return refuse("no_file_name", "the list has an entry without file_name")
    if split is None:
        return refuse("unknown_split", f"split {split_text!r} is none of {', '.join(sorted(SPLIT_NAMES))}")
    captions = _captions(entry)
    if not captions:
        return refuse("no_caption", "no caption, or only empty ones")
    path = os.path.realpath(root / name)
    if not _is_inside(path, os.path.realpath(root)):
        return refuse("outside_input", "the path leads out of the input folder")
    if not os.path.exists(path):
        return refuse("missing", "the list names it, the folder lacks it")
    if not os.path.isfile(path):
        return refuse("not_a_file", "a folder or a special file has that name")
    return Clip(
        dataset=dataset,
        split=split,
        source_id=name,
        path=path,
        captions=captions,
        license=_text(entry.get("license")) or None,
        attribution=_text(entry.get("attribution")) or _text(entry.get("author")) or None,
        source_url=_text(entry.get("source_url")) or None,
    )


def _captions(entry: Mapping[str, Any]) -> tuple[str, ...]:
    several = entry.get("captions")
    if isinstance(several, str) and several.lstrip().startswith("["):
        try:
            several = json.loads(several)
        except ValueError:
            several = [several]
    if isinstance(several, str):
        several = [several]
    # A Parquet list arrives as an array; a gap as NaN, which has no length.
    found = [_text(text) for text in several] if hasattr(several, "__len__") and several is not None else []
    found = [text for text in found if text] or [_text(entry.get("caption"))]
    return tuple(text for text in found if text)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return str(value).strip()


def _is_inside(path: str, root: str) -> bool:
    try:
        return os.path.commonpath([path, root]) == root
    except ValueError:
        return False
