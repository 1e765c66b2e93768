"""Clotho as it is published: clotho_csv_files/clotho_captions_<split>.csv beside clotho_audio_files/<split>/."""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from transforms.sources.listing import Listing, SourceUnusable
from transforms.sources.tables import AudioFiles, Entry, below, listing_of, read_csv

#: How Clotho calls each split.
SPLITS = {"train": "development", "validation": "validation", "test": "evaluation"}

_DETAILS = ("license", "manufacturer", "sound_link")
_CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))


def list_clotho(input_dir: str, dataset: str) -> Listing:
    """Lists Clotho, five captions a clip, with the licence and the author that its metadata give.

    Names with entities (`&amp;`), commas or accents are found whether the disk has them escaped or not.

    Raises:
        SourceUnusable: no such folder, none of the lists, a list without its columns.
    """
    root = below(input_dir, "CLOTHO_v2.1")
    lists = {split: _either(root, "clotho_csv_files", f"clotho_captions_{name}.csv") for split, name in SPLITS.items()}
    if not any(lists.values()):
        raise SourceUnusable(f"{input_dir} holds no clotho_csv_files/clotho_captions_development.csv: it is no Clotho")
    entries = (_entries(root, split, path) for split, path in lists.items() if path is not None)
    return listing_of(chain.from_iterable(entries), dataset)


def _entries(root: Path, split: str, path: Path) -> Iterator[Entry]:
    audio, details = AudioFiles(_folder(root, SPLITS[split])), _details(root, SPLITS[split])
    for row in read_csv(path, ("file_name", *_CAPTIONS)).to_dict("records"):
        source_id = str(row["file_name"]).strip()
        captions = tuple(str(row[column]) for column in _CAPTIONS)
        origin = details.get(html.unescape(source_id), (None, None, None))
        yield Entry(split, source_id, captions, audio.find(source_id), *origin)


def _details(root: Path, name: str) -> dict[str, tuple[str | None, str | None, str | None]]:
    """File name → licence, author, address; a release without its metadata lists has none."""
    path = _either(root, "clotho_csv_files", f"clotho_metadata_{name}.csv")
    if path is None:
        return {}
    details = {}
    for row in read_csv(path, ("file_name",)).to_dict("records"):
        license_, author, url = (str(row.get(name, "")).strip() or None for name in _DETAILS)
        details[html.unescape(str(row["file_name"]).strip())] = (license_, author, url)
    return details


def _either(root: Path, folder: str, name: str) -> Path | None:
    return next((path for path in (root / folder / name, root / name) if path.is_file()), None)


def _folder(root: Path, name: str) -> Path:
    return next((path for path in (root / "clotho_audio_files" / name, root / name) if path.is_dir()), root / name)
