"""Request files for a provider's batch interface: the open questions of a build, within the provider's limits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipeline.batches.folder import (
    EXPORT,
    MOST_BYTES,
    PARTS,
    Batch,
    BatchError,
    read_batches,
    read_manifest,
    read_questions,
    request_file_name,
    write_json,
)
from pipeline.beam_options import beam_options, set_file_systems
from pipeline.build.begin import refuse_other, write_plan
from pipeline.build.caption_setup import answer_files, known_answers, refuse_unreadable
from pipeline.build.planning import plan_build
from pipeline.build.progress import logged_to
from pipeline.dag import questions_dag
from pipeline.recipe import Recipe
from pipeline.release.layout import METADATA, metadata_paths
from transforms.bounds import parquet_tables
from transforms.bounds.json_values import parse_json
from transforms.captions.endpoint.chat import chat_body
from transforms.captions.job import CaptionJob
from transforms.captions.list_questions import QUESTION_SCHEMA, request_of, request_to_judge
from transforms.errors import reason_of
from transforms.shards.write_shard import table_to_parquet
from transforms.storage import folder_files
from transforms.storage.folder_files import FileIn

#: The provider's limit for one file, beside that of its bytes.
MOST_REQUESTS = 50_000


@dataclass(frozen=True)
class Exported:
    """The outcome of an export."""

    requests: int
    captions: int
    files: tuple[str, ...]
    failures: tuple[str, ...]


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
    """Writes request files for the questions that a build into `release` would ask.

    A question that the folder holds already is written again only if its answer failed.

    Raises:
        BatchError, BuildError, SourceUnusable, OptionError: when it cannot start.
    """
    if recipe.caption.writer != "openai":
        raise BatchError(f"batches are for caption.writer=openai, and this recipe has {recipe.caption.writer}")
    set_file_systems(beam_flags)
    refuse_unreadable(answers)
    plan = plan_build(recipe, input_dir)
    refuse_other(recipe, plan.input_sha256, release)
    done = set(metadata_paths(release))
    shards = tuple(n for n, path in enumerate(plan.shard_paths) if f"{path}/{METADATA}" not in done)
    files = answer_files(release, answers)
    failed = {digest for digest, reply in known_answers(files, failures_stand=True).items() if reply.error}
    manifest = _claim(folder, recipe)
    job = replace(recipe.caption_job(files), release=release)
    here = os.path.abspath(folder)
    folder_files.remove_folder(here, PARTS)
    write_plan(plan, here, f"{PARTS}/plan", samples=False)
    if shards:
        with logged_to(FileIn(here, f"{PARTS}/workers.log")):
            pipeline = beam.Pipeline(options=beam_options(beam_flags, units=len(shards)))
            questions_dag(pipeline, recipe, shards, job, here, PARTS)
            pipeline.run().wait_until_finish()
    parts = folder_files.list_files(here, PARTS)
    taken = _taken(folder, manifest["files"], failed)
    writer = _RequestFiles(folder, job, len(manifest["files"]), taken, most_requests, most_bytes)
    # A batch is of one model, so the judge's questions have files of their own.
    for asked in ("writer", "judge"):
        for name in (name for name in parts if name.endswith(".parquet")):
            with folder_files.open_file(here, f"{PARTS}/{name}") as file:
                questions = parquet_tables.read_table(file).to_pylist()
            writer.add(question for question in questions if question["asked"] == asked)
        writer.end_file()
    written = writer.finish()
    manifest["files"] += written
    manifest["judge_files"] = [*manifest.get("judge_files", ()), *writer.judge_files]
    write_json(folder, EXPORT, manifest)
    noted = [name for name in parts if name.endswith(".json")]
    failures = tuple(parse_json(folder_files.read_bytes(here, f"{PARTS}/{name}")) for name in noted)
    folder_files.remove_folder(here, PARTS)
    return Exported(writer.requests, writer.captions, tuple(written), failures)


def _taken(folder: Path, files: Sequence[str], failed: set[str]) -> set[str]:
    """The questions of the folder that the provider still has or has answered, without those that failed."""
    batches, taken = read_batches(folder), set()
    for name in files:
        digests = set(read_questions(folder, name)["request_sha256"].to_pylist())
        taken |= digests - failed if batches.get(name, Batch()).collected else digests
    return taken


def _claim(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The manifest of the folder, or a new one. Files that a killed export did not list are removed."""
    addresses = {"base_url": recipe.caption.base_url, "judge_base_url": recipe.caption_job().judge_address.url}
    mine: dict[str, Any] = {"recipe_sha256": recipe.sha256(), **addresses, "files": [], "judge_files": []}
    if folder_files.exists(str(folder), EXPORT):
        manifest = read_manifest(folder)
        if manifest.get("recipe_sha256") != mine["recipe_sha256"]:
            raise BatchError(f"{folder} holds requests of another recipe: export into another folder")
        manifest |= addresses
    elif folder.exists() and not _is_empty(folder):
        raise BatchError(f"{folder} is not empty and holds no requests: export into another folder")
    else:
        manifest = mine
    _make_folder(folder)
    found = (entry.name for entry in folder_files.entries_in(str(folder)))
    stale = [name for name in found if name.startswith("requests-") and _requests_of(name) not in manifest["files"]]
    folder_files.remove_files(str(folder), stale)
    write_json(folder, EXPORT, manifest)
    return manifest


