"""A provider's batch interface: request files within its limits, batches that are followed, results as answers."""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import pyarrow.parquet as pq

from pipeline.beam_options import beam_options, set_file_systems
from pipeline.build.begin import refuse_other
from pipeline.build.caption_setup import answer_files
from pipeline.build.planning import plan_build
from pipeline.build.worker_log import logged_to
from pipeline.dag import caption_job, questions_dag
from pipeline.recipe import Recipe
from pipeline.release.layout import METADATA, metadata_paths
from prompts import load_prompt
from transforms import storage
from transforms.captions.answer_journal import read_answers
from transforms.captions.list_questions import QUESTION_SCHEMA, request_of
from transforms.captions.rewrite_captions import CaptionJob
from transforms.captions.rewriting import judge
from transforms.captions.writers import chat_body, reply_of
from transforms.records import Reply
from transforms.shards.plan_shards import plan_to_parquet
from transforms.shards.release_rows import ANSWER_SCHEMA, answer_values
from transforms.shards.write_shard import table_to_parquet

if TYPE_CHECKING:
    from openai import OpenAI

#: The provider's limits of one file.
MOST_REQUESTS, MOST_BYTES = 50_000, 200_000_000

EXPORT, BATCHES, RESULTS, PARTS = "export.json", "batches.json", "results", ".parts"

#: States that a batch does not leave; of these, `failed` has asked nothing and is submitted again.
ENDED = ("completed", "expired", "cancelled")
_FAILED = "failed"


class BatchError(ValueError):
    """What keeps a batch command from starting; one line for the user."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    requests: int
    captions: int
    files: tuple[str, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """What is remembered of a request file's batch."""

    file_id: str | None = None
    batch_id: str | None = None
    status: str = "new"
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    total: int = 0
    reason: str | None = None
    """The provider's code for why the batch failed."""
    earlier: tuple[str, ...] = ()
    """Batches of the same file that failed."""
    collected: bool = False
    """True once its results have been turned into answers."""


@dataclass(frozen=True)
class Collected:
    """What a collection found, by question and row; `pending` is still with the provider."""

    kept: int
    refused: int
    failed: int
    pending: int


def export_requests(
    recipe: Recipe,
    input_dir: str,
    release: str,
    folder: Path,
    *,
    answers: str | None = None,
    beam_flags: Sequence[str] = (),
    most_requests: int = MOST_REQUESTS,
    most_bytes: int = MOST_BYTES,
) -> Exported:
    """Writes request files for all that a build into `release` would ask and does not know.

    A question that the folder holds already is written again only when its answer failed.

    Raises:
        BatchError, BuildError, SourceUnusable, OptionError: when it cannot start.
    """
    if recipe.caption.writer != "openai":
        raise BatchError(f"batches are for caption.writer=openai, and this recipe has {recipe.caption.writer}")
    set_file_systems(beam_flags)
    plan = plan_build(recipe, input_dir)
    refuse_other(recipe, plan.input_sha256, release)
    done = set(metadata_paths(release))
    shards = tuple(n for n, path in enumerate(plan.shard_paths) if f"{path}/{METADATA}" not in done)
    files = answer_files(release, answers)
    try:
        failed = {digest for digest, reply in read_answers(files, failures_stand=True).items() if reply.error}
    except (OSError, ValueError, KeyError) as error:
        raise BatchError(f"--answers {answers} cannot be read: {str(error).splitlines()[0]}") from error
    manifest = _claim(folder, recipe)
    job = replace(caption_job(recipe, files), release=release)
    parts = folder / PARTS
    storage.remove_folder(str(parts))
    storage.write_bytes(str(parts / "plan"), plan_to_parquet(plan.shards))
    if shards:
        with logged_to(str(parts / "workers.log")):
            pipeline = beam.Pipeline(options=beam_options(beam_flags, units=len(shards)))
            questions_dag(pipeline, recipe, os.path.abspath(parts / "plan"), shards, job, os.path.abspath(parts))
            pipeline.run().wait_until_finish()
    taken = _taken(folder, manifest["files"], failed)
    writer = _RequestFiles(folder, job, len(manifest["files"]), taken, most_requests, most_bytes)
    for path in sorted(parts.glob("*.parquet")):
        writer.add(pq.read_table(path).to_pylist())
    written = writer.finish()
    manifest["files"] += written
    _write_json(folder / EXPORT, manifest)
    failures = tuple(json.loads(path.read_text()) for path in sorted(parts.glob("*.json")))
    storage.remove_folder(str(parts))
    return Exported(writer.requests, writer.captions, tuple(written), failures)


