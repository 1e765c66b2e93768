"""The kinds of a writer's reply, and the column that keeps them."""

from __future__ import annotations

import pytest

from transforms.records import Reply, ReplyKind, outcome_of_reason, reason_of_reply, reply_of_reason


@pytest.mark.parametrize(
    ("error", "kind", "is_answer", "is_failure", "ends_question"),
    [
        (None, ReplyKind.TEXT, True, False, False),
        ("refusal", ReplyKind.REFUSAL, True, False, False),
        ("unreadable: no choices", ReplyKind.UNREADABLE, False, True, False),
        ("budget", ReplyKind.OVER_BUDGET, False, False, True),
        ("endpoint down", ReplyKind.ENDPOINT_DOWN, False, True, True),
        ("APITimeoutError", ReplyKind.FAILED, False, True, True),
        ("BadRequestError 400", ReplyKind.FAILED, False, True, True),
        ("batch expired", ReplyKind.FAILED, False, True, True),
        ("closed", ReplyKind.FAILED, False, True, True),
    ],
)
def test_an_error_has_a_kind_and_survives_the_column(
    error: str | None, kind: ReplyKind, is_answer: bool, is_failure: bool, ends_question: bool
) -> None:
    reply = Reply("a text" if error is None else "", error, 3, 4)
    assert reply.kind is kind
    assert (reply.is_answer, reply.is_failure, reply.ends_question) == (is_answer, is_failure, ends_question)
    # Releases of before hold these texts in their answers.parquet.
    assert reason_of_reply(reply) == (None if error is None else f"error: {error}")
    assert reply_of_reason(reason_of_reply(reply), reply.text, 3, 4) == reply


def test_a_reason_of_the_check_belongs_to_a_text() -> None:
    assert reply_of_reason("missing_direction", "a dog").kind is ReplyKind.TEXT


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (None, "kept"),
        ("missing_direction", "missing_direction"),
        ("error: budget", "over_budget"),
        ("error: endpoint down", "endpoint_down"),
        ("error: unreadable: no choices", "unreadable"),
        ("error: AuthenticationError 401", "failed"),
    ],
)
def test_an_outcome_is_counted_under_a_short_name(reason: str | None, outcome: str) -> None:
    assert outcome_of_reason(reason) == outcome
