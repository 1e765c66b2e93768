"""The lines about rejected inputs stay few, however many inputs are rejected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands.messages import EXAMPLES, MOST_NAMED, failure_lines, rejection_lines
from transforms.escaping import terminal_text
from transforms.records import Rejection


def rejection(file: str, reason: str) -> Rejection:
    return Rejection(file, "list", reason, f"{file} is {reason}")


def test_a_few_are_named_one_by_one() -> None:
    assert rejection_lines([rejection("a.wav", "missing")], "rejected.parquet") == [
        "rejected a.wav: missing: a.wav is missing"
    ]
    assert rejection_lines([], "rejected.parquet") == []


def test_many_are_counted_by_reason_the_commonest_first() -> None:
    many = [rejection(f"{number}.wav", "missing") for number in range(2000)]
    many += [rejection("x.wav", "silent"), rejection("y.wav", "empty")]
    assert rejection_lines(many, "r/rejected.parquet") == [
        "rejected 2000 as missing: 0.wav, 1.wav, 2.wav and 1997 more",
        "rejected 1 as empty: y.wav",
        "rejected 1 as silent: x.wav",
        "rejected 2002 in all; r/rejected.parquet lists each with its reason",
    ]


@given(st.lists(st.tuples(st.text("ab", min_size=1), st.sampled_from(["missing", "silent", "empty"])), max_size=60))
def test_no_refusal_is_left_out_of_the_counts(refused: list[tuple[str, str]]) -> None:
    lines = rejection_lines([rejection(file, reason) for file, reason in refused], "t")
    if len(refused) <= MOST_NAMED:
        assert len(lines) == len(refused)
        return
    assert sum(int(line.split()[1]) for line in lines[:-1]) == len(refused)
    assert lines[-1].startswith(f"rejected {len(refused)} in all")
    assert all(line.count(", ") < EXAMPLES for line in lines[:-1])


def test_shards_that_failed_alike_are_one_line() -> None:
    failures = [f"train/{number}: render: OSError: /r/train/{number}/x.flac" for number in range(500)]
    lines = failure_lines([*failures, "test/0: read clips: ValueError: odd"], ".elsa/failures")
    assert lines == [
        "train/0: render: OSError: /r/train/0/x.flac (and 499 more shards with the same cause)",
        "test/0: read clips: ValueError: odd",
        "501 shards failed in all, see .elsa/failures",
    ]
    assert failure_lines(failures[:2], "t") == failures[:2]


@pytest.mark.parametrize("count", [1, 20])
def test_a_line_stays_one_line_whatever_a_file_is_called(count: int) -> None:
    # A newline broke it in two, and an escape is a command to the terminal.
    lines = rejection_lines([rejection("a\nrefused b.wav\x1b[2J\u2028", "missing")] * count, "t")
    assert all(line.isprintable() for line in lines)
    assert "a\\nrefused b.wav\\x1b[2J\\u2028" in lines[0]
    assert "été 🎧" in terminal_text("été 🎧")
