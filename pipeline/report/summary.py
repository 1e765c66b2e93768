"""What a report says of a release, in numbers: read from its Parquet files, without drawing and without audio."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from transforms.records import SPLITS
from transforms.words import VOCABULARY

#: What every row is asked for the numbers and the plots; the captions are read for the sample alone.
_COLUMNS = (
    *("id", "split", "dataset", "source_id", "duration_s", "caption_status"),
    *("azimuth_deg", "elevation_deg", "distance_m", "room_id", "volume_m3", "t30_ms"),
    *VOCABULARY,
)
_EXAMPLES = 3


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


@dataclass(frozen=True)
class RejectionGroup:
    """Refused inputs of one stage and reason, with the first examples as (file, detail)."""

    stage: str
    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


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
    rows: pa.Table
    shard_of_row: NDArray[np.intp]
    shards: tuple[Path, ...]
    rooms: pa.Table | None = field(repr=False, default=None)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A numeric column of the rows as floats, NaN where there is no value."""
        return column_numbers(self.rows, column)


def column_numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    """A numeric column as floats, NaN where there is no value."""
    values = table.column(column).combine_chunks().cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


def summarise(release: Path) -> Summary:
    """Read a release.

    Raises:
        FileNotFoundError: when there is no shard below train/, validation/ or test/.
    """
    shards = tuple(path for split in SPLITS for path in sorted((release / split).glob("*/metadata.parquet")))
    if not shards:
        raise FileNotFoundError(f"{release}: no metadata.parquet below train/, validation/ or test/: not a release")
    tables = [pq.read_table(path, columns=list(_COLUMNS)) for path in shards]
    rows = pa.concat_tables(tables).combine_chunks()
    rooms = _optional(release / "rooms.parquet")
    rejected = _optional(release / "rejected.parquet")
    facts = _release_facts(release / "release.json")
    splits = _split_numbers(rows, rooms, rejected)
    return Summary(
        name=str(facts.get("name") or facts.get("recipe") or release.resolve().name),
        facts=tuple((label, str(facts[key])) for label, key in _FACTS if facts.get(key) not in (None, "")),
        splits=splits,
        total=_total(splits, rows, rejected),
        words=tuple(_word_counts(rows, attribute) for attribute in VOCABULARY),
        answers=_answers(_optional(release / "answers.parquet"), facts.get("answers", {})),
        rejections=_rejections(rejected),
        rows=rows,
        shard_of_row=np.repeat(np.arange(len(tables)), [table.num_rows for table in tables]),
        shards=shards,
        rooms=rooms,
    )


_FACTS = (
    ("Dataset", "dataset"),
    ("Digest", "digest"),
    ("Recipe", "recipe_sha256"),
    ("Recipe", "recipe_hash"),
    ("Seed", "seed"),
)


def _optional(path: Path) -> pa.Table | None:
    return pq.read_table(path) if path.is_file() else None


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


def _split_numbers(rows: pa.Table, rooms: pa.Table | None, rejected: pa.Table | None) -> tuple[SplitNumbers, ...]:
    of_split = np.asarray(rows.column("split").to_pylist(), dtype=object)
    clip_of_row = _clips(rows)
    duration = column_numbers(rows, "duration_s")
    statuses = rows.column("caption_status").to_pylist()
    room_pairs = rooms if rooms is not None else rows
    rooms_of = Counter(split for split, _ in set(_pairs(room_pairs, "split", "room_id")))
    refused_of = Counter(rejected.column("split").to_pylist()) if rejected is not None else Counter()

    def numbers(split: str) -> SplitNumbers:
        here = np.flatnonzero(of_split == split)
        status = Counter(one for index in here for one in statuses[index] or ())
        return SplitNumbers(
            split=split,
            rows=len(here),
            hours=float(np.nansum(duration[here])) / 3600.0,
            clips=len({clip_of_row[index] for index in here}),
            rooms=rooms_of[split],
            rewritten=status["rewritten"],
            template=status["template"],
            refused=refused_of[split],
        )

    return tuple(numbers(split) for split in SPLITS)


def _total(splits: Sequence[SplitNumbers], rows: pa.Table, rejected: pa.Table | None) -> SplitNumbers:
    return SplitNumbers(
        split="all",
        rows=sum(one.rows for one in splits),
        hours=sum(one.hours for one in splits),
        # A clip that two splits share (it should not happen) is one clip.
        clips=len(set(_clips(rows))),
        rooms=sum(one.rooms for one in splits),
        rewritten=sum(one.rewritten for one in splits),
        template=sum(one.template for one in splits),
        # An input may be refused before it has a split.
        refused=rejected.num_rows if rejected is not None else 0,
    )


def _pairs(table: pa.Table, first: str, second: str) -> list[tuple[Any, Any]]:
    return list(zip(table.column(first).to_pylist(), table.column(second).to_pylist(), strict=True))


def _clips(rows: pa.Table) -> list[tuple[Any, Any]]:
    return _pairs(rows, "dataset", "source_id")


def _word_counts(rows: pa.Table, attribute: str) -> WordCounts:
    counts = Counter(rows.column(attribute).to_pylist())
    words = tuple((word, counts[word]) for word in VOCABULARY[attribute])
    return WordCounts(attribute, words, gap=rows.num_rows - sum(count for _, count in words))


def _answers(table: pa.Table | None, counts_of_release: Mapping[str, Any]) -> Answers:
    # Tokens and cost are the release's own count: there a question that several rows share counts once.
    if table is None or table.num_rows == 0:
        return Answers()
    attempts = tuple(sorted({attempt for attempt in table.column("attempt").to_pylist() if attempt is not None}))
    counts: Counter[tuple[bool, str, int]] = Counter()
    examples: dict[tuple[bool, str], str] = {}
    columns = ("kept", "reason", "attempt", "text")
    for kept, reason, attempt, text in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
        outcome = "kept" if kept else (reason or "no reason given")
        counts[(bool(kept), outcome, attempt)] += 1
        examples.setdefault((bool(kept), outcome), text or "")
    groups = (
        AnswerGroup(outcome, kept, tuple(counts[(kept, outcome, attempt)] for attempt in attempts), example)
        for (kept, outcome), example in examples.items()
    )
    return Answers(
        attempts=attempts,
        groups=tuple(sorted(groups, key=lambda group: (not group.kept, -group.total, group.outcome))),
        models=tuple(sorted({model for model in table.column("model").to_pylist() if model})),
        tokens=sum(counts_of_release.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")),
        cost_usd=counts_of_release.get("cost_usd"),
    )


def _rejections(table: pa.Table | None) -> tuple[RejectionGroup, ...]:
    if table is None:
        return ()
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[tuple[str, str]]] = {}
    columns = ("stage", "reason", "file", "detail")
    for stage, reason, file, detail in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
        key = (stage or "", reason or "")
        counts[key] += 1
        first = examples.setdefault(key, [])
        if len(first) < _EXAMPLES:
            first.append((file or "", detail or ""))
    groups = (RejectionGroup(*key, count, tuple(examples[key])) for key, count in counts.items())
    return tuple(sorted(groups, key=lambda group: (-group.count, group.stage, group.reason)))
