"""The totals of a release, counted from its rows one shard at a time."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.release.layout import DigestBuilder, ReleaseError, digest_entry, metadata_paths, sha256_of
from pipeline.release.usable_rows import unusable_row
from transforms.bounds import parquet_tables
from transforms.bounds.limits import MOST_ROWS_OF_A_SHARD
from transforms.bounds.parquet_tables import most_file_bytes
from transforms.captions.variety import CaptionSample
from transforms.errors import one_line
from transforms.records import SPLITS
from transforms.shards.release_rows import ROW_SCHEMA, has_one_place, with_newer_columns
from transforms.shards.write_shard import METADATA
from transforms.storage import folder_files
from transforms.words import VOCABULARY

#: The name under which clips without a licence are counted.
UNKNOWN_LICENSE = "unknown"
#: Columns whose least and largest value are in the card.
RANGED = ("azimuth_deg", "elevation_deg", "distance_m", "floor_area_m2", "t30_ms", "duration_s")
#: Those of them that each sound of a row has for itself, and the attributes whose words each sound has for itself.
OF_SOURCE = frozenset(("azimuth_deg", "elevation_deg", "distance_m", "direction", "elevation", "distance"))


#: What is counted of a clip: its split, its licence, and whether its author is known.
ClipKind = tuple[str, str, bool]


@dataclass
class ShardTally:
    """The counts of one shard, small enough to pass from one process to another."""

    path: str
    metadata_sha256: str
    rows: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """Name of a count → its numbers: rows and microseconds by split, captions by status, rows by licence, …"""
    clips: dict[ClipKind, array[int]] = field(default_factory=dict)
    """The clips of every sound as 64 bits of a hash, by what is counted of them; a clip may sound in many shards."""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    """The entries of the digest, one for each row."""
    samples: dict[str, CaptionSample] = field(default_factory=dict)
    """A sample of the captions of each status."""


@dataclass(frozen=True)
class Totals:
    """The totals of a release."""

    rows: dict[str, int]
    clips: dict[str, int]
    hours: dict[str, float]
    captions: dict[str, int]
    turned_down: int
    digest: str
    shards: list[dict[str, Any]]
    scenes: int
    """The number of rows that are not one still sound."""
    sources: int
    """The number of sounds in all rows."""
    moving_sources: int
    measured_rows: int
    """The rows in measured rooms."""
    licenses: dict[str, int]
    """The number of rows by licence; a row of sounds with several licences counts under each."""
    clip_licenses: dict[str, int]
    unattributed: dict[str, int]
    """The number of clips without an author in the input, by licence."""
    words: dict[str, dict[str, int]]
    """The number of sounds by attribute and word, of rows for the attributes of the room; "" stands for no word."""
    ranges: dict[str, tuple[float, float]]
    samples: dict[str, CaptionSample]
    """A sample of the captions of each status, in which their variety is measured."""

    @property
    def row_count(self) -> int:
        return sum(self.rows.values())

    @property
    def clip_count(self) -> int:
        return sum(self.clips.values())

    @property
    def hour_count(self) -> float:
        return sum(self.hours.values())


def tally_shard(
    path: str, metadata_sha256: str, records: Sequence[Mapping[str, Any]], fixed_gain_db: float | None
) -> ShardTally:
    """Counts the rows of a shard.

    Args:
        path: the folder of the shard, relative to the release.
        metadata_sha256: the SHA-256 of its metadata.parquet.
        records: its rows.
        fixed_gain_db: the recipe's gain if its level is fixed; a row below it was turned down so that it does not clip.
    """
    tally = ShardTally(path, metadata_sha256, len(records))
    kinds = (
        *("rows", "microseconds", "captions", "turned_down", "licenses"),
        *("scenes", "sources", "moving_sources", "measured_rows"),
    )
    counts = tally.counts = {name: Counter[str]() for name in (*kinds, *VOCABULARY)}
    clips: set[tuple[str, str]] = set()
    for values in records:
        tally.entries.append(digest_entry(values))
        split, sources = values["split"], with_newer_columns(values)["sources"]
        counts["rows"][split] += 1
        # Whole microseconds: their sum does not depend on the order.
        counts["microseconds"][split] += round(values["duration_s"] * 1e6)
        counts["captions"].update(values["caption_status"])
        _sample_captions(tally.samples, values)
        counts["licenses"].update({source["license"] or UNKNOWN_LICENSE for source in sources})
        counts["turned_down"][""] += fixed_gain_db is not None and values["gain_db"] < fixed_gain_db
        counts["scenes"][""] += not has_one_place(sources)
        counts["sources"][""] += len(sources)
        counts["moving_sources"][""] += sum(bool(source["moving"]) for source in sources)
        counts["measured_rows"][""] += values.get("response_id") is not None
        for attribute in VOCABULARY:
            counts[attribute].update(
                each[attribute] or "" for each in (sources if attribute in OF_SOURCE else [values])
            )
        for name in RANGED:
            numbers = [each[name] for each in (sources if name in OF_SOURCE else [values])]
            _widen(tally.ranges, name, [number for number in numbers if number is not None])
        for source in sources:
            if (split, source["source_id"]) not in clips:
                clips.add((split, source["source_id"]))
                kind = (split, source["license"] or UNKNOWN_LICENSE, bool(source["attribution"]))
                tally.clips.setdefault(kind, array("Q")).append(_clip_hash(split, source["source_id"]))
    return tally


def _widen(ranges: dict[str, tuple[float, float]], name: str, values: Sequence[float]) -> None:
    """Makes a range hold these values too."""
    if not values:
        return
    low, high = ranges.get(name, (values[0], values[0]))
    ranges[name] = (min(low, *values), max(high, *values))


def _clip_hash(split: str, source_id: str) -> int:
    """64 bits of a hash: of a million clips, two agree by chance once in forty million releases."""
    return int.from_bytes(hashlib.blake2b(f"{split}\0{source_id}".encode(), digest_size=8).digest())


def _sample_captions(samples: dict[str, CaptionSample], values: Mapping[str, Any]) -> None:
    """Adds the captions of a row. A damaged row may have lists of several lengths."""
    captions = zip(values["captions"], values["captions_original"], values["caption_status"], strict=False)
    for index, (caption, original, status) in enumerate(captions):
        samples.setdefault(status, CaptionSample()).add(values["id"], index, caption, original)


def sum_tallies(tallies: Iterable[ShardTally]) -> Totals:
    """The totals of all shards, which are listed in the order of the tallies."""
    counts: dict[str, Counter[str]] = {}
    ranges: dict[str, tuple[float, float]] = {}
    samples: dict[str, CaptionSample] = {}
    clips: dict[ClipKind, array[int]] = {}
    digest, shards = DigestBuilder(), []
    for tally in tallies:
        shards.append({"path": tally.path, "rows": tally.rows, "metadata_sha256": tally.metadata_sha256})
        digest.add_entries(tally.entries)
        for name, counter in tally.counts.items():
            counts.setdefault(name, Counter()).update(counter)
        for kind, hashes in tally.clips.items():
            clips.setdefault(kind, array("Q")).extend(hashes)
        for status, sample in tally.samples.items():
            samples.setdefault(status, CaptionSample()).merge(sample)
        for name, bounds in tally.ranges.items():
            _widen(ranges, name, bounds)
    for (split, license_name, has_author), hashes in clips.items():
        count = len(np.unique(np.array(hashes, dtype=np.uint64)))
        counts.setdefault("clips", Counter())[split] += count
        counts.setdefault("clip_licenses", Counter())[license_name] += count
        counts.setdefault("unattributed", Counter())[license_name] += 0 if has_author else count

    def of(name: str) -> Counter[str]:
        return counts.get(name, Counter())

    return Totals(
        rows={split: of("rows")[split] for split in SPLITS},
        clips={split: of("clips")[split] for split in SPLITS},
        hours={split: round(of("microseconds")[split] / 3.6e9, 6) for split in SPLITS},
        captions=dict(sorted(of("captions").items())),
        turned_down=of("turned_down")[""],
        digest=digest.hexdigest(),
        shards=shards,
        scenes=of("scenes")[""],
        sources=of("sources")[""],
        moving_sources=of("moving_sources")[""],
        measured_rows=of("measured_rows")[""],
        licenses=dict(sorted(of("licenses").items())),
        clip_licenses=dict(sorted(of("clip_licenses").items())),
        unattributed={name: count for name, count in sorted(of("unattributed").items()) if count},
        words={name: {word: of(name)[word] for word in (*words, "")} for name, words in VOCABULARY.items()},
        ranges=ranges,
        samples=samples,
    )


def total(release: str, fixed_gain_db: float | None) -> Totals:
    """Counts the rows of a release and computes their digest, one shard at a time.

    Raises:
        ReleaseError: when a row lacks a value.
        TableRefused: when a table is damaged, or larger than a limit allows.
    """

    def tallies() -> Iterable[ShardTally]:
        for path in metadata_paths(release):
            with folder_files.open_file(release, path) as file:
                sha256 = sha256_of(file, most_file_bytes(MOST_ROWS_OF_A_SHARD))
                records = parquet_tables.read_table(file, ROW_SCHEMA).to_pylist()
            try:
                yield tally_shard(path.removesuffix(f"/{METADATA}"), sha256, records, fixed_gain_db)
            except (TypeError, ValueError, AttributeError, OverflowError) as error:
                problem = next(filter(None, map(unusable_row, records)), one_line(error))
                raise ReleaseError(f"{path}: a row cannot be counted: {problem}") from error

    return sum_tallies(tallies())
