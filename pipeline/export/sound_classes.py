"""The classes of an export: from the labels of the sounds, or from a file that names the class of a label or a clip."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.export.output_folder import ExportError
from transforms.escaping import spreadsheet_cell
from transforms.sources.lists.csv_rows import parse_csv
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.labels import NotLabel, label_of
from transforms.sources.lists.rows import BadRow, Columns, Where
from transforms.sources.lists.text import decode_text, short, stripped

_COLUMNS = Columns(need=("class",), one_of=("source_id", "label"))


@dataclass(frozen=True)
class SoundClasses:
    """The names of the classes, whose positions are their indices, and the class of each label and clip."""

    names: tuple[str, ...]
    of_label: Mapping[str, int]
    of_clip: Mapping[str, int] = field(default_factory=dict)
    """By source_id; it goes before the label."""

    def index_of(self, source_id: str, label: str | None) -> int | None:
        """The class of a sound; None if it has none."""
        known = self.of_clip.get(source_id)
        return known if known is not None or label is None else self.of_label.get(label)

    @property
    def sha256(self) -> str:
        """The hash of the names and of what has which class."""
        values = [self.names, sorted(self.of_label.items()), sorted(self.of_clip.items())]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def to_csv(self) -> str:
        """The content of classes.csv: `index,name`, a line for each class."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["index", "name"])
        table.writerows([index, spreadsheet_cell(name)] for index, name in enumerate(self.names))
        return text.getvalue()


def classes_of_labels(labels: Iterable[str]) -> SoundClasses:
    """A class for each label, sorted by name."""
    names = tuple(sorted(set(labels)))
    return SoundClasses(names, {name: index for index, name in enumerate(names)})


def parse_classes(data: bytes, path: str) -> SoundClasses:
    """The classes of a CSV file with the columns `class` and `label` or `source_id`, in the order of the file.

    A line with a class alone keeps an index for it.

    Raises:
        ExportError: when it cannot be read, a line has no class, or a label or clip has two.
    """
    try:
        rows = parse_csv(decode_text(data), _COLUMNS, path)
    except SourceUnusable as error:
        raise ExportError(str(error)) from error
    indices: dict[str, int] = {}
    known: dict[str, dict[str, int]] = {"label": {}, "source_id": {}}
    for row in rows:
        if isinstance(row, BadRow):
            raise ExportError(row.where.says(row.detail))
        name = _label(row.cells["class"], row.where)
        if name is None:
            raise ExportError(row.where.says("it names no class"))
        index = indices.setdefault(name, len(indices))
        keys = {
            "label": _label(row.cells.get("label"), row.where),
            "source_id": unicodedata.normalize("NFC", stripped(row.cells.get("source_id") or "")) or None,
        }
        for column, key in keys.items():
            if key is not None and known[column].setdefault(key, index) != index:
                raise ExportError(row.where.says(f"{column} {short(key)!r} has another class above"))
    if not indices:
        raise ExportError(f"{path} names no class")
    return SoundClasses(tuple(indices), known["label"], known["source_id"])


def _label(value: Any, where: Where) -> str | None:
    try:
        return label_of(value)
    except NotLabel as error:
        raise ExportError(where.says(str(error))) from error
