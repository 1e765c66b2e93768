"""Answers are kept as they come: a journal for each shard, and answers that all shards of a process share."""

from __future__ import annotations

import io
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import BinaryIO, Protocol

import pyarrow as pa

from transforms import storage
from transforms.bounds import parquet_tables
from transforms.bounds.json_values import parse_json, whole_lines
from transforms.bounds.limits import MOST_JSON_LINE_BYTES
from transforms.errors import one_line, reason_of
from transforms.records import CaptionRequest, Reply, reply_of_reason
from transforms.shards import workspace
from transforms.shards.release_rows import ANSWER_SCHEMA
from transforms.storage import folder_files
from transforms.storage.folder_files import FileIn

__all__ = [
    "AnswersFile",
    "AnswersUnreadable",
    "Journal",
    "Journals",
    "KnownAnswers",
    "SharedAnswers",
    "journal_line",
    "open_answers",
    "read_answers",
    "read_journal",
]

_COLUMNS = ("request_sha256", "row_id", "caption_index", "text", "reason", "prompt_tokens", "completion_tokens")
_NEVER_NULL = _COLUMNS[:4]
_SCHEMA = pa.schema([ANSWER_SCHEMA.field(name) for name in _COLUMNS])

#: A table of answers: the path or address that the user has named, or a file of a release.
AnswersFile = str | FileIn


class AnswersUnreadable(ValueError):
    """A file of answers that cannot be read; one line that names the file and the reason."""


class KnownAnswers:
    """Known answers by the hash of their request; where a hash has several answers, each row has its own."""

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._of_rows: dict[tuple[str, str, int], Reply] = {}

    def __contains__(self, digest: str) -> bool:
        return digest in self._replies

    def __len__(self) -> int:
        return len(self._replies)

    def items(self) -> Iterator[tuple[str, Reply]]:
        """Each hash with one of its answers."""
        return iter(list(self._replies.items()))

    def add(self, digest: str, reply: Reply, request: tuple[str, int] | None = None) -> None:
        """Adds an answer. The first of a hash is for all rows; a later one is for the `request` (row, index) alone."""
        first = self._replies.setdefault(digest, reply)
        if request is not None and (first.text, first.error) != (reply.text, reply.error):
            self._of_rows[(digest, *request)] = reply

    def get(self, digest: str, request: CaptionRequest) -> Reply | None:
        """The answer that this request had, else one of the same question, else None."""
        own = self._of_rows.get((digest, request.row_id, request.caption_index))
        return own if own is not None else self._replies.get(digest)


def read_answers(files: Sequence[AnswersFile], *, failures_stand: bool = False) -> KnownAnswers:
    """Every answer in these answers.parquet files, kept or refused.

    Requests without an answer are left out, so that they are asked again. With `failures_stand` they count as answered,
    so that a release can be made again as it was.

    Raises:
        AnswersUnreadable: a file is not there, is not Parquet, lacks a column, or has one of another type.
    """
    found = KnownAnswers()
    failed: list[tuple[str, Reply, tuple[str, int]]] = []
    for file in files:
        columns = (column.to_pylist() for column in _read_table(file).columns)
        for digest, row_id, index, text, reason, prompt_tokens, completion_tokens in zip(*columns, strict=True):
            reply = reply_of_reason(reason, text, prompt_tokens, completion_tokens)
            if reply.is_answer:
                found.add(digest, reply, (row_id, index))
            else:
                failed.append((digest, reply, (row_id, index)))
    # Answers go first: another row with the same question prefers a text to an error.
    for digest, reply, request in failed if failures_stand else ():
        found.add(digest, reply, request)
    return found


def open_answers(file: AnswersFile) -> BinaryIO:
    """An open table of answers.

    Raises:
        OSError: when it cannot be read.
    """
    return file.open() if isinstance(file, FileIn) else io.BytesIO(storage.read_bytes(file))


def _read_table(file: AnswersFile) -> pa.Table:
    try:
        with open_answers(file) as opened:
            table = parquet_tables.read_table(opened, columns=_COLUMNS)
        for name in _NEVER_NULL:
            if table.column(name).null_count:
                raise ValueError(f"its column {name} holds a null")
        return table.select(_COLUMNS).cast(_SCHEMA)
    except OSError as error:
        raise AnswersUnreadable(f"{file} cannot be read: {reason_of(error)}") from error
    except (ValueError, KeyError, pa.ArrowException) as error:
        raise AnswersUnreadable(f"{file} cannot be read as answers: {one_line(error)}") from error


def journal_line(digest: str, reply: Reply) -> bytes:
    """An answer as one line of a journal."""
    values = {
        "request_sha256": digest,
        "text": reply.text,
        "error": reply.error,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
    }
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def read_journal(lines: Iterable[bytes]) -> Iterator[tuple[str, Reply]]:
    """The answers in the lines of a journal. A line that a kill has torn is skipped."""
    for line in lines:
        try:
            values = parse_json(line, MOST_JSON_LINE_BYTES, half_characters=True)
            yield (
                str(values["request_sha256"]),
                Reply(str(values["text"]), values["error"], values["prompt_tokens"], values["completion_tokens"]),
            )
        except (ValueError, KeyError, TypeError):
            continue


