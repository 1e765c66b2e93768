"""What a report says of a release, in numbers: read from its Parquet files, without drawing and without audio.

A release may have millions of rows: columns stay in Arrow and NumPy, captions are counted shard by shard and let go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from transforms.records import SPLITS
from transforms.words import VOCABULARY

#: What every row is asked for the numbers and the plots; the captions are read for the sample and the table alone.
_COLUMNS = (
    *("id", "split", "dataset", "source_id", "duration_s", "caption_status", "license"),
    *("azimuth_deg", "elevation_deg", "distance_m", "room_id", "floor_area_m2", "volume_m3", "t30_ms"),
    *VOCABULARY,
)
_CAPTIONS = ("captions_original", "captions")
_EXAMPLES = 3
#: The longest caption that has a count of its own; longer ones are counted with it.
LONGEST_WORDS = 60


@dataclass(frozen=True)
class SplitNumbers:
    """The size of a split, or of the whole release when `split` is `all`."""

    split: str
    rows: int
    hours: float
    clips: int
    rooms: int
    rewritten: int
    template: int
    refused: int


@dataclass(frozen=True)
class WordCounts:
    """How often an attribute has each of its words; `gap` counts the rows that lie between two words."""

    attribute: str
    counts: tuple[tuple[str, int], ...]
    gap: int

    @property
    def rows(self) -> int:
        return self.gap + sum(count for _, count in self.counts)


@dataclass(frozen=True)
class AnswerGroup:
    """Answers of one outcome (`kept`, or the reason of a refusal), by attempt, with a first example."""

    outcome: str
    kept: bool
    by_attempt: tuple[int, ...]
    example: str

    @property
    def total(self) -> int:
        return sum(self.by_attempt)


@dataclass(frozen=True)
class Answers:
    """The answers of the language model; `attempts` names the columns of every group's `by_attempt`."""

    attempts: tuple[int, ...] = ()
    groups: tuple[AnswerGroup, ...] = ()
    models: tuple[str, ...] = ()
    tokens: int = 0
    cost_usd: float | None = None
    """None where a model has no price."""

    @property
    def total(self) -> int:
        return sum(group.total for group in self.groups)

    @property
    def kept(self) -> int:
        return sum(group.total for group in self.groups if group.kept)

    @property
    def kept_by_attempt(self) -> tuple[tuple[int, int, int], ...]:
        """Each attempt with the number of its answers that were kept, and of all."""
        kept = [sum(group.by_attempt[at] for group in self.groups if group.kept) for at in range(len(self.attempts))]
        every = [sum(group.by_attempt[at] for group in self.groups) for at in range(len(self.attempts))]
        return tuple(zip(self.attempts, kept, every, strict=True))


@dataclass(frozen=True)
class RejectionGroup:
    """Refused inputs of one stage and reason, with the first examples as (file, detail)."""

    stage: str
    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LicenceCount:
    """A licence with the clips and rows that have it; `licence` is None where the input states none."""

    licence: str | None
    clips: int
    rows: int
    hours: float