def _is_empty(folder: Path) -> bool:
    """Whether a path is a folder that holds nothing but what a killed export may have left."""
    return folder.is_dir() and all(entry.name == PARTS for entry in folder_files.entries_in(str(folder)))


def _requests_of(name: str) -> str:
    """The name of the request file that a file belongs to."""
    return f"{os.path.splitext(name)[0]}.jsonl"


def _make_folder(folder: Path) -> None:
    try:
        folder_files.make_folder(str(folder))
    except OSError as error:
        raise BatchError(f"{folder} cannot be written: {reason_of(error)}") from error


class _RequestFiles:
    """Writes questions into numbered JSONL files, and beside each file a table of the rows that ask them."""

    def __init__(
        self, folder: Path, job: CaptionJob, number: int, taken: set[str], most_requests: int, most_bytes: int
    ) -> None:
        self.requests = 0
        self.captions = 0
        self.judge_files: list[str] = []
        self._folder = folder
        self._questions = job.questions()
        self._number = number
        self._taken = taken
        self._most_requests, self._most_bytes = most_requests, most_bytes
        self._file_of: dict[str, int] = {}
        self._tables: dict[int, list[dict[str, Any]]] = {}
        self._lines: list[bytes] = []
        self._bytes = 0
        self._is_judges = False
        self._names: list[str] = []

    def add(self, questions: Iterable[dict[str, Any]]) -> None:
        for question in questions:
            digest = question["request_sha256"]
            if digest in self._taken:
                continue
            self.captions += 1
            if digest not in self._file_of:
                self._add_line(digest, question)
            self._tables.setdefault(self._file_of[digest], []).append(question)

    def finish(self) -> list[str]:
        """Writes the last file and the tables; returns the names of all request files."""
        self.end_file()
        for number, questions in self._tables.items():
            name = request_file_name(number).replace(".jsonl", ".parquet")
            folder_files.write_bytes(str(self._folder), name, table_to_parquet(questions, QUESTION_SCHEMA))
        return self._names

    def _add_line(self, digest: str, question: dict[str, Any]) -> None:
        questions, request, attempt = self._questions, request_of(question), question["attempt"]
        to_judge = request_to_judge(question)
        if to_judge is not None and questions.judge is not None:
            questions, request, attempt = questions.judge, to_judge, 0
        body = chat_body(questions.model, questions.all_prompts[request.prompt], request, attempt)
        entry = {"custom_id": digest, "method": "POST", "url": "/v1/chat/completions", "body": body}
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        if self._lines and (len(self._lines) >= self._most_requests or self._bytes + len(line) > self._most_bytes):
            self.end_file()
        self._is_judges = to_judge is not None
        self._lines.append(line)
        self._bytes += len(line)
        self._file_of[digest] = self._number
        self.requests += 1

    def end_file(self) -> None:
        """Ends the file that is being filled, if there is one."""
        if not self._lines:
            return
        name = request_file_name(self._number)
        folder_files.write_bytes(str(self._folder), name, b"".join(self._lines))
        self._names.append(name)
        if self._is_judges:
            self.judge_files.append(name)
        self._lines, self._bytes = [], 0
        self._number += 1
