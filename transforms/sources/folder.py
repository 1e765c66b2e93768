"""An AudioFolder: metadata.csv, .jsonl or .parquet with file_name, caption or captions, and optional columns."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transforms import storage
from transforms.records import Rejection
from transforms.sources.audio_files import refuse_zips, tarred
from transforms.sources.input_tree import InputTree, Place, Refusal, SourceUnusable, inside_name, list_tree
from transforms.sources.listing import EVERYTHING, MISSING, Entry, Listing, Selection, listing_of
from transforms.sources.text_files import one_line, printable, read_csv, read_text

LIST_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def list_folder(input_dir: str, dataset: str, selection: Selection = EVERYTHING) -> Listing:
    """Lists an AudioFolder.

    A clip's split is its `split` column, else the first folder of its name where that is a split's name, else train.
    A file that lies in a tar is found by its name there, or with the tar's name as a folder.

    Raises:
        SourceUnusable: no such folder, no list or several, a list that cannot be read or lacks a column.
    """
    tree = list_tree(input_dir)
    found = [name for name in LIST_NAMES if name in tree.sizes]
    if len(found) != 1:
        if not found:
            refuse_zips(tree)
        what = "none of" if not found else "more than one of"
        raise SourceUnusable(f"{input_dir} holds {what} {', '.join(LIST_NAMES)}: exactly one lists the clips")
    files = _Files(tree)
    entries = list(_entries(_records(tree.path(found[0])), files, selection))
    return listing_of([*files.rejections, *entries], dataset, selection)


class _Files:
    """The files of the folder, and, where a name is not among them, of its tars."""

    def __init__(self, tree: InputTree) -> None:
        self._tree = tree
        self._in_tars: dict[str, Place | Refusal] | None = None
        self.rejections: list[Rejection] = []

    def audio(self, name: str) -> Place | Refusal:
        place = self._tree.place(name)
        if place is not None and place != MISSING:
            return place
        if self._in_tars is None:
            self._in_tars = self._read_tars()
        return self._in_tars.get(inside_name(name) or name, MISSING)

    def _read_tars(self) -> dict[str, Place | Refusal]:
        found: dict[str, Place | Refusal] = {}
        for piece in tarred(self._tree):
            if isinstance(piece, Rejection):
                self.rejections.append(piece)
                continue
            found.setdefault(piece.name, piece.audio)
            if isinstance(piece.audio, Place) and piece.audio.member is not None:
                folder = piece.name[: -len(piece.audio.member) - 1].rpartition("/")[0]
                found.setdefault(f"{folder}/{piece.audio.member}" if folder else piece.audio.member, piece.audio)
        return found


def _records(path: str) -> Iterator[Mapping[str, Any] | Rejection]:
    """The entries of a list; a line that cannot be read is refused by its number."""
    if path.endswith(".csv"):
        rows = read_csv(path, ("file_name",))
        _need_captions(path, list(rows[0]) if rows else None)
        yield from rows
    elif path.endswith(".jsonl"):
        yield from _lines(path)
    else:
        try:
            file = pq.ParquetFile(io.BytesIO(storage.read_bytes(path)))
            names = file.schema_arrow.names
            if "file_name" not in names:
                raise SourceUnusable(f"{path} has no column file_name; its columns are {', '.join(names)}")
            _need_captions(path, names)
            for batch in file.iter_batches(4096):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise SourceUnusable(f"{path} cannot be read: {one_line(error)}") from error


def _lines(path: str) -> Iterator[Mapping[str, Any] | Rejection]:
    columns: set[str] = set()
    broken = None
    records: list[Mapping[str, Any] | Rejection] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            problem = "it is no JSON object" if not isinstance(record, dict) else None
        except (ValueError, RecursionError) as error:
            problem = one_line(error)
        if problem is None:
            columns.update(record)
            records.append(record)
        else:
            broken = broken or f"line {number}: {problem}"
            file = f"{path.rpartition('/')[2]}:{number}"
            records.append(Rejection(file, "list", "broken_json", problem))
    if not columns and broken:
        raise SourceUnusable(f"{path} cannot be read: {broken}")
    if "file_name" not in columns:
        raise SourceUnusable(f"{path} has no column file_name; its columns are {', '.join(sorted(columns))}")
    _need_captions(path, sorted(columns))
    yield from records


def _need_captions(path: str, columns: list[str] | None) -> None:
    if columns is not None and "caption" not in columns and "captions" not in columns:
        raise SourceUnusable(f"{path} has no column caption or captions; its columns are {', '.join(columns)}")


def _entries(
    records: Iterator[Mapping[str, Any] | Rejection], files: _Files, selection: Selection
) -> Iterator[Entry | Rejection]:
    for record in records:
        if isinstance(record, Rejection):
            yield record
            continue
        name, split_text = _text(record.get("file_name")), _text(record.get("split"))
        if not name:
            yield Rejection("(no name)", "list", "no_file_name", "the list has an entry without file_name")
            continue
        if split_text:
            split = selection.split_of([split_text])
            if split is None:
                yield Rejection(name, "list", "unknown_split", f"split {split_text!r} is no split's name", None, name)
                continue
        else:
            split = selection.split_of(name.split("/")[:1]) or selection.split_of([])
        yield Entry(
            split,
            name,
            _captions(record),
            files.audio(name) if printable(name) == name else MISSING,
            _text(record.get("license")),
            _text(record.get("attribution")) or _text(record.get("author")),
            _text(record.get("source_url")),
        )


def _captions(entry: Mapping[str, Any]) -> tuple[str, ...]:
    several = entry.get("captions")
    if isinstance(several, str) and several.lstrip().startswith("["):
        try:
            several = json.loads(several)
        except (ValueError, RecursionError):
            several = [several]
    if isinstance(several, str):
        several = [several]
    found = [_text(text) for text in several] if isinstance(several, list | tuple) else []
    return tuple(text for text in found if text) or (_text(entry.get("caption")),)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value) or isinstance(value, dict | list):
        return ""
    return str(value).strip()
