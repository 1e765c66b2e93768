"""The check of an input before a build: its lists and the headers of its files, with every problem by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.build.planning import BuildError, plan_listing
from pipeline.recipe import Recipe
from transforms import storage
from transforms.records import SPLITS, Clip, Rejection
from transforms.sound.headers import Header, read_header
from transforms.sound.refusal import ClipRefused
from transforms.sources import Listing

_HEADER_THREADS = 4


@dataclass(frozen=True)
class InputFindings:
    """What a build would find in an input folder."""

    clips_by_split: dict[str, int]
    caption_count: int
    hour_count: float
    """Hours of the clips whose headers tell their length."""
    unknown_lengths: int
    """Clips whose headers do not tell their length, or were not read."""
    rejections: tuple[Rejection, ...]
    """Inputs that a build would reject, with the file and the line where there is one."""
    notes: tuple[str, ...]
    """Facts for which nothing is rejected, such as files that no list names."""
    unusable: str | None = None
    """Why a build would not start, or None."""

    @property
    def clip_count(self) -> int:
        return sum(self.clips_by_split.values())

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return {**asdict(self), "clip_count": self.clip_count, "ok": not self.rejections and self.unusable is None}


def check_input(
    recipe: Recipe, input_dir: str, watch: Callable[[Iterable[Any], int], Iterable[Any]] | None = None
) -> InputFindings:
    """Reads the lists of `input_dir` as a build of `recipe` would, and the headers of its files; renders nothing.

    Args:
        recipe: names the layout of the input, its selection and the longest clip.
        input_dir: the folder, or an address on gs:// or s3://, of which headers are not read.
        watch: wraps the sequence of headers, for progress; takes the sequence and its length.

    Raises:
        SourceUnusable: when the input cannot be listed.
        OSError: when it cannot be read.
    """
    listing = recipe.list_input(input_dir)
    remote = storage.is_remote(input_dir)
    results: list[Header | Rejection | None] = [None] * len(listing.clips)
    if not remote:
        with ThreadPoolExecutor(_HEADER_THREADS) as threads:
            read = threads.map(lambda clip: _header_or_rejection(clip, recipe.audio.max_duration_s), listing.clips)
            results = list(read if watch is None else watch(read, len(listing.clips)))
    rejected = [result for result in results if isinstance(result, Rejection)]
    durations_s = [result.duration_s for result in results if isinstance(result, Header)]
    good = [clip for clip, result in zip(listing.clips, results, strict=True) if not isinstance(result, Rejection)]
    known_s = [duration for duration in durations_s if duration is not None]
    return InputFindings(
        clips_by_split={split: sum(clip.split == split for clip in good) for split in SPLITS},
        caption_count=sum(len(clip.captions) for clip in good),
        hour_count=sum(known_s) / 3600,
        unknown_lengths=len(good) - len(known_s),
        rejections=(*listing.rejections, *rejected),
        notes=(*listing.notes, *(("headers of files on a remote store are not read",) if remote else ())),
        unusable=_why_unusable(recipe, input_dir, listing),
    )


def _header_or_rejection(clip: Clip, max_duration_s: float) -> Header | Rejection | None:
    try:
        return read_header(clip, max_duration_s=max_duration_s)
    except ClipRefused as refusal:
        return Rejection(clip.source_id, "header", refusal.reason, str(refusal), clip.split, clip.source_id)


def _why_unusable(recipe: Recipe, input_dir: str, listing: Listing) -> str | None:
    try:
        plan_listing(recipe, input_dir, listing)
    except BuildError as error:
        return str(error)
    return None
