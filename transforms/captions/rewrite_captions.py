"""Rewrite captions: a shard's captions are asked for while the next shard is rendered."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.captions.answer_journal import AnswerDesk, Journal, Journals, read_answers
from transforms.captions.job import CaptionJob
from transforms.captions.rewriting import TEMPLATE, AskQuestions, rewrite
from transforms.captions.writers import CaptionWriter
from transforms.records import Answer, Caption, CaptionRequest, Reply, Row, Shard, reply_of_reason
from transforms.seeds import derive_seed
from transforms.shards import workspace
from transforms.shards.each_shard import guarded


def requests_of(rows: Sequence[Row]) -> list[CaptionRequest]:
    """A request for each caption of each row, in order; the words are the row's."""
    requests = []
    for row in rows:
        if row.words is None:
            raise ValueError(f"row {row.id} has no words")
        for index, caption in enumerate(row.clip.captions):
            seed = derive_seed(row.seed, "caption", index)
            requests.append(CaptionRequest(row.id, index, caption, row.words, seed))
    return requests


class EndpointFailed(RuntimeError):
    """The endpoint left requests without an answer, and the recipe says to stop then."""


def rewrite_shard(shard: Shard, job: CaptionJob, writer: CaptionWriter | None, ask: AskQuestions | None) -> Shard:
    """The shard with a caption for each request, and every answer that was given on the way.

    Raises:
        EndpointFailed: where the job's `on_failure` is `stop` and the endpoint failed.
    """
    requests = requests_of(shard.rows)
    outcomes = rewrite(
        requests, writer, prompt_id=job.prompt_id or "", tries=job.tries, parameters=job.parameters(), ask=ask
    )
    if job.on_failure == "stop":
        _stop_on_failure([given for _, given in outcomes])
    captions: dict[str, list[Caption]] = {row.id: [] for row in shard.rows}
    all_given: list[Answer] = []
    for request, (caption, given) in zip(requests, outcomes, strict=True):
        captions[request.row_id].append(caption)
        all_given.extend(given)
    rows = tuple(replace(row, captions=tuple(captions[row.id])) for row in shard.rows)
    return replace(shard, rows=rows, answers=(*shard.answers, *all_given))


def _stop_on_failure(answers: Sequence[Sequence[Answer]]) -> None:
    """Raises EndpointFailed where the last answer of a request is a failure of the endpoint."""
    last = [reply_of_reason(given[-1].reason) for given in answers if given and not given[-1].kept]
    kinds = sorted({str(reply.error) for reply in last if reply.is_failure})
    if kinds:
        failed = sum(reply.is_failure for reply in last)
        raise EndpointFailed(
            f"{failed} of {len(answers)} requests had no answer ({', '.join(kinds)}); "
            "caption.on_failure=template lets the template write them"
        )


class TakenOver(RuntimeError):
    """Another build works in the same release now, so this one has to ask nothing more."""


class _Counter:
    """What the shards of one build in one process share: the writer, the desk, and what they may spend."""

    #: Seconds between two looks whether the release is still this build's.
    LOOK_EVERY_S = 1.0

    def __init__(self, job: CaptionJob) -> None:
        self.job = job
        self.users = 0
        self.writer = job.open_writer()
        journals = Journals(workspace.journal_folder(job.release)) if job.release else None
        self.desk = AnswerDesk(read_answers(job.answers, failures_stand=job.failures_stand), journals)
        self._closing = threading.Event()
        if self.writer is not None and job.run is not None:
            threading.Thread(target=self._watch, name="caption-takeover", daemon=True).start()

    def rewrite(self, shard: Shard) -> Shard:
        """The shard with its captions, every answer written down when it came."""
        writer = self.writer
        if writer is None:
            return rewrite_shard(shard, self.job, None, None)
        # Where processes cannot share a ledger each shard has its part of the budget.
        purse = self.job.purse()

        def from_writer(
            requests: Sequence[CaptionRequest], attempt: int, arrived: Callable[[int, Reply], None]
        ) -> list[Reply]:
            if not workspace.is_run(self.job.release, self.job.run):
                raise TakenOver("another build works in this release now")
            return writer.ask(requests, attempt, arrived, purse)

        with self._journal(shard) as journal:
            return rewrite_shard(
                shard,
                self.job,
                writer,
                lambda questions, attempt: self.desk.ask(questions, attempt, from_writer, journal),
            )

    def close(self) -> None:
        self._closing.set()
        if self.writer is not None:
            self.writer.close()

    def _journal(self, shard: Shard) -> AbstractContextManager[Journal | None]:
        if not self.job.release:
            return nullcontext()
        return Journal(workspace.journal_folder(self.job.release), f"{shard.split}-{shard.name}")

    def _watch(self) -> None:
        """Ends what is being asked once another build has taken over: it asks for the same."""
        assert self.writer is not None
        while not self._closing.wait(self.LOOK_EVERY_S):
            if not workspace.is_run(self.job.release, self.job.run):
                self.writer.close()


