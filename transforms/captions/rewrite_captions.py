"""Rewrite captions: a shard's captions are asked for while the next shard is rendered."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import ClassVar

from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.captions.answer_budget import Budget
from transforms.captions.answer_journal import Journal, Journals, SharedAnswers, read_answers
from transforms.captions.job import CaptionJob
from transforms.captions.questions import Questions
from transforms.captions.rewriting import TEMPLATE, AskQuestions, rewrite
from transforms.captions.unanswered import find_unanswered, remove_note, write_note
from transforms.captions.writers import CaptionWriter
from transforms.records import Answer, Caption, CaptionRequest, Reply, Shard, outcome_of_answer
from transforms.shards import workspace
from transforms.shards.each_shard import Stage, guarded


def rewrite_shard(
    shard: Shard,
    questions: Questions,
    writer: CaptionWriter | None,
    ask: AskQuestions | None = None,
    ask_judge: AskQuestions | None = None,
) -> Shard:
    """The shard with a caption for each request, and with every answer that its captions had."""
    requests = questions.of_rows(shard.rows)
    captions: dict[str, list[Caption]] = {row.id: [] for row in shard.rows}
    answers: list[Answer] = []
    for request, (caption, given) in zip(requests, rewrite(requests, writer, questions, ask, ask_judge), strict=True):
        captions[request.row_id].append(caption)
        answers.extend(given)
    rows = tuple(replace(row, captions=tuple(captions[row.id])) for row in shard.rows)
    return replace(shard, rows=rows, answers=(*shard.answers, *answers))


def answers_by_caption(answers: Sequence[Answer]) -> list[list[Answer]]:
    """The answers of each caption, in the order of the attempts."""
    found: dict[tuple[str, int], list[Answer]] = {}
    for answer in answers:
        found.setdefault((answer.row_id, answer.caption_index), []).append(answer)
    return list(found.values())


class TakenOver(RuntimeError):
    """Another build works in the same release now, so this one asks nothing more."""


class SharedWriter:
    """The writer, the answers and the budget that all shards of one build share in a process."""

    #: Seconds between two looks whether the release still belongs to this build.
    LOOK_EVERY_S = 1.0

    def __init__(self, job: CaptionJob) -> None:
        self.job = job
        self.users = 0
        self.questions = job.questions()
        self.writer = job.open_writer()
        self.judge = self.writer if job.judge_is_writer else job.open_judge()
        journals = Journals(job.release) if job.release else None
        self.answers = SharedAnswers(read_answers(job.answers, failures_stand=job.answers_alone), journals)
        self._closing = threading.Event()
        if self.writer is not None and job.run is not None:
            threading.Thread(target=self._close_when_taken_over, name="caption-takeover", daemon=True).start()

    def rewrite(self, shard: Shard) -> Shard:
        """The shard with its captions. Each answer is written down when it comes.

        A shard with captions that the endpoint has not answered is noted, so that the next build asks again.
        """
        if self.writer is None:
            return rewrite_shard(shard, self.questions, None)
        with self._journal(f"{shard.split}-{shard.name}") as journal:
            rewritten = rewrite_shard(shard, self.questions, self.writer, *self._ask_and_keep(journal))
        self.note(shard.path, answers_by_caption(rewritten.answers))
        return rewritten

    def answer(self, requests: Sequence[CaptionRequest], name: str) -> list[tuple[Caption, list[Answer]]]:
        """The caption of each request, with its answers, which are written into the journal of this name."""
        assert self.writer is not None
        with self._journal(name) as journal:
            return rewrite(requests, self.writer, self.questions, *self._ask_and_keep(journal))

    def note(self, shard: str, answers: Sequence[Sequence[Answer]]) -> None:
        """Notes a shard that holds captions without an answer, or removes its note."""
        release = self.job.release
        if release is None or self.job.answers_alone or not workspace.is_run(release, self.job.run):
            return
        found = find_unanswered(shard, answers)
        if found is not None:
            write_note(release, found)
        else:
            remove_note(release, shard)

    def close(self) -> None:
        self._closing.set()
        self._close_writers()

    def _close_writers(self) -> None:
        for writer in (self.writer, self.judge):
            if writer is not None:
                writer.close()

    def _ask_and_keep(self, journal: Journal | None) -> tuple[AskQuestions | None, AskQuestions | None]:
        """What asks the writer and what asks the judge, with one budget."""
        # If processes cannot share a ledger, each shard has its part of the budget.
        budget = self.job.budget()
        return (
            self._asker(self.writer, budget, journal),
            self._asker(self.judge, self.job.judge_budget(budget), journal),
        )

    def _asker(
        self, writer: CaptionWriter | None, budget: Budget | None, journal: Journal | None
    ) -> AskQuestions | None:
        if writer is None:
            return None

        def ask_writer(
            requests: Sequence[CaptionRequest], attempt: int, arrived: Callable[[int, Reply], None]
        ) -> list[Reply]:
            if not workspace.is_run(self.job.release, self.job.run):
                raise TakenOver("another build works in this release now")
            return writer.ask(requests, attempt, arrived, budget)

        return lambda questions, attempt: self.answers.ask(questions, attempt, ask_writer, journal)

    def _journal(self, name: str) -> AbstractContextManager[Journal | None]:
        if not self.job.release:
            return nullcontext()
        return Journal(self.job.release, name)

    def _close_when_taken_over(self) -> None:
        """Closes the writer once another build has taken over, because that build asks the same questions."""
        while not self._closing.wait(self.LOOK_EVERY_S):
            # A file that cannot be read now is looked at again; each request looks as well, and fails with the error.
            with suppress(OSError):
                if not workspace.is_run(self.job.release, self.job.run):
                    self._close_writers()


_SHARED_WRITERS: dict[CaptionJob, SharedWriter] = {}

_SHARED_WRITERS_LOCK = threading.Lock()


def _acquire(job: CaptionJob) -> SharedWriter:
    """The writer of a job in this process, opened by its first user."""
    with _SHARED_WRITERS_LOCK:
        # The job names its build, so two builds in one process share nothing.
        if job not in _SHARED_WRITERS:
            _SHARED_WRITERS[job] = SharedWriter(job)
        _SHARED_WRITERS[job].users += 1
        return _SHARED_WRITERS[job]


def _release(shared: SharedWriter) -> None:
    """Gives a writer back; the last user closes it."""
    with _SHARED_WRITERS_LOCK:
        shared.users -= 1
        if shared.users:
            return
        _SHARED_WRITERS.pop(shared.job, None)
    shared.close()


@dataclass
class RewriteCaptions(Stage):
    """Gives each row its captions (ELSA, section 3.2); every answer of a model is checked.

    The stage holds back the rows, never the sound, of some shards while their captions are being written.
    """

    name: ClassVar[str] = "rewrite captions"

    #: Shards that wait for a remote writer while others are rendered: at least LOOK_AHEAD, and up to MOST_LOOK_AHEAD
    #: while they have fewer than FILLED requests for each slot of the writer.
    LOOK_AHEAD: ClassVar[int] = 8
    MOST_LOOK_AHEAD: ClassVar[int] = 64
    FILLED: ClassVar[int] = 4

    job: CaptionJob
    _writer: SharedWriter | None = field(default=None, init=False, repr=False)
    _threads: ThreadPoolExecutor | None = field(default=None, init=False, repr=False)
    _pending: deque[tuple[int, Future[Shard]]] = field(default_factory=deque, init=False, repr=False)

    def setup(self) -> None:
        self._writer = _acquire(self.job)
        # A model on this machine takes a core itself: one thread keeps it from taking two.
        self._threads = ThreadPoolExecutor(max_workers=self.MOST_LOOK_AHEAD if self.job.writer == "openai" else 1)

    def start_bundle(self) -> None:
        self._pending = deque()

    def process(self, element: Shard) -> Iterator[Shard]:
        assert self._threads is not None
        assert self._writer is not None
        if self.job.writer == TEMPLATE:
            # Nothing to wait for. A shard that is held back would be lost if the next one found the disk full.
            yield guarded(self.name, self._writer.rewrite, element)
            return
        captions = self.job.versions * sum(len(row.clip.captions) for row in element.rows)
        self._pending.append((captions, self._threads.submit(guarded, self.name, self._writer.rewrite, element)))
        while self._pending and (self._pending[0][1].done() or self._is_full()):
            yield self._next_shard()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self._pending:
            yield WindowedValue(self._next_shard(), GlobalWindow().max_timestamp(), (GlobalWindow(),))

    def teardown(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()
        if self._writer is not None:
            _release(self._writer)
            self._writer = None

    def _is_full(self) -> bool:
        if len(self._pending) <= self.LOOK_AHEAD:
            return False
        enough = sum(captions for captions, _ in self._pending) > self.FILLED * self.job.concurrency
        return enough or len(self._pending) > self.MOST_LOOK_AHEAD

    def _next_shard(self) -> Shard:
        """Waits for the shard that came first, and counts what became of its answers."""
        shard = self._pending.popleft()[1].result()
        # Counted here and not in the threads, which Beam does not know.
        for answer in shard.answers:
            self.count(outcome_of_answer(answer))
        return shard
