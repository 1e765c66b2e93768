"""What listing an input gives: clips, and entries refused before any sound is read."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.records import SPLITS, Clip, Rejection
from transforms.sources.input_tree import Place, Refusal
from transforms.sources.licences import normal_licence
from transforms.sources.lists.captions import NotText, captions_of
from transforms.sources.lists.labels import NotLabel, label_of
from transforms.sources.lists.rows import Where
from transforms.sources.lists.text import printable, short
from transforms.sources.names import did_you_mean
from transforms.sources.splits import DEFAULT_SHARES, deal_splits

__all__ = ["MISSING", "SPLIT_NAMES", "Entry", "Listing", "Selection", "listing_of", "missing"]

#: How a split is written by people, and which of the three it is.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "development"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}

MISSING = Refusal("missing", "the list names it, the folder lacks it")


def missing(near: str | None) -> Refusal:
    """MISSING, with the file that may be meant."""
    return Refusal(MISSING.reason, MISSING.detail + did_you_mean(near))


@dataclass(frozen=True)
class Selection:
    """Which clips of an input are taken."""

    exclude: frozenset[str] = frozenset()
    """Freesound ids of clips that are left out."""
    licenses: tuple[str, ...] = ()
    """Normal names of the licences that are let in; empty lets in all, the unknown too."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Name of a folder → the split that it means, laid over SPLIT_NAMES; "" is the top folder."""
    split_shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    """Shares of the splits that clips are dealt to where nothing of the input tells the split of any."""
    seed: int = 0
    """Of that dealing."""

    def split_of(self, folders: Iterable[str]) -> str | None:
        """The split that the innermost telling folder means; None where none of them tells, or there is no folder."""
        known = {**SPLIT_NAMES, **{name.lower(): split for name, split in self.splits.items()}}
        names = [name.lower() for name in folders]
        if not names:
            return known.get("")
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
    """Clips in the order of the list, the entries that are refused, and what a user would not expect of the input."""

    clips: tuple[Clip, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    dealt: Mapping[str, int] = field(default_factory=dict)
    """Clips of each split, where nothing tells the split of any clip and all were dealt."""
    unsplit: int = 0
    """Clips that are of train because they have no split and other entries have one."""
    unlisted: int = 0
    """Sound files of the input that its list does not name."""
    releases: tuple[str, ...] = ()
    """Folders of the input that hold a release, and are passed over."""
    bad_labels: tuple[str, ...] = ()
    """What is wrong with each label that cannot be used, with its line; its clip is taken without a label."""

    @property
    def notes(self) -> list[str]:
        """What a user is told of the input before it is used, a line each; nothing of it keeps a clip out."""
        notes = []
        if self.dealt:
            counts = ", ".join(f"{self.dealt[split]:,} {split}" for split in SPLITS if split in self.dealt)
            notes.append(f"no clip has a split: dealt by name, {counts} (recipe key select.split_shares)")
        if self.unsplit:
            notes.append(f"{_clips(self.unsplit)} without a split, where others have one: taken as train")
        if self.unlisted:
            files = "1 sound file" if self.unlisted == 1 else f"{self.unlisted:,} sound files"
            notes.append(f"{files} of the input that the list does not name: left out")
        if self.bad_labels:
            clips = _clips(len(self.bad_labels))
            notes.append(f"{clips} with a label that cannot be used: taken without one ({self.bad_labels[0]})")
        notes += [f"{short(printable(folder))} holds a release: passed over as input" for folder in self.releases]
        return notes


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"


@dataclass(frozen=True, slots=True)
class Entry:
    """A clip as its list has it, and where its sound was found."""

    split: str | None
    """None where neither list nor folder tells it."""
    source_id: str
    captions: tuple[Any, ...]
    """Values as the list has them: texts, lists of texts, gaps."""
    audio: Place | Refusal
    license: str | None = None
    attribution: str | None = None
    source_url: str | None = None
    freesound_id: str | None = None
    file: str | None = None
    """What a person would look for where the entry is refused; None is its id."""
    where: Where | None = None
    """Its line in the list; None where `file` is all of it."""
    needs_split: bool = False
    """Without a split it is refused where other entries have one; else it is of train there."""
    clean: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None
    """What the layout does to captions."""
    label: Any = None
    """The class of its sound, a value as the list has it."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """An entry that becomes a clip."""

    entry: Entry
    source_id: str
    audio: Place
    captions: tuple[str, ...]
    license: str | None
    label: str | None

    def clip(self, dataset: str, split: str) -> Clip:
        return Clip(
            dataset=dataset,
            split=split,
            source_id=self.source_id,
            path=self.audio.path,
            captions=self.captions,
            license=self.license,
            attribution=_or_none(self.entry.attribution),
            source_url=_or_none(self.entry.source_url),
            member=self.audio.member,
            offset_bytes=self.audio.offset_bytes,
            size_bytes=self.audio.size_bytes,
            target=self.audio.target,
            modified_ns=self.audio.modified_ns,
            label=self.label,
        )


def listing_of(
    entries: Iterable[Entry | Rejection],
    dataset: str,
    selection: Selection = EVERYTHING,
    *,
    unique_in_split: bool = False,
) -> Listing:
    """The clips of a list; each entry that cannot be used is refused by name, and none is lost.

    A clip that is named twice is taken once: in each split where `unique_in_split`, else in the whole input. So is a
    file that two names lead to. Where no entry has a split, all clips are dealt (see `splits`).
    """
    listed = list(entries)
    split_told = any(
        entry.split is not None if isinstance(entry, Entry) else entry.reason == "unknown_split" for entry in listed
    )
    taken: list[_Taken] = []
    rejections: list[Rejection] = []
    bad_labels: list[str] = []
    seen = _Seen()
    for entry in listed:
        if isinstance(entry, Rejection):
            rejections.append(_printable(entry))
            continue
        source_id = unicodedata.normalize("NFC", entry.source_id)
        licence = normal_licence(entry.license)
        refusal = _refusal(entry, licence, selection)
        if refusal is None and split_told and entry.split is None and entry.needs_split:
            refusal = Refusal("unknown_split", "no folder's name tells its split; recipe key select.splits can")
        captions: tuple[str, ...] = ()
        if refusal is None:
            captions, refusal = _captions(entry)
        if refusal is None and isinstance(entry.audio, Refusal):
            refusal = entry.audio
        if refusal is None:
            refusal = seen.refusal(entry, f"{entry.split}/{source_id}" if unique_in_split else source_id)
        if isinstance(entry.audio, Refusal) or refusal is not None:
            refusal = refusal or MISSING
            detail = refusal.detail if entry.where is None else entry.where.says(refusal.detail)
            split = entry.split or ("train" if split_told and not entry.needs_split else None)
            file = entry.file or source_id
            rejections.append(_printable(Rejection(file, "list", refusal.reason, detail, split, source_id)))
            continue
        try:
            label = label_of(entry.label)
        except NotLabel as error:
            label = None
            bad_labels.append(str(error) if entry.where is None else entry.where.says(str(error)))
        taken.append(_Taken(entry, source_id, entry.audio, captions, licence, label))
    undecided = [one.source_id for one in taken if one.entry.split is None]
    splits = dict.fromkeys(undecided, "train")
    if not split_told:
        splits = deal_splits(undecided, selection.split_shares, selection.seed)
    return Listing(
        tuple(one.clip(dataset, one.entry.split or splits[one.source_id]) for one in taken),
        tuple(rejections),
        dealt={} if split_told else Counter(splits.values()),
        unsplit=len(undecided) if split_told else 0,
        bad_labels=tuple(bad_labels),
    )


class _Seen:
    """Which recordings a list has named so far, by id and by where they lie."""

    def __init__(self) -> None:
        self._ids: dict[str, Entry] = {}
        self._places: dict[Place | Refusal, Entry] = {}

    def refusal(self, entry: Entry, key: str) -> Refusal | None:
        """Why an entry is not taken: its name or its file was named before; else it is remembered."""
        same_name, same_file = self._ids.get(key), self._places.get(entry.audio)
        first = same_name or same_file
        if first is None:
            self._ids[key] = self._places[entry.audio] = entry
            return None
        taken = "the first is taken" if first.where is None else f"{first.where} is taken"
        if same_name is not None:
            return Refusal("duplicate", f"the input names it twice; {taken}")
        return Refusal("duplicate", f"it is the file of {short(first.file or first.source_id)} again; {taken}")


def _captions(entry: Entry) -> tuple[tuple[str, ...], Refusal | None]:
    try:
        captions = captions_of(*entry.captions)
    except NotText as error:
        return (), Refusal("unreadable_caption", str(error))
    if entry.clean is not None:
        captions = entry.clean(captions)
    if captions:
        return captions, None
    said = next((str(value) for value in entry.captions if value is not None and str(value).strip()), None)
    return (), Refusal("no_caption", "no caption" if said is None else f"{short(said, 40)!r} is no caption")


def _refusal(entry: Entry, licence: str | None, selection: Selection) -> Refusal | None:
    """Why an entry is not taken, whatever its captions and its file are."""
    if printable(entry.source_id) != entry.source_id:
        return Refusal("broken_name", "the name is not text in any encoding")
    if entry.freesound_id is not None and entry.freesound_id in selection.exclude:
        return Refusal("excluded", f"recipe key select.exclude names Freesound id {entry.freesound_id}")
    if not selection.lets_in(licence):
        return Refusal("licence", f"{licence or 'no known licence'} is not among the recipe's select.licenses")
    return None


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