def _taken(folder: Path, files: Sequence[str], failed: set[str]) -> set[str]:
    """The questions of the folder that are still with the provider, or were answered: not those that failed."""
    batches, taken = read_batches(folder), set()
    for name in files:
        digests = set(_questions(folder, name)["request_sha256"].to_pylist())
        taken |= digests - failed if batches.get(name, Batch()).collected else digests
    return taken


def _claim(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The folder's manifest, a new one where it is empty; files that a kill has left unlisted are removed."""
    mine: dict[str, Any] = {"recipe_sha256": recipe.sha256(), "base_url": recipe.caption.base_url, "files": []}
    if (folder / EXPORT).exists():
        manifest = read_manifest(folder)
        if manifest.get("recipe_sha256") != mine["recipe_sha256"]:
            raise BatchError(f"{folder} holds requests of another recipe: export into another folder")
        manifest["base_url"] = mine["base_url"]
    elif folder.exists() and (not folder.is_dir() or any(entry.name != PARTS for entry in folder.iterdir())):
        raise BatchError(f"{folder} is not empty and holds no requests: export into another folder")
    else:
        manifest = mine
    _make_folder(folder)
    for path in folder.glob("requests-*.*"):
        if path.with_suffix(".jsonl").name not in manifest["files"]:
            path.unlink()
    _write_json(folder / EXPORT, manifest)
    return manifest


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchError(f"{folder} cannot be written: {error.strerror or error}") from error


class _RequestFiles:
    """Writes questions into numbered JSONL files within the limits, beside each a table of the rows that ask them."""

    def __init__(
        self, folder: Path, job: CaptionJob, number: int, taken: set[str], most_requests: int, most_bytes: int
    ) -> None:
        self.requests = 0
        self.captions = 0
        self._folder = folder
        self._job = job
        self._prompt = load_prompt(job.prompt)
        self._number = number
        self._taken = taken
        self._most_requests, self._most_bytes = most_requests, most_bytes
        self._place: dict[str, int] = {}
        self._tables: dict[int, list[dict[str, Any]]] = {}
        self._lines: list[bytes] = []
        self._bytes = 0
        self._names: list[str] = []

    def add(self, questions: Sequence[dict[str, Any]]) -> None:
        for question in questions:
            digest = question["request_sha256"]
            if digest in self._taken:
                continue
            self.captions += 1
            if digest not in self._place:
                self._add_line(digest, question)
            self._tables.setdefault(self._place[digest], []).append(question)

    def finish(self) -> list[str]:
        """Writes what is left; the names of all request files."""
        self._end_file()
        for number, questions in self._tables.items():
            name = _file_name(number).replace(".jsonl", ".parquet")
            storage.write_bytes(str(self._folder / name), table_to_parquet(questions, QUESTION_SCHEMA))
        return self._names

    def _add_line(self, digest: str, question: dict[str, Any]) -> None:
        temperature, max_tokens = self._job.sampling()
        body = chat_body(
            self._job.model_name, self._prompt, request_of(question), question["attempt"], temperature, max_tokens
        )
        entry = {"custom_id": digest, "method": "POST", "url": "/v1/chat/completions", "body": body}
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        if self._lines and (len(self._lines) >= self._most_requests or self._bytes + len(line) > self._most_bytes):
            self._end_file()
        self._lines.append(line)
        self._bytes += len(line)
        self._place[digest] = self._number
        self.requests += 1

    def _end_file(self) -> None:
        if not self._lines:
            return
        name = _file_name(self._number)
        storage.write_bytes(str(self._folder / name), b"".join(self._lines))
        self._names.append(name)
        self._lines, self._bytes = [], 0
        self._number += 1


def _file_name(number: int) -> str:
    return f"requests-{number:05d}.jsonl"


def read_manifest(folder: Path) -> dict[str, Any]:
    """What was exported into a folder.

    Raises:
        BatchError: when nothing was.
    """
    try:
        values = json.loads((folder / EXPORT).read_text(encoding="utf-8"))
        if not isinstance(values, dict) or not isinstance(values.get("files"), list):
            raise ValueError("not what an export writes")
    except FileNotFoundError as error:
        raise BatchError(f"{folder} holds no requests: elsa captions export writes them") from error
    except (OSError, ValueError) as error:
        raise BatchError(f"{folder / EXPORT} cannot be read: {error}") from error
    return values


def read_batches(folder: Path) -> dict[str, Batch]:
    """What is remembered of each request file.

    Raises:
        BatchError: when it cannot be read.
    """
    path = folder / BATCHES
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: Batch(**{**entry, "earlier": tuple(entry["earlier"])}) for name, entry in values.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BatchError(f"{path} cannot be read: {error}") from error


def submit(client: OpenAI, folder: Path) -> dict[str, Batch]:
    """Uploads each request file once and creates its batch once, also when run again; failed batches are made anew.

    Raises:
        BatchError, openai.OpenAIError
    """
    files = read_manifest(folder)["files"]
    batches = refresh(client, folder) if read_batches(folder) else {}
    for name in files:
        batch = batches.get(name, Batch())
        if batch.status == _FAILED and batch.batch_id is not None:
            batch = Batch(file_id=batch.file_id, earlier=(*batch.earlier, batch.batch_id))
        if batch.batch_id is not None:
            continue
        # A kill between the provider's answer and this machine's note leaves a "creating" behind: then look first.
        found = _find_batch(client, batch) if batch.status == "creating" else None
        if batch.file_id is None:
            with (folder / name).open("rb") as file:
                uploaded = client.files.create(file=(name, file), purpose="batch")
            batch = replace(batch, file_id=uploaded.id)
        batches[name] = replace(batch, status="creating")
        _remember(folder, batches)
        if found is None:
            found = client.batches.create(
                input_file_id=str(batch.file_id), endpoint="/v1/chat/completions", completion_window="24h"
            )
        batches[name] = _updated(batch, found)
        _remember(folder, batches)
    return batches


def _find_batch(client: OpenAI, batch: Batch) -> Any:
    for created in client.batches.list(limit=100):
        if created.input_file_id == batch.file_id and created.id not in batch.earlier:
            return created
    return None


def refresh(client: OpenAI, folder: Path) -> dict[str, Batch]:
    """What the provider says of every batch that has not ended."""
    batches = read_batches(folder)
    for name, batch in batches.items():
        if batch.batch_id is not None and batch.status not in (*ENDED, _FAILED):
            batches[name] = _updated(batch, client.batches.retrieve(batch.batch_id))
    _remember(folder, batches)
    return batches


def follow(client: OpenAI, folder: Path, every_s: float, say: Callable[[str], None]) -> dict[str, Batch]:
    """Looks every `every_s` seconds until all batches have ended; says what has changed."""
    said = ""
    while True:
        batches = refresh(client, folder)
        line = progress_line(batches)
        if line != said:
            say(line)
            said = line
        if all(batch.status in (*ENDED, _FAILED) for batch in batches.values()):
            return batches
        time.sleep(every_s)


def progress_line(batches: dict[str, Batch]) -> str:
    """`3 batches: 1 completed, 2 in_progress; 1200 of 3000 requests`."""
    states = [batch.status for batch in batches.values()]
    counted = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    done, total = (sum(getattr(batch, name) for batch in batches.values()) for name in ("completed", "total"))
    return f"{len(batches)} batches: {counted}; {done} of {total} requests"


def _updated(batch: Batch, found: Any) -> Batch:
    counts = found.request_counts
    errors = getattr(found.errors, "data", None) or ()
    return replace(
        batch,
        batch_id=found.id,
        status=str(found.status),
        output_file_id=found.output_file_id,
        error_file_id=found.error_file_id,
        completed=getattr(counts, "completed", None) or 0,
        total=getattr(counts, "total", None) or 0,
        # Codes only: a message may repeat the request.
        reason=", ".join(sorted({_code(error.code) for error in errors})) or None,
    )


def _code(text: Any) -> str:
    return re.sub(r"[^\w.-]", "_", str(text))[:60]


def _remember(folder: Path, batches: dict[str, Batch]) -> None:
    _write_json(folder / BATCHES, {name: asdict(batch) for name, batch in batches.items()})


def _write_json(path: Path, values: Any) -> None:
    storage.write_bytes(str(path), (json.dumps(values, indent=1) + "\n").encode())


def collect(client: OpenAI, folder: Path, output: Path) -> Collected:
    """Turns what has ended into an answers.parquet, laid over the one that is there; again gives the same file.

    An answer is checked as in a build. A question without an answer in an ended batch (expired, say) is an error, which
    the next export asks again.

    Raises:
        BatchError, openai.OpenAIError
    """
    files = read_manifest(folder)["files"]
    try:
        records = pq.read_table(output).cast(ANSWER_SCHEMA).to_pylist() if output.exists() else []
    except (OSError, ValueError, KeyError) as error:
        raise BatchError(f"--output {output} holds no answers: {str(error).splitlines()[0]}") from error
    merged = {_key(record): record for record in records}
    batches = refresh(client, folder)
    for name in files:
        batch = batches.get(name, Batch())
        replies = _results(client, folder, batch)
        for question in _questions(folder, name).to_pylist():
            reply = replies.get(question["request_sha256"])
            if reply is None and batch.status in ENDED:
                reply = Reply(error=f"batch {batch.status}")
            if reply is None:
                continue
            answer = judge(
                request_of(question),
                reply,
                question["request_sha256"],
                question["attempt"],
                question["model"],
                question["prompt"],
            )
            new = answer_values(answer)
            old = merged.get(_key(new))
            if old is None or _failed(old):
                merged[_key(new)] = new
    ordered = sorted(merged.values(), key=lambda record: (record["row_id"], record["caption_index"], record["attempt"]))
    storage.write_bytes(str(output), table_to_parquet(ordered, ANSWER_SCHEMA))
    ended = {name: replace(batch, collected=True) for name, batch in batches.items() if batch.status in ENDED}
    _remember(folder, {**batches, **ended})
    asked = {_key(question) for name in files for question in _questions(folder, name).to_pylist()}
    had = [merged[key] for key in asked if key in merged]
    return Collected(
        kept=sum(record["kept"] for record in had),
        refused=sum(not record["kept"] and not _failed(record) for record in had),
        failed=sum(_failed(record) for record in had),
        pending=len(asked) - len(had),
    )


def _key(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["request_sha256"], record["row_id"], record["caption_index"]


def _failed(record: dict[str, Any]) -> bool:
    return (record["reason"] or "").startswith("error: ")


def _questions(folder: Path, name: str) -> Any:
    return pq.read_table(folder / name.replace(".jsonl", ".parquet"))


def _results(client: OpenAI, folder: Path, batch: Batch) -> dict[str, Reply]:
    """Request hash → reply of an ended batch, of both its files; an answer is worth more than an error."""
    if batch.status not in ENDED or batch.batch_id is None:
        return {}
    found: dict[str, Reply] = {}
    for kind, file_id in (("output", batch.output_file_id), ("error", batch.error_file_id)):
        if file_id is None:
            continue
        path = folder / RESULTS / f"{_code(batch.batch_id)}-{kind}.jsonl"
        if not path.exists():
            storage.write_bytes(str(path), client.files.content(file_id).read())
        for digest, reply in read_results(path.read_bytes()):
            if digest not in found or (found[digest].error is not None and reply.error is None):
                found[digest] = reply
    return found


def read_results(data: bytes) -> Iterator[tuple[str, Reply]]:
    """The replies in a file of results, in whatever order; lines that are none are passed over."""
    for line in io.BytesIO(data):
        try:
            values = json.loads(line)
            digest, response, error = values["custom_id"], values.get("response"), values.get("error")
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        status = response.get("status_code") if isinstance(response, dict) else None
        if status == 200 and isinstance(response, dict):
            yield str(digest), reply_of(response.get("body"))
        elif isinstance(error, dict) and error.get("code"):
            yield str(digest), Reply(error=f"batch {_code(error['code'])}")
        else:
            yield str(digest), Reply(error=f"batch status {_code(status)}")
