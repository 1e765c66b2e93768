"""An AudioFolder: metadata.csv, .jsonl or .parquet with file_name, caption or captions, and optional columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from transforms.records import Rejection
from transforms.sources.audio_files import list_name, loose_audio, refuse_zips, tarred
from transforms.sources.input_tree import AMBIGUOUS_NAME, OUTSIDE, InputTree, Place, Refusal, list_tree
from transforms.sources.listing import EVERYTHING, MISSING, Entry, Listing, Selection, listing_of, missing
from transforms.sources.lists.captions import GAPS, NotText, captions_of, text_of
from transforms.sources.lists.csv_rows import read_csv
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.json_rows import read_json_lines
from transforms.sources.lists.parquet_rows import read_parquet
from transforms.sources.lists.rows import BadRow, Columns, Row
from transforms.sources.lists.text import printable, short, stripped
from transforms.sources.names import LOOKS_LIKE_AUDIO, SEVERAL, NameIndex, did_you_mean, is_audio

LIST_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

COLUMNS = Columns(
    need=("file_name",),
    one_of=("caption", "captions"),
    also=("split", "license", "attribution", "author", "source_url", "label"),
    looks={"file_name": LOOKS_LIKE_AUDIO},
)


def list_folder(input_dir: str, dataset: str, selection: Selection = EVERYTHING) -> Listing:
    """Lists an AudioFolder.

    A clip's split is its `split` column, else the innermost folder of its name that has a split's name. Where no clip
    has a split in either way, the clips are dealt; where some have one, the others are of train. A file that lies in a
    tar is found by its name there, or with the tar's name as a folder.

    Raises:
        SourceUnusable: no such folder, no list or several, a list that cannot be read or lacks a column.
    """
    tree = list_tree(input_dir)
    found = [name for name in LIST_NAMES if list_name(tree, name) is not None]
    if len(found) != 1:
        if not found:
            refuse_zips(tree)
        what = "none of" if not found else "more than one of"
        other = next((name for name in tree.sizes if name.rpartition("/")[2].lower().startswith("metadata.")), None)
        beside = "" if found or other is None else f"; it has {short(printable(other))}"
        raise SourceUnusable(f"{input_dir} holds {what} {', '.join(LIST_NAMES)}: exactly one lists the clips{beside}")
    files = _Files(tree)
    entries = list(_entries(_rows(tree.file(found[0]), found[0]), files, selection))
    listing = listing_of([*files.rejections, *entries], dataset, selection)
    return replace(listing, unlisted=files.unlisted, releases=tree.releases)


class _Files:
    """The files of the folder, and, where a name is not among them, of its tars."""

    def __init__(self, tree: InputTree) -> None:
        self._tree = tree
        self._in_tars: dict[str, Place | Refusal] | None = None
        self._tar_index = NameIndex(())
        self._taken: set[Place | Refusal] = set()
        self.rejections: list[Rejection] = []

    def find(self, written: str) -> tuple[str, Place | Refusal]:
        """The plain name of a file, and where it lies."""
        name, place = self._tree.name_of(written), self._tree.place(written)
        if place is None or place == MISSING:
            if self._in_tars is None:
                self._in_tars = self._read_tars()
                self._tar_index = NameIndex(self._in_tars)
            found = self._tar_index.find(name)
            place = AMBIGUOUS_NAME if found == SEVERAL else None if found is None else self._in_tars[found]
        if isinstance(place, Place):
            self._taken.add(place)
        near = None if isinstance(place, Place) else self._tree.near(written) or self._tar_index.near(name)
        if place == OUTSIDE:
            return name, Refusal(OUTSIDE.reason, OUTSIDE.detail + did_you_mean(near))
        return name, place or missing(near)

    @property
    def unlisted(self) -> int:
        """How many sound files nobody has asked for; those in tars that were not looked into are not counted."""
        loose = {piece.audio for piece in loose_audio(self._tree) if isinstance(piece.audio, Place)}
        packed = {place for name, place in (self._in_tars or {}).items() if is_audio(name)}
        return len((loose | packed) - self._taken)

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


def _rows(path: str, name: str) -> Iterable[Row | BadRow]:
    """The rows of a list; a line that cannot be read is refused by its number."""
    if name.endswith(".csv"):
        return read_csv(path, COLUMNS, name)
    return read_json_lines(path, COLUMNS, name) if name.endswith(".jsonl") else read_parquet(path, COLUMNS, name)


def _entries(rows: Iterable[Row | BadRow], files: _Files, selection: Selection) -> Iterator[Entry | Rejection]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row.rejection()
            continue
        written, split_text = text_of(row.cells.get("file_name")), _text(row.cells.get("split"))
        if written is None or not stripped(written):
            value = row.cells.get("file_name")
            kind = f"; file_name is a {type(value).__name__}" if isinstance(value, dict | list) and value else ""
            detail = row.where.says(f"the list has an entry without file_name{kind}")
            yield Rejection("(no name)", "list", "no_file_name", detail)
            continue
        name, place = files.find(written) if printable(written) == written else (written, MISSING)
        if split_text:
            split = selection.split_of([split_text])
            if split is None:
                detail = row.where.says(f"split {short(split_text, 40)!r} is no split's name")
                yield Rejection(name, "list", "unknown_split", detail, None, name)
                continue
        else:
            split = selection.split_of(name.split("/")[:-1]) or selection.split_of([])
        yield Entry(
            split,
            name,
            _captions(row),
            place,
            _text(row.cells.get("license")),
            _text(row.cells.get("attribution")) or _text(row.cells.get("author")),
            _text(row.cells.get("source_url")),
            label=row.cells.get("label"),
            where=row.where,
        )


def _captions(row: Row) -> tuple[Any, ...]:
    """The cell of several captions, or where that is a gap the cell of one."""
    several = row.cells.get("captions")
    try:
        return (several,) if captions_of(several) else (row.cells.get("caption", several),)
    except NotText:
        return (several,)


def _text(value: Any) -> str:
    text = stripped(text_of(value) or "")
    return "" if text.lower() in GAPS else text
