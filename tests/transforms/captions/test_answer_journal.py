"""Answers as they come: what is written survives a kill, what is known is not asked, one question is asked once."""

from __future__ import annotations

import io
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms.captions.answer_journal import (
    AnswersUnreadable,
    Journal,
    Journals,
    KnownAnswers,
    SharedAnswers,
    journal_line,
    read_answers,
)
from transforms.records import CaptionRequest, Reply
from transforms.shards import workspace
from transforms.shards.release_rows import ANSWER_SCHEMA
from transforms.shards.write_shard import table_to_parquet
from transforms.words import SpatialWords


def question(name: str, row: str = "row") -> tuple[str, CaptionRequest]:
    return name, CaptionRequest(row, 0, "A dog barks", SpatialWords(), 1)


def parquet(**columns: list[object]) -> bytes:
    """A table of one answer, some of whose columns have other types."""
    written = io.BytesIO()
    pq.write_table(pa.table({name: columns.get(name, [None]) for name in ANSWER_SCHEMA.names}), written)
    return written.getvalue()


def known_of(folder: Path) -> dict[str, str]:
    known = KnownAnswers()
    Journals(str(folder)).refresh(known)
    return {digest: reply.text for digest, reply in known.items()}


class Asked:
    """Answers with the number of requests so far, after a while, and hands each in as it comes."""

    def __init__(self, delay_s: float = 0.0, error: str | None = None) -> None:
        self.count = 0
        self.delay_s = delay_s
        self.error = error

    def __call__(
        self, requests: Sequence[CaptionRequest], attempt: int, arrived: Callable[[int, Reply], None]
    ) -> list[Reply]:
        time.sleep(self.delay_s)
        replies = []
        for at in range(len(requests)):
            self.count += 1
            replies.append(Reply(text=f"answer {self.count}", error=self.error))
            arrived(at, replies[-1])
        return replies


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    with Journal(str(tmp_path), "shard") as journal:
        journal.write("a", Reply("one\n\ud800 line", None, 3, 4))
    path = tmp_path / workspace.JOURNAL / "shard.jsonl"
    path.write_bytes(path.read_bytes() + journal_line("b", Reply("torn"))[:-9])
    assert list(known_of(tmp_path)) == ["a"]
    with Journal(str(tmp_path), "shard") as journal:
        journal.write("c", Reply("three"))
    path.write_bytes(path.read_bytes() + b'7\n{"request_sha256": "x"}\n\xff\xfe\n')
    assert list(known_of(tmp_path)) == ["a", "c"]


def test_a_journal_without_an_end_of_a_line_fills_no_memory(tmp_path: Path) -> None:
    with Journal(str(tmp_path), "shard") as journal:
        journal.write("a", Reply("one"))
    with (tmp_path / workspace.JOURNAL / "shard.jsonl").open("ab") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    assert list(known_of(tmp_path)) == ["a"]
    assert tracemalloc.get_traced_memory()[1] < 50 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "cannot be read as answers: "),
        (b"no table", "cannot be read as answers: "),
        (table_to_parquet([], ANSWER_SCHEMA.remove(0)), "request_sha256"),
        (parquet(reason=[[1]]), "cannot be read as answers: "),
        (parquet(caption_index=["x"]), "cannot be read as answers: "),
        (parquet(), "its column request_sha256 holds a null"),
    ],
    ids=["missing", "empty", "text", "column", "list", "type", "null"],
)
def test_answers_that_cannot_be_read_are_named_on_one_line(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AnswersUnreadable) as caught:
        read_answers([str(path)])
    assert str(caught.value).startswith(f"{path} cannot be read")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_without_text_does_not_hide_which_answers_are_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_silently(path: str) -> bytes:
        raise OSError

    monkeypatch.setattr("transforms.storage.read_bytes", raise_silently)
    with pytest.raises(AnswersUnreadable, match=r"a\.parquet cannot be read: OSError"):
        read_answers(["a.parquet"])


def test_a_look_reads_only_what_is_new(tmp_path: Path) -> None:
    journals, known = Journals(str(tmp_path)), KnownAnswers()
    journals.refresh(known)
    for name in ("a", "b"):
        with Journal(str(tmp_path), name) as journal:
            journal.write(name, Reply(name))
        journals.refresh(known)
        assert name in known
    assert len(known) == 2


def test_a_remote_journal_is_an_object_a_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transforms import storage

    # Beam's file system of this machine, through the calls that a remote one takes.
    monkeypatch.setattr(storage, "is_remote", lambda path: True)
    folder = str(tmp_path)
    shared, asked = SharedAnswers(None, Journals(folder)), Asked()
    with Journal(folder, "shard") as journal:
        for name in ("a", "b"):
            shared.ask([question(name)], 0, asked, journal)
    assert len(list((tmp_path / workspace.JOURNAL / "shard").iterdir())) == 2
    again = SharedAnswers(None, Journals(folder))
    assert [reply.text for reply in again.ask([question("a"), question("b")], 0, asked)] == ["answer 1", "answer 2"]
    assert asked.count == 2


def test_one_question_of_many_threads_is_asked_once() -> None:
    shared, asked = SharedAnswers(), Asked(delay_s=0.2)
    told: list[str] = []
    threads = [
        threading.Thread(target=lambda: told.append(shared.ask([question("same")], 0, asked)[0].text)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["answer 1"] * 8
    assert asked.count == 1


def test_an_error_is_shared_by_those_who_wait_and_asked_again_by_those_who_come() -> None:
    shared, asked = SharedAnswers(), Asked(error="APITimeoutError")
    assert [reply.error for reply in shared.ask([question("x", "1"), question("x", "2")], 0, asked)] == [
        "APITimeoutError"
    ] * 2
    shared.ask([question("x")], 0, asked)
    assert asked.count == 2


def test_what_asking_raises_reaches_those_who_wait() -> None:
    shared, begun = SharedAnswers(), threading.Event()

    def broken(requests: Sequence[CaptionRequest], attempt: int, arrived: object) -> list[Reply]:
        begun.set()
        time.sleep(0.2)
        raise OSError("no space left")

    caught: list[BaseException] = []

    def ask() -> None:
        try:
            shared.ask([question("x")], 0, broken)
        except OSError as error:
            caught.append(error)

    first = threading.Thread(target=ask)
    first.start()
    begun.wait()
    ask()
    first.join()
    assert [str(error) for error in caught] == ["no space left"] * 2


def test_where_a_question_has_two_answers_each_row_has_its_own(tmp_path: Path) -> None:
    empty = dict.fromkeys(ANSWER_SCHEMA.names)
    records = [
        {**empty, "request_sha256": "q", "row_id": row, "caption_index": 0, "text": text, "reason": reason}
        for row, text, reason in (
            ("failed", "", "error: APITimeoutError"),
            ("first", "one", None),
            ("second", "two", "missing_direction"),
            ("refused", "", "error: refusal"),
        )
    ]
    path = tmp_path / "answers.parquet"
    path.write_bytes(table_to_parquet(records, ANSWER_SCHEMA))

    def told(known: KnownAnswers, row: str) -> Reply | None:
        return known.get(*question("q", row))

    again, as_it_was = read_answers([str(path)]), read_answers([str(path)], failures_stand=True)
    assert [told(again, row) for row in ("first", "second", "failed", "third")] == [
        Reply(text) for text in ("one", "two", "one", "one")
    ]
    assert told(as_it_was, "failed") == Reply(error="APITimeoutError")
    assert told(as_it_was, "second") == Reply("two")
    assert told(again, "refused") == Reply(error="refusal")
    assert again.get(*question("other")) is None