class Journal:
    """The journal of one shard: a file that grows by one line an answer, or on remote storage by an object a round."""

    def __init__(self, release: str, name: str) -> None:
        self._release, self._name = release, f"{workspace.JOURNAL}/{name}"
        self._remote = storage.is_remote(release)
        self._lock = threading.Lock()
        self._file: int | None = None
        self._lines: list[bytes] = []
        self._round = 0

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_round()
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def write(self, digest: str, reply: Reply) -> None:
        """Keeps an answer. On a local disk a kill right after this does not lose it.

        Raises:
            OSError: when it cannot be written.
        """
        line = journal_line(digest, reply)
        with self._lock:
            if self._remote:
                self._lines.append(line)
                return
            if self._file is None:
                self._file = _open_for_lines(self._release, f"{self._name}.jsonl")
            os.write(self._file, line)

    def end_round(self) -> None:
        """Writes the lines that a remote journal has gathered, so that a kill does not lose them."""
        with self._lock:
            lines, self._lines = self._lines, []
        if lines:
            # A worker that the runner has given up may still write, so each object has a name of its own.
            name = f"{self._name}/{self._round:05d}-{uuid.uuid4().hex[:8]}.jsonl"
            folder_files.write_bytes(self._release, name, b"".join(lines))
            self._round += 1


def _open_for_lines(release: str, name: str) -> int:
    """The file, opened to append; a line that a kill has torn is ended first."""
    file = folder_files.open_for_writing(release, name, os.O_RDWR | os.O_APPEND)
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")
    return file


class Journals:
    """All journals of a release; each refresh reads only what is new."""

    def __init__(self, release: str) -> None:
        self.release = release
        self._read: dict[str, int] = {}
        self._lock = threading.Lock()

    def refresh(self, known: KnownAnswers) -> None:
        """Adds the new lines of all journals. Remote journals are read once, because a listing costs money."""
        with self._lock:
            for digest, reply in self._remote() if storage.is_remote(self.release) else self._local():
                known.add(digest, reply)

    def _remote(self) -> Iterator[tuple[str, Reply]]:
        if self._read:
            return
        self._read[""] = 1
        for name in folder_files.list_files(self.release, workspace.JOURNAL):
            with folder_files.open_file(self.release, f"{workspace.JOURNAL}/{name}") as file:
                yield from read_journal(whole_lines(file))

    def _local(self) -> Iterator[tuple[str, Reply]]:
        for name, size in folder_files.list_sizes(self.release, workspace.JOURNAL).items():
            begin = self._read.get(name, 0)
            if size <= begin:
                continue
            with folder_files.open_file(self.release, f"{workspace.JOURNAL}/{name}") as file:
                file.seek(begin)
                for line in whole_lines(file):
                    begin += len(line)
                    yield from read_journal([line])
            self._read[name] = begin


class AskWriter(Protocol):
    """Asks a model: one reply a request, in order, each also handed to `arrived` when it comes."""

    def __call__(
        self, requests: Sequence[CaptionRequest], attempt: int, arrived: Callable[[int, Reply], None]
    ) -> Iterable[Reply]: ...


class SharedAnswers:
    """The answers of all shards of a process: a question is asked once, and each answer is kept as it comes."""

    def __init__(self, known: KnownAnswers | None = None, journals: Journals | None = None) -> None:
        self.known = known or KnownAnswers()
        self._journals = journals
        self._lock = threading.Lock()
        self._pending: dict[str, Future[Reply]] = {}
        if journals is not None:
            journals.refresh(self.known)

    def ask(
        self,
        questions: Sequence[tuple[str, CaptionRequest]],
        attempt: int,
        ask: AskWriter,
        journal: Journal | None = None,
    ) -> list[Reply]:
        """A reply for each question (its hash, and a request that has it).

        It is a known answer, or else one that another shard is waiting for, or else a new one.

        Raises:
            WriterUnavailable, OSError: what asking or writing down raises, also for those who wait for the answer.
        """
        if self._journals is not None:
            self._journals.refresh(self.known)
        known = [self.known.get(digest, request) for digest, request in questions]
        missing = dict(question for question, reply in zip(questions, known, strict=True) if reply is None)
        mine, replies = self._claim(missing)
        order = list(mine)

        def arrived(index: int, reply: Reply) -> None:
            digest = order[index]
            if reply.is_answer:
                if journal is not None:
                    journal.write(digest, reply)
                self.known.add(digest, reply)
            self._resolve(digest, mine[digest], reply)

        try:
            if order:
                new = list(ask([missing[digest] for digest in order], attempt, arrived))
                # A writer that was closed calls `arrived` for none.
                for digest, reply in zip(order, new, strict=True):
                    self._resolve(digest, mine[digest], reply)
        except BaseException as error:
            for digest, future in mine.items():
                self._resolve(digest, future, error)
            raise
        finally:
            if journal is not None:
                journal.end_round()
        return [
            reply if reply is not None else replies[digest].result()
            for (digest, _), reply in zip(questions, known, strict=True)
        ]

    def _claim(
        self, missing: Mapping[str, CaptionRequest]
    ) -> tuple[dict[str, Future[Reply]], dict[str, Future[Reply]]]:
        """The questions that this shard has to ask, and the future replies of all that are missing."""
        mine: dict[str, Future[Reply]] = {}
        everything: dict[str, Future[Reply]] = {}
        with self._lock:
            for digest, request in missing.items():
                # Another shard may have had its answer since this one looked.
                known = self.known.get(digest, request)
                if known is not None:
                    everything[digest] = Future()
                    everything[digest].set_result(known)
                elif digest in self._pending:
                    everything[digest] = self._pending[digest]
                else:
                    mine[digest] = everything[digest] = self._pending[digest] = Future()
        return mine, everything

    def _resolve(self, digest: str, future: Future[Reply], outcome: Reply | BaseException) -> None:
        with self._lock:
            if future.done():
                return
            self._pending.pop(digest, None)
            if isinstance(outcome, Reply):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
