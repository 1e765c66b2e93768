"""A release in numbers, read from its Parquet files; no drawing and no audio.

A release may have millions of rows, so columns stay in Arrow and NumPy, and captions are counted shard by shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.report.answers import ANSWER_COLUMNS, Answers, count_answers
from pipeline.report.columns import codes_of, column_numbers, split_codes
from pipeline.report.scenes.source_table import OF_SOUND, ROW, SOUNDS, counted_sounds, sound_table
from pipeline.report.variety import VarietyOf, read_variety
from pipeline.stated_release import StatedRelease
from transforms.bounds.json_values import JsonRefused, parse_json_as
from transforms.bounds.limits import MOST_JSON_BYTES
from transforms.bounds.parquet_tables import TableRefused, open_table, read_table
from transforms.records import SPLITS
from transforms.shards.release_rows import ANSWER_SCHEMA, REJECTION_SCHEMA, ROOM_SCHEMA, ROW_SCHEMA
from transforms.storage import folder_files
from transforms.words import VOCABULARY

# The columns that are kept in memory for all rows. Captions are not among them.
_COLUMNS = (
    *("id", "split", "dataset", "source_id", "duration_s", "caption_status", "license"),
    *("azimuth_deg", "elevation_deg", "distance_m", "room_id", "floor_area_m2", "volume_m3", "t30_ms"),
    *VOCABULARY,
)
_CAPTIONS = ("captions_original", "captions")
_RECEIVER = ("channels", "degree_files")
_ORDERS = {1: "first", 2: "second", 3: "third"}
_IDENTITY = (
    ("Digest", "digest"),
    ("Recipe (SHA-256)", "recipe_sha256"),
    ("Input (SHA-256)", "input_sha256"),
    ("Seed", "seed"),
)
_EXAMPLES = 3
#: Captions of this many words and more are counted together.
LONGEST_WORDS = 60


@dataclass(frozen=True)
class SplitNumbers:
    """The size of a split, or of the whole release when `split` is `all`."""

    split: str
    rows: int
    duration_s: float
    clips: int
    rooms: int
    rewritten: int
    template: int
    rejected: int


@dataclass(frozen=True)
class WordCounts:
    """How many rows have each word of an attribute, or how many sounds; `gap` counts those without a word."""

    attribute: str
    counts: tuple[tuple[str, int], ...]
    gap: int

    @property
    def rows(self) -> int:
        """The number of rows or sounds, with and without a word."""
        return self.gap + sum(count for _, count in self.counts)


@dataclass(frozen=True)
class RejectionGroup:
    """Rejected inputs with the same stage and reason; the first few are examples, as (file, detail)."""

    stage: str
    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LicenceCount:
    """The clips and rows under one licence; `licence` is None when the input states none."""

    licence: str | None
    clips: int
    rows: int
    duration_s: float


@dataclass(frozen=True)
class CaptionLengths:
    """How many captions have how many words: the index is the number of words, up to LONGEST_WORDS and more."""

    original: NDArray[np.intp]
    spatial: NDArray[np.intp]

    @staticmethod
    def median(counts: NDArray[np.intp]) -> int | None:
        """The median length in words, None when there is no caption."""
        total = int(counts.sum())
        return int(np.searchsorted(np.cumsum(counts), (total + 1) // 2)) if total else None


@dataclass(frozen=True)
class Summary:
    """A release in numbers; the arrays hold one value for each row, in the order of the files."""

    name: str
    identity: tuple[tuple[str, str], ...]
    """What identifies the release, as (label, value): digest, hashes and seed."""
    splits: tuple[SplitNumbers, ...]
    total: SplitNumbers
    words: tuple[WordCounts, ...]
    answers: Answers
    rejections: tuple[RejectionGroup, ...]
    licences: tuple[LicenceCount, ...]
    lengths: CaptionLengths
    variety: tuple[VarietyOf, ...]
    """The variety of the captions by who wrote them; empty where the release does not state it."""
    rows: pa.Table
    sounds: pa.Table
    """A line for each sound of each row (pipeline.report.scenes.source_table)."""
    shard_of_row: NDArray[np.intp]
    release: str
    """The folder of the release."""
    shards: tuple[str, ...]
    """The names of the metadata files in it."""
    rooms: pa.Table | None = field(repr=False, default=None)
    order: int = 1
    """The highest ambisonic order of a row."""
    has_ears: bool = False
    """Whether the sound of a row is binaural."""

    @property
    def sound_in_words(self) -> str:
        """What the files of the rows are."""
        return "binaural sound" if self.has_ears else f"{_ORDERS[self.order]}-order ambisonics"

    @property
    def split_codes(self) -> NDArray[np.intp]:
        """The index in SPLITS of each row's split."""
        return split_codes(self.rows)

    @property
    def has_scenes(self) -> bool:
        """Whether a row has several sounds, or one that moves."""
        return self.sounds.num_rows != self.rows.num_rows or bool(pc.any(self.sounds.column("moving")).as_py())

    @property
    def of_sounds(self) -> Summary:
        """The same with every sound in place of every row, for what is counted and drawn of sounds."""
        return replace(self, rows=self.sounds)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A numeric column of the rows as floats; NaN stands for a missing value."""
        return column_numbers(self.rows, column)


def summarise(release: Path) -> Summary:
    """Read a release.

    Raises:
        FileNotFoundError: when there is no shard below train/, validation/ or test/.
    """
    folder = str(release)
    named = (f"{split}/{shard}/metadata.parquet" for split in SPLITS for shard in _shard_folders(folder, split))
    shards = tuple(name for name in named if folder_files.exists(folder, name))
    if not shards:
        raise FileNotFoundError(f"{release}: no metadata.parquet below train/, validation/ or test/: not a release")
    lengths = CaptionLengths(*np.zeros((2, LONGEST_WORDS + 1), dtype=np.intp))
    tables, sounds, first_row = [], [], 0
    order, has_ears = 1, False
    for name in shards:
        table = read_columns(folder, name, [*_COLUMNS, *_CAPTIONS, *_RECEIVER, "sources"])
        order, has_ears = max(order, _order(table)), has_ears or _has_ears(table)
        for counts, column in zip((lengths.original, lengths.spatial), _CAPTIONS, strict=True):
            counts += word_lengths(table.column(column))
        sounds.append(sound_table(table, first_row))
        kinds = counted_sounds(sounds[-1], first_row, table.num_rows)
        tables.append(table.select(list(_COLUMNS)).append_column(SOUNDS, kinds))
        first_row += table.num_rows
    rows, every_sound = (pa.concat_tables(parts).combine_chunks() for parts in (tables, sounds))
    rooms = _read_table(folder, "rooms.parquet", ROOM_SCHEMA, ("room_id", "split", "t30_asked_ms", "t30_ms"))
    rejected = _read_table(folder, "rejected.parquet", REJECTION_SCHEMA)
    facts = _read_json(folder, "release.json")
    clips = codes_of(every_sound.column("dataset"), every_sound.column("source_id"))
    splits = _split_numbers(rows, split_codes(every_sound), clips, rooms, rejected)
    answers = _read_answers(folder, "answers.parquet")
    return Summary(
        name=facts.name or release.resolve().name,
        identity=tuple(
            (label, str(value)) for label, key in _IDENTITY if (value := getattr(facts, key)) not in (None, "")
        ),
        splits=splits,
        total=_total(splits, clips, rejected),
        words=tuple(
            _word_counts(every_sound if attribute in OF_SOUND else rows, attribute) for attribute in VOCABULARY
        ),
        answers=count_answers(answers, facts.counts.answers),
        rejections=_rejections(rejected),
        licences=_licences(every_sound, clips),
        lengths=lengths,
        variety=read_variety(facts.caption_variety),
        rows=rows,
        sounds=every_sound,
        shard_of_row=np.repeat(np.arange(len(tables)), [table.num_rows for table in tables]),
        release=folder,
        shards=shards,
        rooms=rooms,
        order=order,
        has_ears=has_ears,
    )


def _order(table: pa.Table) -> int:
    """The highest ambisonic order of the rows, as far as releases go."""
    degrees = pc.max(pc.list_value_length(table.column("degree_files"))).as_py() or 0
    return min(1 + degrees, max(_ORDERS))


def _has_ears(table: pa.Table) -> bool:
    return bool(pc.any(pc.equal(table.column("channels"), "LR")).as_py())


def word_lengths(captions: pa.ChunkedArray) -> NDArray[np.intp]:
    """How many captions, in lists of captions, have 0, 1, … LONGEST_WORDS words; longer ones count as LONGEST_WORDS."""
    texts = pc.utf8_trim_whitespace(pc.list_flatten(captions))
    # Splitting an empty text gives one piece.
    words = pc.if_else(pc.equal(texts, ""), 0, pc.list_value_length(pc.utf8_split_whitespace(texts)))
    lengths = np.asarray(words.drop_null().to_numpy(zero_copy_only=False), dtype=np.intp)
    return np.bincount(np.minimum(lengths, LONGEST_WORDS), minlength=LONGEST_WORDS + 1)


def _shard_folders(release: str, split: str) -> list[str]:
    try:
        return [entry.name for entry in folder_files.entries_in(release, split) if entry.is_folder]
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_columns(
    release: str, name: str, columns: Sequence[str] | None = None, schema: pa.Schema = ROW_SCHEMA
) -> pa.Table:
    """Columns of a table of the release, which have the types of `schema`; None is all.

    Raises:
        TableRefused: when it is damaged, or larger than a limit allows; the message names the table.
        OSError: when it cannot be read.
    """
    try:
        with folder_files.open_file(release, name) as file:
            return read_table(file, schema, columns)
    except TableRefused as error:
        raise TableRefused(f"{name}: {error}") from error


def _read_table(release: str, name: str, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table | None:
    return read_columns(release, name, columns, schema) if folder_files.exists(release, name) else None


def _read_answers(release: str, name: str) -> pa.Table | None:
    """The columns of the answers that are counted; an older table has no `asked`, and its answers are a writer's."""
    if not folder_files.exists(release, name):
        return None
    with folder_files.open_file(release, name) as file:
        has_asked = "asked" in open_table(file).names
    columns = [name for name in ANSWER_COLUMNS if has_asked or name != "asked"]
    table = read_columns(release, name, columns, ANSWER_SCHEMA)
    return table if has_asked else table.append_column("asked", pa.nulls(table.num_rows, pa.string()))