_COUNTERS: dict[CaptionJob, _Counter] = {}

_COUNTERS_LOCK = threading.Lock()


def _come_in(job: CaptionJob) -> _Counter:
    """The counter of a job in this process, opened by the first who comes."""
    with _COUNTERS_LOCK:
        # The job names its build, so that two builds of one process share nothing.
        if job not in _COUNTERS:
            _COUNTERS[job] = _Counter(job)
        _COUNTERS[job].users += 1
        return _COUNTERS[job]


def _leave(counter: _Counter) -> None:
    """Closes the writer behind the last who leaves."""
    with _COUNTERS_LOCK:
        counter.users -= 1
        if counter.users:
            return
        _COUNTERS.pop(counter.job, None)
    counter.close()


class _RewriteShards(beam.DoFn):
    """Holds the rows, never the sound, of some shards while their captions are being written."""

    #: Shards waiting for a remote writer while others are rendered: at least so many, and more, up to a bound, until
    #: the requests in hand would fill its slots so many times.
    LOOK_AHEAD, MOST_LOOK_AHEAD, FILLED = 8, 64, 4

    def __init__(self, job: CaptionJob) -> None:
        self.job = job
        self._counter: _Counter | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._pending: deque[tuple[int, Future[Shard]]] = deque()

    def setup(self) -> None:
        self._counter = _come_in(self.job)
        # A model on this machine takes a core itself: one thread keeps it from taking two.
        self._threads = ThreadPoolExecutor(max_workers=self.MOST_LOOK_AHEAD if self.job.writer == "openai" else 1)

    def start_bundle(self) -> None:
        self._pending = deque()

    def process(self, element: Shard) -> Iterator[Shard]:
        assert self._threads is not None
        if self.job.writer == TEMPLATE:
            # Nothing to wait for: a shard that is held back is lost where the next one finds the disk full.
            yield guarded("rewrite captions", self._rewrite, element)
            return
        captions = sum(len(row.clip.captions) for row in element.rows)
        self._pending.append((captions, self._threads.submit(guarded, "rewrite captions", self._rewrite, element)))
        while self._pending and (self._pending[0][1].done() or self._is_full()):
            yield self._pending.popleft()[1].result()

    def _is_full(self) -> bool:
        if len(self._pending) <= self.LOOK_AHEAD:
            return False
        enough = sum(captions for captions, _ in self._pending) > self.FILLED * self.job.concurrency
        return enough or len(self._pending) > self.MOST_LOOK_AHEAD

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self._pending:
            shard = self._pending.popleft()[1].result()
            yield WindowedValue(shard, GlobalWindow().max_timestamp(), (GlobalWindow(),))

    def teardown(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()
        if self._counter is not None:
            _leave(self._counter)
            self._counter = None

    def _rewrite(self, shard: Shard) -> Shard:
        assert self._counter is not None
        return self._counter.rewrite(shard)


class RewriteCaptions(beam.PTransform):
    """Worded shards → shards whose rows have captions (ELSA, section 3.2); every answer is checked."""

    def __init__(self, job: CaptionJob) -> None:
        super().__init__()
        self.job = job

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_RewriteShards(self.job))
