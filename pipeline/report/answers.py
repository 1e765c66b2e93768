"""The answers of the language model, counted by outcome and attempt, and the decisions of the judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: The columns of answers.parquet that are counted.
ANSWER_COLUMNS = ("row_id", "caption_index", "kept", "reason", "attempt", "text", "model", "asked")
#: How many different answers of an outcome are shown, and among how many of them they are looked for.
_EXAMPLES, _LOOKED_AT = 3, 200


@dataclass(frozen=True)
class AnswerGroup:
    """Answers with one outcome: `kept`, or the reason for which the check refused them."""

    outcome: str
    kept: bool
    by_attempt: tuple[int, ...]
    """The number of answers for each of the attempts in `Answers.attempts`."""
    examples: tuple[str, ...]
    """The first of these answers, each once."""

    @property
    def total(self) -> int:
        """The number of answers of all attempts."""
        return sum(self.by_attempt)


@dataclass(frozen=True)
class JudgeGroup:
    """Decisions of the judge with one outcome: `kept`, or the reason for which an answer stayed refused."""

    outcome: str
    kept: bool
    total: int
    examples: tuple[tuple[str, str], ...]
    """The first of them: what the judge was asked about, and its reply."""


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
    judged: tuple[JudgeGroup, ...] = ()
    judges: tuple[str, ...] = ()
    """The models that were asked as judges."""
    tokens: int = 0
    cost_usd: float | None = None
    """None when a model has no price."""

    @property
    def total(self) -> int:
        """The number of answers."""
        return sum(group.total for group in self.groups)

    @property
    def kept(self) -> int:
        """The number of answers that the check or the judge kept."""
        return sum(group.total for group in self.groups if group.kept)

    @property
    def judge_total(self) -> int:
        """The number of answers that a judge was asked about."""
        return sum(group.total for group in self.judged)

    @property
    def judge_kept(self) -> int:
        """The number of answers that the judge kept."""
        return sum(group.total for group in self.judged if group.kept)

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
    by_judge = pc.fill_null(pc.equal(table["asked"], "judge"), False)
    judged, table = table.filter(by_judge), table.filter(pc.invert(by_judge))
    counts: dict[tuple[bool, str | None], dict[int, int]] = {}
    grouped = table.group_by(["kept", "reason", "attempt"]).aggregate([([], "count_all")])
    for group in grouped.to_pylist():
        of_attempt = counts.setdefault((bool(group["kept"]), None if group["kept"] else group["reason"]), {})
        of_attempt[group["attempt"]] = of_attempt.get(group["attempt"], 0) + group["count_all"]
    from_0 = sorted({attempt for of_attempt in counts.values() for attempt in of_attempt if attempt is not None})
    groups = (
        AnswerGroup(
            _outcome(kept, reason),
            kept,
            tuple(of_attempt.get(attempt, 0) for attempt in from_0),
            tuple(_first_different(_with_outcome(table, kept, reason)["text"].slice(0, _LOOKED_AT).to_pylist())),
        )
        for (kept, reason), of_attempt in counts.items()
    )
    return Answers(
        attempts=tuple(attempt + 1 for attempt in from_0),
        groups=tuple(sorted(groups, key=lambda group: (not group.kept, -group.total, group.outcome))),
        models=_models(table),
        judged=_judge_groups(judged, table),
        judges=_models(judged),
        tokens=sum(counts_of_release.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")),
        cost_usd=counts_of_release.get("cost_usd"),
    )


def _judge_groups(judged: pa.Table, written: pa.Table) -> tuple[JudgeGroup, ...]:
    """The decisions of the judge by outcome, each with the written answers that its first examples are about."""
    groups = []
    for group in judged.group_by(["kept", "reason"]).aggregate([([], "count_all")]).to_pylist():
        kept, reason = bool(group["kept"]), group["reason"]
        first = _with_outcome(judged, kept, reason).slice(0, _EXAMPLES).to_pylist()
        examples = tuple((_judged_text(verdict, written), verdict["text"] or "") for verdict in first)
        groups.append(JudgeGroup(_outcome(kept, reason), kept, group["count_all"], examples))
    return tuple(sorted(groups, key=lambda group: (not group.kept, -group.total, group.outcome)))


def _judged_text(verdict: Mapping[str, Any], written: pa.Table) -> str:
    """The answer that a judge was asked about; empty where the table does not hold it."""
    same = pc.equal(written["row_id"], verdict["row_id"])
    for column in ("caption_index", "attempt"):
        same = pc.and_(same, pc.equal(written[column], verdict[column]))
    return next((text or "" for text in written.filter(same)["text"].to_pylist()), "")


def _outcome(kept: bool, reason: str | None) -> str:
    return "kept" if kept else reason or "no reason given"


def _with_outcome(table: pa.Table, kept: bool, reason: str | None) -> pa.Table:
    """The answers with one outcome; those that are kept have no reason."""
    same = pc.equal(table["kept"], kept)
    if not kept:
        same = pc.and_(same, pc.equal(pc.fill_null(table["reason"], ""), reason or ""))
    return table.filter(pc.fill_null(same, False))


def _first_different(texts: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(text or "" for text in texts))[:_EXAMPLES]


def _models(answers: pa.Table) -> tuple[str, ...]:
    return tuple(sorted(model for model in pc.unique(answers["model"]).to_pylist() if model))