def _read_json(release: str, name: str) -> StatedRelease:
    """The content of release.json; empty for a release that is still being written."""
    if not folder_files.exists(release, name):
        return StatedRelease()
    try:
        return parse_json_as(StatedRelease, folder_files.read_bytes(release, name, MOST_JSON_BYTES))
    except JsonRefused as error:
        raise JsonRefused(f"{name}: {error}") from error


def _split_numbers(
    rows: pa.Table,
    clip_split: NDArray[np.intp],
    clips: NDArray[np.intp],
    rooms: pa.Table | None,
    rejected: pa.Table | None,
) -> tuple[SplitNumbers, ...]:
    """The size of each split; `clips` has a number for the clip of every sound, `clip_split` the sound's split."""
    of_split = split_codes(rows)
    duration = np.nan_to_num(column_numbers(rows, "duration_s"))
    # A row has a list of statuses: these are all of them, each with the split of its row.
    statuses = rows.column("caption_status").combine_chunks()
    status_split = of_split[pc.list_parent_indices(statuses).to_numpy(zero_copy_only=False).astype(np.intp)]
    status = pc.list_flatten(statuses)
    status_is = {
        name: pc.fill_null(pc.equal(status, name), False).to_numpy(zero_copy_only=False)
        for name in ("rewritten", "template")
    }
    of_rooms = rooms if rooms is not None else rows
    room_codes, room_split = codes_of(of_rooms.column("room_id")), split_codes(of_rooms)
    rejected_split = split_codes(rejected) if rejected is not None else np.zeros(0, dtype=np.intp)

    def numbers(code: int, split: str) -> SplitNumbers:
        here = of_split == code
        return SplitNumbers(
            split=split,
            rows=int(here.sum()),
            duration_s=float(duration[here].sum()),
            clips=len(np.unique(clips[clip_split == code])),
            rooms=len(np.unique(room_codes[room_split == code])),
            rewritten=int(np.sum(status_is["rewritten"] & (status_split == code))),
            template=int(np.sum(status_is["template"] & (status_split == code))),
            rejected=int((rejected_split == code).sum()),
        )

    return tuple(numbers(code, split) for code, split in enumerate(SPLITS))


