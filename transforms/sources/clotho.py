"""Clotho as it is published: clotho_csv_files/clotho_captions_<split>.csv beside clotho_audio_files/<split>/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from transforms.records import Rejection
from transforms.sources.audio_files import AudioFiles, below, list_name
from transforms.sources.freesound_ids import freesound_id_of
from transforms.sources.input_tree import InputTree, list_tree
from transforms.sources.listing import EVERYTHING, Entry, Listing, Selection, listing_of
from transforms.sources.lists.csv_rows import read_csv
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.rows import BadRow, Columns
from transforms.sources.lists.text import stripped
from transforms.sources.names import LOOKS_LIKE_AUDIO, spellings

#: How Clotho calls each split.
SPLITS = {"train": "development", "validation": "validation", "test": "evaluation"}

_CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))

_LOOKS = {"file_name": LOOKS_LIKE_AUDIO}
_CAPTION_COLUMNS = Columns(("file_name", *_CAPTIONS), looks=_LOOKS)
_DETAIL_COLUMNS = Columns(("file_name",), also=("license", "manufacturer", "sound_link", "sound_id"), looks=_LOOKS)


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
    entries = (_entries(tree, split, name, audio) for split, name in lists.items() if name is not None)
    # The splits are recordings of their own, whatever two people called theirs.
    listing = listing_of(chain(audio.rejections, *entries), dataset, selection, unique_in_split=True)
    return replace(listing, unlisted=audio.unlisted, releases=tree.releases)


def _entries(tree: InputTree, split: str, name: str, audio: AudioFiles) -> Iterator[Entry | Rejection]:
    details: dict[str, _Details] = {}
    yield from _read_details(tree, SPLITS[split], details)
    for row in read_csv(tree.file(name), _CAPTION_COLUMNS, name):
        if isinstance(row, BadRow):
            yield row.rejection(split)
            continue
        source_id = stripped(row.cells["file_name"])
        if not source_id:
            detail = row.where.says("the list has an entry without file_name")
            yield Rejection("(no name)", "list", "no_file_name", detail, split)
            continue
        known = details.get(_key(source_id), _Details())
        yield Entry(
            split,
            source_id,
            tuple(row.cells[column] for column in _CAPTIONS),
            audio.audio(source_id, split),
            known.license,
            known.attribution,
            known.source_url,
            known.freesound_id,
            where=row.where,
        )


def _read_details(tree: InputTree, split_name: str, details: dict[str, _Details]) -> Iterator[Rejection]:
    """Adds what the metadata say by file name, and tells of the lines that cannot be read.

    A release without its metadata lists says nothing.
    """
    metadata = _list_of(tree, f"clotho_metadata_{split_name}.csv")
    if metadata is None:
        return
    for row in read_csv(tree.file(metadata), _DETAIL_COLUMNS, metadata):
        if isinstance(row, BadRow):
            yield row.rejection()
            continue
        texts = {name: row.cells.get(name, "").strip() for name in _DETAIL_COLUMNS.all}
        licence, author, url = (texts[name] or None for name in ("license", "manufacturer", "sound_link"))
        number = freesound_id_of(texts["sound_id"]) or freesound_id_of(texts["sound_link"])
        details.setdefault(_key(texts["file_name"]), _Details(licence, author, url, number))


def _key(name: str) -> str:
    """A name as any of the lists may spell it."""
    return list(spellings(name))[-1]


def _list_of(tree: InputTree, name: str) -> str | None:
    return list_name(tree, f"clotho_csv_files/{name}", name)
