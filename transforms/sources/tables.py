"""Lists as people have them: CSV files in one encoding or another, and the audio files that they name."""

from __future__ import annotations

import html
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from transforms.records import Clip, Rejection
from transforms.sources.listing import Listing, SourceUnusable

#: Endings of audio files, as a listing of a folder is searched for them.
AUDIO_ENDINGS = frozenset((".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a", ".aif", ".aiff"))


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV file with every cell as text: a caption "NA" or an id "-007" is neither a gap nor a number.

    Raises:
        SourceUnusable: when it cannot be read in UTF-8 or Latin-1, or lacks one of the columns.
    """
    try:
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        except UnicodeDecodeError:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="latin-1")
    except (ValueError, OSError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceUnusable(f"{path} cannot be read: {first_line}") from error
    for column in columns:
        if column not in table.columns:
            raise SourceUnusable(f"{path} has no column {column}; its columns are {', '.join(map(str, table.columns))}")
    return table


def below(input_dir: str, name: str) -> Path:
    """The dataset's own folder: `input_dir` itself, or the folder called `name` in it.

    Raises:
        SourceUnusable: when there is no such folder.
    """
    root = Path(input_dir)
    if not root.is_dir():
        raise SourceUnusable(f"no such folder: {input_dir}")
    return root / name if (root / name).is_dir() else root


class AudioFiles:
    """The audio files of a folder by name, from one listing; entities and accents match however they were stored."""

    def __init__(self, folder: Path) -> None:
        self._paths: dict[str, str] = {}
        root = os.path.realpath(folder)
        if not os.path.isdir(root):
            return
        with os.scandir(root) as entries:
            for entry in sorted(entries, key=lambda found: found.name):
                stem, ending = os.path.splitext(entry.name)
                path = os.path.realpath(entry.path)
                # A link that leads out of the folder is as if it were not there.
                if ending.lower() in AUDIO_ENDINGS and path.startswith(root + os.sep) and os.path.isfile(path):
                    for spelling in _spellings(stem):
                        self._paths.setdefault(spelling, path)

    def find(self, name: str) -> str | None:
        """The path of a file by its name, with or without an ending; None where the folder lacks it."""
        stem, ending = os.path.splitext(name)
        wanted = stem if ending.lower() in AUDIO_ENDINGS else name
        return next((self._paths[spelling] for spelling in _spellings(wanted) if spelling in self._paths), None)


@dataclass(frozen=True)
class Entry:
    """A clip as a published list has it, before the disk has been asked for it."""

    split: str
    source_id: str
    captions: tuple[str, ...]
    path: str | None
    license: str | None = None
    attribution: str | None = None
    source_url: str | None = None


def listing_of(entries: Iterable[Entry], dataset: str) -> Listing:
    """The clips of a list; an entry without a caption, or that the disk lacks, is refused and counted."""
    clips: list[Clip] = []
    rejections: list[Rejection] = []
    for entry in entries:
        captions = tuple(text.strip() for text in entry.captions if text.strip())
        name, split = entry.source_id, entry.split
        if not captions:
            rejections.append(Rejection(name, "list", "no_caption", "only empty captions", split, name))
        elif entry.path is None:
            rejections.append(Rejection(name, "list", "missing", "the list names it, the folder lacks it", split, name))
        else:
            origin = (entry.license, entry.attribution, entry.source_url)
            clips.append(Clip(dataset, split, name, entry.path, captions, *origin))
    return Listing(tuple(clips), tuple(rejections))


def _spellings(stem: str) -> Iterator[str]:
    for text in (stem, html.unescape(stem)):
        yield unicodedata.normalize("NFC", text).strip()
