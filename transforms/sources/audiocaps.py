"""AudioCaps as downloaders leave it: csv_files_v1/<split>.csv beside folders of audio, by one naming or another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from transforms.records import Rejection
from transforms.sources.audio_files import AudioFiles, below, list_name
from transforms.sources.input_tree import InputTree, Place, Refusal, list_tree
from transforms.sources.listing import EVERYTHING, MISSING, Entry, Listing, Selection, listing_of
from transforms.sources.lists.csv_rows import read_csv
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.rows import BadRow, Columns, Where
from transforms.sources.lists.text import short, stripped

#: How the lists call each split.
SPLITS = {"train": ("train",), "validation": ("val", "validation", "valid"), "test": ("test",)}

_COLUMNS = Columns(
    ("youtube_id", "start_time", "caption"),
    also=("audiocap_id",),
    looks={"youtube_id": r"[\w-]{11}", "start_time": r"\d+(?:\.\d+)?"},
)

#: A clip is this long, so a name that tells its end tells this one.
_CLIP_S = 10

_AMBIGUOUS = Refusal("ambiguous", "its file's name fits another clip of the list too")


@dataclass
class _Clip:
    """The rows of a list that share video and start."""

    split: str
    video: str
    start: str
    where: Where
    captions: list[str] = field(default_factory=list)
    caption_ids: list[str] = field(default_factory=list)

    @property
    def source_id(self) -> str:
        return f"{self.video}_{self.start}"


def list_audiocaps(input_dir: str, dataset: str, selection: Selection = EVERYTHING) -> Listing:
    """Lists AudioCaps; the rows of a list that share id and start are captions of one clip.

    Clips are of people's videos and for academic use; the lists hold no licence of a clip.

    Raises:
        SourceUnusable: no such folder, none of the lists, a list without its columns.
    """
    tree = below(list_tree(input_dir), "AUDIOCAPS")
    lists = {split: _list_of(tree, names) for split, names in SPLITS.items()}
    if not any(lists.values()):
        raise SourceUnusable(f"{input_dir} holds none of csv_files_v1/train.csv, val.csv, test.csv: it is no AudioCaps")
    clips: dict[tuple[str, str, str], _Clip] = {}
    rejections: list[Rejection] = []
    for split, name in lists.items():
        if name is not None:
            _read(tree, name, split, clips, rejections)
    audio = AudioFiles(tree, selection)
    entries = _entries(list(clips.values()), _Names(audio, clips.values()))
    listing = listing_of(chain(rejections, audio.rejections, entries), dataset, selection)
    return replace(listing, unlisted=audio.unlisted, releases=tree.releases)


def _read(
    tree: InputTree, name: str, split: str, clips: dict[tuple[str, str, str], _Clip], rejections: list[Rejection]
) -> None:
    for row in read_csv(tree.file(name), _COLUMNS, name):
        if isinstance(row, BadRow):
            rejections.append(row.rejection(split))
            continue
        video, start = stripped(row.cells["youtube_id"]), _seconds(row.cells["start_time"])
        if not video or start is None:
            said = short(row.cells["start_time"], 20)
            detail = row.where.says(f"youtube_id {short(video, 20)!r} with start_time {said!r} names no clip")
            rejections.append(Rejection(video or "(no name)", "list", "no_file_name", detail, split))
            continue
        clip = clips.setdefault((split, video, start), _Clip(split, video, start, row.where))
        clip.captions.append(row.cells["caption"])
        clip.caption_ids.append(stripped(row.cells.get("audiocap_id", "")))


def _seconds(text: str) -> str | None:
    """A start in seconds, 30 for 30.0; None for what is no number."""
    if not re.fullmatch(r"\s*\d{1,9}(\.\d{1,6})?\s*", text):
        return None
    whole, _, part = text.strip().partition(".")
    part = part.rstrip("0")
    return f"{int(whole)}.{part}" if part else str(int(whole))


def _entries(clips: list[_Clip], names: _Names) -> Iterator[Entry]:
    for clip in clips:
        url = f"https://www.youtube.com/watch?v={clip.video}&t={clip.start}s"
        yield Entry(
            clip.split, clip.source_id, tuple(clip.captions), names.audio(clip), source_url=url, where=clip.where
        )


class _Names:
    """Finds clips by the names that download tools give; a file is taken by one clip alone."""

    def __init__(self, audio: AudioFiles, clips: Iterable[_Clip]) -> None:
        self._audio = audio
        self._starts: dict[str, set[str]] = {}
        self._own: set[str] = set()
        for clip in clips:
            self._starts.setdefault(clip.video, set()).add(clip.start)
            self._own.add(clip.source_id)
        # Names that end in a start and an end other than ten seconds later: the last clip of a video may be shorter.
        self._with_end: dict[tuple[str | None, str], set[str]] = {}
        for split, stem in audio:
            match = re.fullmatch(r"(.+_\d+(?:\.\d+)?)_\d+(?:\.\d+)?", stem)
            if match:
                self._with_end.setdefault((split, match.group(1)), set()).add(stem)
        self._taken: dict[str, str] = {}

    def audio(self, clip: _Clip) -> Place | Refusal:
        for name in self._candidates(clip):
            # What is one clip's plain name is no other's name with an end or in milliseconds.
            if name.removeprefix("Y") != clip.source_id and name.removeprefix("Y") in self._own:
                continue
            piece = self._audio.find(name, clip.split)
            if piece is None:
                continue
            if self._taken.setdefault(piece.name, clip.source_id) != clip.source_id:
                return _AMBIGUOUS
            return piece.audio
        return MISSING

    def _candidates(self, clip: _Clip) -> Iterator[str]:
        start = float(clip.start)
        ends = (f"{start + _CLIP_S:g}", f"{start + _CLIP_S:.1f}", f"{start + _CLIP_S:.3f}")
        starts = (clip.start, f"{start:.1f}", f"{start:.3f}")
        videos = (clip.video, f"Y{clip.video}")
        for video in videos:
            yield f"{video}_{clip.start}"
        for video in videos:
            for one, other in zip(starts, ends, strict=True):
                yield f"{video}_{one}_{other}"
            # AudioSet counts milliseconds.
            yield f"{video}_{round(start * 1000)}_{round((start + _CLIP_S) * 1000)}"
            yield f"{video}_{round(start * 1000)}"
            for split in (clip.split, None):
                shorter = self._with_end.get((split, f"{video}_{clip.start}"), set())
                if len(shorter) == 1:
                    yield from shorter
        if len(self._starts[clip.video]) == 1:
            yield from videos
        yield from filter(None, clip.caption_ids)


def _list_of(tree: InputTree, names: tuple[str, ...]) -> str | None:
    return list_name(tree, *(f"{folder}{name}.csv" for folder in ("csv_files_v1/", "dataset/", "") for name in names))