@dataclass(frozen=True)
class CaptionLengths:
    """How many captions have how many words: index is the number of words, the last one is for all that are longer."""

    original: NDArray[np.intp]
    spatial: NDArray[np.intp]

    @staticmethod
    def median(counts: NDArray[np.intp]) -> int | None:
        """The median length in words, None where there is no caption."""
        total = int(counts.sum())
        return int(np.searchsorted(np.cumsum(counts), (total + 1) // 2)) if total else None


@dataclass(frozen=True)
class Summary:
    """A release in numbers; the arrays hold one value a row (or a room), in the order of the files."""

    name: str
    facts: tuple[tuple[str, str], ...]
    splits: tuple[SplitNumbers, ...]
    total: SplitNumbers
    words: tuple[WordCounts, ...]
    answers: Answers
    rejections: tuple[RejectionGroup, ...]
    licences: tuple[LicenceCount, ...]
    lengths: CaptionLengths
    rows: pa.Table
    shard_of_row: NDArray[np.intp]
    shards: tuple[Path, ...]
    rooms: pa.Table | None = field(repr=False, default=None)

    @property
    def split_codes(self) -> NDArray[np.intp]:
        """Each row's place in SPLITS."""
        return split_codes(self.rows)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A numeric column of the rows as floats, NaN where there is no value."""
        return column_numbers(self.rows, column)


def column_numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    """A numeric column as floats, NaN where there is no value."""
    values = table.column(column).combine_chunks().cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


def split_codes(table: pa.Table) -> NDArray[np.intp]:
    """The place in SPLITS of each row's split, -1 for none of them."""
    codes = pc.index_in(table.column("split"), value_set=pa.array(SPLITS)).fill_null(-1)
    return np.asarray(codes.to_numpy(), dtype=np.intp)


def codes_of(*columns: pa.ChunkedArray) -> NDArray[np.intp]:
    """A number a row that is the same where all columns are: a key that costs no text."""
    codes = np.zeros(len(columns[0]), dtype=np.intp)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp)
        _, codes = np.unique(codes * (len(encoded.dictionary) + 1) + indices, return_inverse=True)
    return codes


def summarise(release: Path) -> Summary:
    """Read a release.

    Raises:
        FileNotFoundError: when there is no shard below train/, validation/ or test/.
    """
    shards = tuple(path for split in SPLITS for path in sorted((release / split).glob("*/metadata.parquet")))
    if not shards:
        raise FileNotFoundError(f"{release}: no metadata.parquet below train/, validation/ or test/: not a release")
    lengths = CaptionLengths(*np.zeros((2, LONGEST_WORDS + 1), dtype=np.intp))
    tables = []
    for path in shards:
        table = pq.read_table(path, columns=[*_COLUMNS, *_CAPTIONS])
        for counts, name in zip((lengths.original, lengths.spatial), _CAPTIONS, strict=True):
            counts += word_lengths(table.column(name))
        tables.append(table.select(list(_COLUMNS)))
    rows = pa.concat_tables(tables).combine_chunks()
    rooms = _optional(release / "rooms.parquet", ("room_id", "split", "t30_asked_ms", "t30_ms"))
    rejected = _optional(release / "rejected.parquet")
    facts = _release_facts(release / "release.json")
    clips = codes_of(rows.column("dataset"), rows.column("source_id"))
    splits = _split_numbers(rows, clips, rooms, rejected)
    return Summary(
        name=str(facts.get("name") or facts.get("recipe") or release.resolve().name),
        facts=tuple((label, str(facts[key])) for label, key in _FACTS if facts.get(key) not in (None, "")),
        splits=splits,
        total=_total(splits, clips, rejected),
        words=tuple(_word_counts(rows, attribute) for attribute in VOCABULARY),
        answers=_answers(_optional(release / "answers.parquet", _ANSWER_COLUMNS), facts.get("answers", {})),
        rejections=_rejections(rejected),
        licences=_licences(rows, clips),
        lengths=lengths,
        rows=rows,
        shard_of_row=np.repeat(np.arange(len(tables)), [table.num_rows for table in tables]),
        shards=shards,
        rooms=rooms,
    )


def word_lengths(captions: pa.ChunkedArray) -> NDArray[np.intp]:
    """Counts by number of words of lists of captions, the last one for all that are longer than LONGEST_WORDS."""
    texts = pc.utf8_trim_whitespace(pc.list_flatten(captions))
    # Splitting an empty text gives one piece.
    words = pc.if_else(pc.equal(texts, ""), 0, pc.list_value_length(pc.utf8_split_whitespace(texts)))
    lengths = np.asarray(words.drop_null().to_numpy(zero_copy_only=False), dtype=np.intp)
    return np.bincount(np.minimum(lengths, LONGEST_WORDS), minlength=LONGEST_WORDS + 1)


_FACTS = (
    ("Dataset", "dataset"),
    ("Digest", "digest"),
    ("Recipe", "recipe_sha256"),
    ("Recipe", "recipe_hash"),
    ("Seed", "seed"),
)
_ANSWER_COLUMNS = ("kept", "reason", "attempt", "text", "model")


def _optional(path: Path, columns: Sequence[str] | None = None) -> pa.Table | None:
    return pq.read_table(path, columns=None if columns is None else list(columns)) if path.is_file() else None


def _release_facts(path: Path) -> Mapping[str, Any]:
    """The scalars of release.json, and its counts of answers; one that is being written may lack the file or a key."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    counted = content.get("counts", {}).get("answers", {})
    return {
        **{key: value for key, value in content.items() if isinstance(value, (str, int, float))},
        "answers": counted,
    }


def _split_numbers(
    rows: pa.Table, clips: NDArray[np.intp], rooms: pa.Table | None, rejected: pa.Table | None
) -> tuple[SplitNumbers, ...]:
    of_split = split_codes(rows)
    duration = np.nan_to_num(column_numbers(rows, "duration_s"))
    # A list column of one chunk: its flat values and the row of each.
    statuses = rows.column("caption_status").combine_chunks()
    status_split = of_split[pc.list_parent_indices(statuses).to_numpy(zero_copy_only=False).astype(np.intp)]
    status = pc.list_flatten(statuses)
    status_is = {name: pc.equal(status, name).to_numpy(zero_copy_only=False) for name in ("rewritten", "template")}
    of_rooms = rooms if rooms is not None else rows
    room_codes, room_split = codes_of(of_rooms.column("room_id")), split_codes(of_rooms)
    refused_split = split_codes(rejected) if rejected is not None else np.zeros(0, dtype=np.intp)

    def numbers(code: int, split: str) -> SplitNumbers:
        here = of_split == code
        return SplitNumbers(
            split=split,
            rows=int(here.sum()),
            hours=float(duration[here].sum()) / 3600.0,
            clips=len(np.unique(clips[here])),
            rooms=len(np.unique(room_codes[room_split == code])),
            rewritten=int(np.sum(status_is["rewritten"] & (status_split == code))),
            template=int(np.sum(status_is["template"] & (status_split == code))),
            refused=int((refused_split == code).sum()),
        )

    return tuple(numbers(code, split) for code, split in enumerate(SPLITS))


def _total(splits: Sequence[SplitNumbers], clips: NDArray[np.intp], rejected: pa.Table | None) -> SplitNumbers:
    return SplitNumbers(
        split="all",
        rows=sum(one.rows for one in splits),
        hours=sum(one.hours for one in splits),
        # A clip that two splits share (it should not happen) is one clip.
        clips=len(np.unique(clips)),
        rooms=sum(one.rooms for one in splits),
        rewritten=sum(one.rewritten for one in splits),
        template=sum(one.template for one in splits),
        # An input may be refused before it has a split.
        refused=rejected.num_rows if rejected is not None else 0,
    )


def _word_counts(rows: pa.Table, attribute: str) -> WordCounts:
    found = {item["values"]: item["counts"] for item in pc.value_counts(rows.column(attribute)).to_pylist()}
    words = tuple((word, found.get(word, 0)) for word in VOCABULARY[attribute])
    return WordCounts(attribute, words, gap=rows.num_rows - sum(count for _, count in words))


def _licences(rows: pa.Table, clips: NDArray[np.intp]) -> tuple[LicenceCount, ...]:
    licences = rows.column("license").combine_chunks().dictionary_encode(null_encoding="encode")
    code = licences.indices.to_numpy(zero_copy_only=False)
    duration = np.nan_to_num(column_numbers(rows, "duration_s"))
    counts = (
        LicenceCount(
            name or None, len(np.unique(clips[code == at])), int((code == at).sum()), duration[code == at].sum() / 3600
        )
        for at, name in enumerate(licences.dictionary.to_pylist())
    )
    return tuple(sorted(counts, key=lambda count: (-count.clips, count.licence or "")))


def _answers(table: pa.Table | None, counts_of_release: Mapping[str, Any]) -> Answers:
    # Tokens and cost are the release's own count: there a question that several rows share counts once.
    if table is None or table.num_rows == 0:
        return Answers()
    # One thread, so that the first example is that of the first row.
    grouped = pa.TableGroupBy(table, ["kept", "reason", "attempt"], use_threads=False).aggregate(
        [([], "count_all"), ("text", "first", pc.ScalarAggregateOptions(skip_nulls=False))]
    )
    attempts = tuple(sorted({attempt for attempt in grouped.column("attempt").to_pylist() if attempt is not None}))
    counts: dict[tuple[bool, str], dict[int, int]] = {}
    examples: dict[tuple[bool, str], str] = {}
    for group in grouped.to_pylist():
        key = (bool(group["kept"]), "kept" if group["kept"] else (group["reason"] or "no reason given"))
        of_attempt = counts.setdefault(key, {})
        of_attempt[group["attempt"]] = of_attempt.get(group["attempt"], 0) + group["count_all"]
        examples.setdefault(key, group["text_first"] or "")
    groups = (
        AnswerGroup(outcome, kept, tuple(counts[kept, outcome].get(attempt, 0) for attempt in attempts), example)
        for (kept, outcome), example in examples.items()
    )
    return Answers(
        attempts=attempts,
        groups=tuple(sorted(groups, key=lambda group: (not group.kept, -group.total, group.outcome))),
        models=tuple(sorted(model for model in pc.unique(table.column("model")).to_pylist() if model)),
        tokens=sum(counts_of_release.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")),
        cost_usd=counts_of_release.get("cost_usd"),
    )


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
