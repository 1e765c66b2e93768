"""The answers of the language model, counted by outcome and attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: The columns of answers.parquet that are counted.
ANSWER_COLUMNS = ("kept", "reason", "attempt", "text", "model")


@dataclass(frozen=True)
class AnswerGroup:
    """Answers with one outcome: `kept`, or the reason for which the check refused them."""

    outcome: str
    kept: bool
    by_attempt: tuple[int, ...]
    """The number of answers for each of the attempts in `Answers.attempts`."""
    example: str
    """The first of these answers."""

    @property
    def total(self) -> int:
        """The number of answers of all attempts."""
        return sum(self.by_attempt)


@dataclass(frozen=True)
class AttemptCount:
    """The answers of one attempt."""

    attempt: int
    """Counted from 1."""
    kept: int
    answers: int


@dataclass(frozen=True)
class Answers:
    """All answers of the language model."""

    attempts: tuple[int, ...] = ()
    """The attempts that occur, counted from 1."""
    groups: tuple[AnswerGroup, ...] = ()
    models: tuple[str, ...] = ()
    tokens: int = 0
    cost_usd: float | None = None
    """None when a model has no price."""

    @property
    def total(self) -> int:
        """The number of answers."""
        return sum(group.total for group in self.groups)

    @property
    def kept(self) -> int:
        """The number of answers that the check kept."""
        return sum(group.total for group in self.groups if group.kept)

    @property
    def by_attempt(self) -> tuple[AttemptCount, ...]:
        """The number of answers of each attempt, and how many of them were kept."""
        return tuple(
            AttemptCount(
                attempt,
                kept=sum(group.by_attempt[index] for group in self.groups if group.kept),
                answers=sum(group.by_attempt[index] for group in self.groups),
            )
            for index, attempt in enumerate(self.attempts)
        )


def count_answers(table: pa.Table | None, counts_of_release: Mapping[str, Any]) -> Answers:
    """Count the rows of answers.parquet.

    Tokens and cost come from the release's own counts, which count a question once when several rows share it.
    """
    if table is None or table.num_rows == 0:
        return Answers()
    # One thread, so that the first example is that of the first row.
    grouped = pa.TableGroupBy(table, ["kept", "reason", "attempt"], use_threads=False).aggregate(
        [([], "count_all"), ("text", "first", pc.ScalarAggregateOptions(skip_nulls=False))]
    )
    from_0 = sorted({attempt for attempt in grouped.column("attempt").to_pylist() if attempt is not None})
    counts: dict[tuple[bool, str], dict[int, int]] = {}
    examples: dict[tuple[bool, str], str] = {}
    for group in grouped.to_pylist():
        key = (bool(group["kept"]), "kept" if group["kept"] else (group["reason"] or "no reason given"))
        of_attempt = counts.setdefault(key, {})
        of_attempt[group["attempt"]] = of_attempt.get(group["attempt"], 0) + group["count_all"]
        examples.setdefault(key, group["text_first"] or "")
    groups = (
        AnswerGroup(outcome, kept, tuple(counts[kept, outcome].get(attempt, 0) for attempt in from_0), example)
        for (kept, outcome), example in examples.items()
    )
    return Answers(
        attempts=tuple(attempt + 1 for attempt in from_0),
        groups=tuple(sorted(groups, key=lambda group: (not group.kept, -group.total, group.outcome))),
        models=tuple(sorted(model for model in pc.unique(table.column("model")).to_pylist() if model)),
        tokens=sum(counts_of_release.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")),
        cost_usd=counts_of_release.get("cost_usd"),
    )
