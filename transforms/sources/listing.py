"""What listing an input gives: clips, and entries refused before any sound is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from transforms.records import Clip, Rejection
from transforms.sources.input_tree import Place, Refusal, SourceUnusable
from transforms.sources.licences import normal_licence
from transforms.sources.text_files import printable

__all__ = ["SPLIT_NAMES", "Entry", "Listing", "Selection", "SourceUnusable", "listing_of"]

#: How a split is written by people, and which of the three it is.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "development"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}

MISSING = Refusal("missing", "the list names it, the folder lacks it")


@dataclass(frozen=True)
class Selection:
    """Which clips of an input are taken."""

    exclude: frozenset[str] = frozenset()
    """Freesound ids of clips that are left out."""
    licenses: tuple[str, ...] = ()
    """Normal names of the licences that are let in; empty lets in all, the unknown too."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Name of a folder → the split that it means, laid over SPLIT_NAMES; "" is the top folder."""

    def split_of(self, folders: Iterable[str]) -> str | None:
        """The split that the innermost telling folder means; None where none of them tells."""
        known = {**SPLIT_NAMES, **{name.lower(): split for name, split in self.splits.items()}}
        names = [name.lower() for name in folders]
        if not names:
            return known.get("", "train")
        return next((known[name] for name in reversed(names) if name in known), None)

    def lets_in(self, licence: str | None) -> bool:
        """Whether the list of licences has this one: by its name, or by its family without a version (CC-BY)."""
        if not self.licenses:
            return True
        family = re.sub(r"-\d+\.\d+$", "", licence or "")
        return licence is not None and (licence in self.licenses or family in self.licenses)


EVERYTHING = Selection()


@dataclass(frozen=True)
class Listing:
    """Clips in the order of the list, and the entries that are refused."""

    clips: tuple[Clip, ...] = ()
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A clip as its list has it, and where its sound was found."""

    split: str | None
    source_id: str
    captions: tuple[str, ...]
    audio: Place | Refusal
    license: str | None = None
    attribution: str | None = None
    source_url: str | None = None
    freesound_id: str | None = None
    file: str | None = None
    """What a person would look for where the entry is refused; None is its id."""


def listing_of(
    entries: Iterable[Entry | Rejection],
    dataset: str,
    selection: Selection = EVERYTHING,
    *,
    unique_in_split: bool = False,
) -> Listing:
    """The clips of a list; each entry that cannot be used is refused by name, and none is lost.

    A clip that is named twice is taken once: in each split where `unique_in_split`, else in the whole input.
    """
    clips: list[Clip] = []
    rejections: list[Rejection] = []
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, Rejection):
            rejections.append(_printable(entry))
            continue
        captions = tuple(text for text in (printable(caption).strip() for caption in entry.captions) if text)
        licence = normal_licence(entry.license)
        key = f"{entry.split}/{entry.source_id}" if unique_in_split else entry.source_id
        refusal = _refusal(entry, captions, licence, selection)
        if refusal is None and key in seen:
            refusal = Refusal("duplicate", "the input names it twice; the first is taken")
        if isinstance(entry.audio, Refusal) or refusal is not None:
            refusal = refusal or MISSING
            file = entry.file or entry.source_id
            rejections.append(
                _printable(Rejection(file, "list", refusal.reason, refusal.detail, entry.split, entry.source_id))
            )
            continue
        seen.add(key)
        assert entry.split is not None
        clips.append(
            Clip(
                dataset=dataset,
                split=entry.split,
                source_id=entry.source_id,
                path=entry.audio.path,
                captions=captions,
                license=licence,
                attribution=_or_none(entry.attribution),
                source_url=_or_none(entry.source_url),
                member=entry.audio.member,
                offset_bytes=entry.audio.offset_bytes,
                size_bytes=entry.audio.size_bytes,
            )
        )
    return Listing(tuple(clips), tuple(rejections))


def _refusal(entry: Entry, captions: tuple[str, ...], licence: str | None, selection: Selection) -> Refusal | None:
    if printable(entry.source_id) != entry.source_id:
        return Refusal("broken_name", "the name is not text in any encoding")
    if entry.freesound_id is not None and entry.freesound_id in selection.exclude:
        return Refusal("excluded", f"recipe key select.exclude names Freesound id {entry.freesound_id}")
    if not selection.lets_in(licence):
        return Refusal("licence", f"{licence or 'no known licence'} is not among the recipe's select.licenses")
    if entry.split is None:
        return Refusal("unknown_split", "no folder's name tells its split; recipe key select.splits can")
    if not captions:
        return Refusal("no_caption", "no caption, or only empty ones")
    return entry.audio if isinstance(entry.audio, Refusal) else None


def _or_none(text: str | None) -> str | None:
    return (printable(text).strip() or None) if text is not None else None


def _printable(rejection: Rejection) -> Rejection:
    return Rejection(
        printable(rejection.file),
        rejection.stage,
        rejection.reason,
        printable(rejection.detail),
        rejection.split,
        None if rejection.source_id is None else printable(rejection.source_id),
    )
