"""Clotho as it is published: clotho_csv_files/clotho_captions_<split>.csv beside clotho_audio_files/<split>/."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from transforms.records import Rejection
from transforms.sources.audio_files import AudioFiles, below
from transforms.sources.freesound_ids import freesound_id_of
from transforms.sources.input_tree import InputTree, SourceUnusable, list_tree
from transforms.sources.listing import EVERYTHING, Entry, Listing, Selection, listing_of
from transforms.sources.text_files import read_csv

#: How Clotho calls each split.
SPLITS = {"train": "development", "validation": "validation", "test": "evaluation"}

_CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))


@dataclass(frozen=True)
class _Details:
    license: str | None = None
    attribution: str | None = None
    source_url: str | None = None
    freesound_id: str | None = None


def list_clotho(input_dir: str, dataset: str, selection: Selection = EVERYTHING) -> Listing:
    """Lists Clotho, five captions a clip, with the licence and the author that its metadata give.

    Names with entities (`&amp;`), commas or accents are found whether the disk has them escaped or not.

    Raises:
        SourceUnusable: no such folder, none of the lists, a list without its columns.
    """
    tree = below(list_tree(input_dir), "CLOTHO_v2.1")
    lists = {split: _list_of(tree, f"clotho_captions_{name}.csv") for split, name in SPLITS.items()}
    if not any(lists.values()):
        raise SourceUnusable(f"{input_dir} holds no clotho_csv_files/clotho_captions_development.csv: it is no Clotho")
    audio = AudioFiles(tree, selection)
    entries = (_entries(tree, split, path, audio) for split, path in lists.items() if path is not None)
    # The splits are recordings of their own, whatever two people called theirs.
    return listing_of(chain(audio.rejections, *entries), dataset, selection, unique_in_split=True)


def _entries(tree: InputTree, split: str, path: str, audio: AudioFiles) -> Iterator[Entry | Rejection]:
    details = _details(tree, SPLITS[split])
    for row in read_csv(path, ("file_name", *_CAPTIONS)):
        source_id = row["file_name"].strip()
        if not source_id:
            yield Rejection("(no name)", "list", "no_file_name", "the list has an entry without file_name", split)
            continue
        known = details.get(html.unescape(source_id), _Details())
        yield Entry(
            split,
            source_id,
            tuple(row[column] for column in _CAPTIONS),
            audio.audio(source_id, split),
            known.license,
            known.attribution,
            known.source_url,
            known.freesound_id,
        )


def _details(tree: InputTree, name: str) -> dict[str, _Details]:
    """File name → what the metadata say; a release without its metadata lists says nothing."""
    path = _list_of(tree, f"clotho_metadata_{name}.csv")
    if path is None:
        return {}
    details: dict[str, _Details] = {}
    for row in read_csv(path, ("file_name",)):
        licence, author, url = (row.get(name, "").strip() or None for name in ("license", "manufacturer", "sound_link"))
        number = freesound_id_of(row.get("sound_id", "")) or freesound_id_of(row.get("sound_link", ""))
        details.setdefault(html.unescape(row["file_name"].strip()), _Details(licence, author, url, number))
    return details


def _list_of(tree: InputTree, name: str) -> str | None:
    return next((tree.path(path) for path in (f"clotho_csv_files/{name}", name) if path in tree.sizes), None)
