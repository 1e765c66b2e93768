"""Rewrite captions: a shard's captions are asked for while the next shard is rendered."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from prompts import load_prompt
from transforms import storage
from transforms.caption_rewriting import TEMPLATE, decimal_text, rewrite
from transforms.caption_writers import CaptionWriter, LocalWriter, OpenAIWriter
from transforms.each_shard import guarded
from transforms.records import Answer, Caption, CaptionRequest, Row, Shard
from transforms.seeds import derive_seed
from transforms.smollm import MODEL_NAME

#: The model that the provider is asked for where a recipe names none.
DEFAULT_MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class CaptionJob:
    """Who rewrites and how it is asked; holds no key, so it may travel."""

    writer: str
    prompt: str
    tries: int = 4
    base_url: str | None = None
    model: str | None = None
    """None is the writer's own."""
    temperature: float | None = None
    """None is the prompt's own, as for max_tokens."""
    max_tokens: int | None = None
    concurrency: int = 16
    timeout_s: float = 60.0
    answers: tuple[str, ...] = ()
    """Addresses of answers.parquet files of earlier builds; a request that they answer is not asked again."""

    @property
    def model_name(self) -> str:
        """What `caption_model` says."""
        if self.writer == "template":
            return TEMPLATE
        return MODEL_NAME if self.writer == "local" else self.model or DEFAULT_MODEL

    @property
    def prompt_id(self) -> str | None:
        """What `caption_prompt` says; the template has no prompt."""
        return None if self.writer == "template" else load_prompt(self.prompt).id

    def sampling(self) -> tuple[float, int]:
        """Temperature and the most tokens of an answer: the recipe's, else the prompt's own."""
        own = load_prompt(self.prompt)
        temperature = own.temperature if self.temperature is None else self.temperature
        return temperature, self.max_tokens or own.max_tokens

    def parameters(self) -> dict[str, int | str]:
        """The sampling parameters as a request's hash takes them."""
        temperature, max_tokens = self.sampling()
        return {"temperature": decimal_text(temperature), "max_tokens": max_tokens}

    def open_writer(self) -> CaptionWriter | None:
        """The writer, not yet connected or loaded; None for the template."""
        if self.writer == "template":
            return None
        prompt, (temperature, max_tokens) = load_prompt(self.prompt), self.sampling()
        if self.writer == "local":
            return LocalWriter(prompt, temperature, max_tokens)
        return OpenAIWriter(
            self.base_url, self.model_name, prompt, temperature, max_tokens, self.concurrency, self.timeout_s
        )


def read_answers(paths: Sequence[str]) -> dict[str, str]:
    """Request hash → text of every answer in these answers.parquet files, kept or refused, but not of failed requests.

    Raises:
        OSError, ValueError, KeyError: a file that is not there, is not Parquet, or lacks the columns.
    """
    found: dict[str, str] = {}
    for path in paths:
        table = pq.read_table(io.BytesIO(storage.read_bytes(path)), columns=["request_sha256", "text", "reason"])
        for request, text, reason in zip(*(table[name].to_pylist() for name in table.column_names), strict=True):
            if not (reason or "").startswith("error"):
                found[request] = text
    return found


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


def rewrite_shard(shard: Shard, job: CaptionJob, writer: CaptionWriter | None, answers: Mapping[str, str]) -> Shard:
    """The shard with a caption for each request, and every answer that was given on the way."""
    requests = requests_of(shard.rows)
    outcomes = rewrite(
        requests, writer, prompt_id=job.prompt_id or "", tries=job.tries, parameters=job.parameters(), kept=answers
    )
    captions: dict[str, list[Caption]] = {row.id: [] for row in shard.rows}
    all_given: list[Answer] = []
    for request, (caption, given) in zip(requests, outcomes, strict=True):
        captions[request.row_id].append(caption)
        all_given.extend(given)
    rows = tuple(replace(row, captions=tuple(captions[row.id])) for row in shard.rows)
    return replace(shard, rows=rows, answers=(*shard.answers, *all_given))


class _RewriteShards(beam.DoFn):
    """Holds the rows, never the sound, of a few shards while their captions are being written."""

    #: Shards waiting for a remote writer while others are rendered.
    LOOK_AHEAD = 8

    def __init__(self, job: CaptionJob) -> None:
        self.job = job
        self._writer: CaptionWriter | None = None
        self._answers: dict[str, str] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._pending: deque[Future[Shard]] = deque()

    def setup(self) -> None:
        self._writer = self.job.open_writer()
        self._answers = read_answers(self.job.answers)
        # A model on this machine takes a core itself: one thread keeps it from taking two.
        self._threads = ThreadPoolExecutor(max_workers=self.LOOK_AHEAD if self.job.writer == "openai" else 1)

    def start_bundle(self) -> None:
        self._pending = deque()

    def process(self, element: Shard) -> Iterator[Shard]:
        assert self._threads is not None
        self._pending.append(self._threads.submit(guarded, "rewrite captions", self._rewrite, element))
        while self._pending and (self._pending[0].done() or len(self._pending) > self.LOOK_AHEAD):
            yield self._pending.popleft().result()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self._pending:
            shard = self._pending.popleft().result()
            yield WindowedValue(shard, GlobalWindow().max_timestamp(), (GlobalWindow(),))

    def teardown(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()
        if self._writer is not None:
            self._writer.close()

    def _rewrite(self, shard: Shard) -> Shard:
        return rewrite_shard(shard, self.job, self._writer, self._answers)


class RewriteCaptions(beam.PTransform):
    """Worded shards → shards whose rows have captions (ELSA, section 3.2); every answer is checked."""

    def __init__(self, job: CaptionJob) -> None:
        super().__init__()
        self.job = job

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_RewriteShards(self.job))