def _total(splits: Sequence[SplitNumbers], clips: NDArray[np.intp], rejected: pa.Table | None) -> SplitNumbers:
    return SplitNumbers(
        split="all",
        rows=sum(one.rows for one in splits),
        duration_s=sum(one.duration_s for one in splits),
        # A clip that two splits share (it should not happen) is one clip.
        clips=len(np.unique(clips)),
        rooms=sum(one.rooms for one in splits),
        rewritten=sum(one.rewritten for one in splits),
        template=sum(one.template for one in splits),
        # An input may be rejected before it has a split.
        rejected=rejected.num_rows if rejected is not None else 0,
    )


def _word_counts(rows: pa.Table, attribute: str) -> WordCounts:
    found = {item["values"]: item["counts"] for item in pc.value_counts(rows.column(attribute)).to_pylist()}
    words = tuple((word, found.get(word, 0)) for word in VOCABULARY[attribute])
    return WordCounts(attribute, words, gap=rows.num_rows - sum(count for _, count in words))


def _licences(sounds: pa.Table, clips: NDArray[np.intp]) -> tuple[LicenceCount, ...]:
    """The licences of all sounds; a row of sounds with several licences counts under each."""
    encoded = sounds.column("license").combine_chunks().dictionary_encode(null_encoding="encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    row, duration = sounds.column(ROW).to_numpy(), np.nan_to_num(column_numbers(sounds, "duration_s"))
    first_of_row = {code: np.unique(row[codes == code], return_index=True)[1] for code in np.unique(codes)}
    counts = (
        LicenceCount(
            name or None,
            clips=len(np.unique(clips[codes == code])),
            rows=len(first_of_row[code]),
            duration_s=float(duration[codes == code][first_of_row[code]].sum()),
        )
        for code, name in enumerate(encoded.dictionary.to_pylist())
    )
    return tuple(sorted(counts, key=lambda count: (-count.clips, count.licence or "")))


def _rejections(table: pa.Table | None) -> tuple[RejectionGroup, ...]:
    if table is None or table.num_rows == 0:
        return ()
    codes = codes_of(table.column("stage"), table.column("reason"))
    groups = []
    for code, count in enumerate(np.bincount(codes)):
        first = table.take(pa.array(np.flatnonzero(codes == code)[:_EXAMPLES])).to_pylist()
        examples = tuple((row["file"] or "", row["detail"] or "") for row in first)
        groups.append(RejectionGroup(first[0]["stage"] or "", first[0]["reason"] or "", int(count), examples))
    return tuple(sorted(groups, key=lambda group: (-group.count, group.stage, group.reason)))
