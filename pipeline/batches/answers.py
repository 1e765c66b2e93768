"""Results of batches become an answers.parquet that a build takes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from pipeline.batches.folder import RESULTS, Batch, BatchError, read_manifest, read_questions, safe_code, write_batches
from pipeline.batches.provider import ENDED, Clients, refresh
from transforms import storage
from transforms.bounds import parquet_tables
from transforms.bounds.json_values import JsonRefused, parse_json
from transforms.bounds.limits import MOST_JSON_LINE_BYTES
from transforms.captions.endpoint.chat import reply_of
from transforms.captions.judge import verdict
from transforms.captions.list_questions import request_of, request_to_judge
from transforms.captions.rewriting import check_reply
from transforms.errors import one_line
from transforms.records import Answer, Reply, ReplyKind, reply_of_reason
from transforms.shards.release_rows import ANSWER_SCHEMA, answer_values, as_answers
from transforms.shards.write_shard import table_to_parquet
from transforms.storage import folder_files

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass(frozen=True)
class Collected:
    """The outcome of a collection, counted by question and row; `pending` answers are still with the provider."""

    kept: int
    refused: int
    failed: int
    pending: int


def collect(clients: Clients, folder: Path, output: Path) -> Collected:
    """Adds the answers of ended batches to an answers.parquet; a second run gives the same file.

    An answer is checked as in a build. A question that an ended batch has not answered, because it expired for example,
    is an error, and the next export asks it again.

    Raises:
        BatchError, openai.OpenAIError
    """
    manifest = read_manifest(folder)
    files, judges = manifest["files"], set(manifest.get("judge_files") or ())
    try:
        data = io.BytesIO(storage.read_bytes(str(output))) if output.exists() else None
        records = as_answers(parquet_tables.read_table(data)).to_pylist() if data is not None else []
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise BatchError(f"--output {output} holds no answers: {one_line(error)}") from error
    merged = {_key(record): record for record in records}
    batches = refresh(clients, folder)
    for name in files:
        batch = batches.get(name, Batch())
        # Another provider may give the same names.
        replies = _results(clients(name), folder, batch, "judge-" if name in judges else "")
        for question in read_questions(folder, name).to_pylist():
            reply = replies.get(question["request_sha256"])
            if reply is None and batch.status in ENDED:
                reply = Reply(error=f"batch {batch.status}")
            if reply is None:
                continue
            new = answer_values(_answer(question, reply))
            old = merged.get(_key(new))
            if old is None or _has_failed(old):
                merged[_key(new)] = new
    ordered = sorted(merged.values(), key=_order)
    storage.write_bytes(str(output), table_to_parquet(ordered, ANSWER_SCHEMA))
    ended = {name: replace(batch, collected=True) for name, batch in batches.items() if batch.status in ENDED}
    write_batches(folder, {**batches, **ended})
    asked = {_key(question) for name in files for question in read_questions(folder, name).to_pylist()}
    found = [merged[key] for key in asked if key in merged]
    return Collected(
        kept=sum(record["kept"] for record in found),
        refused=sum(not record["kept"] and not _has_failed(record) for record in found),
        failed=sum(_has_failed(record) for record in found),
        pending=len(asked) - len(found),
    )


def _answer(question: dict[str, Any], reply: Reply) -> Answer:
    """A reply as an answer to a row of QUESTION_SCHEMA, kept or refused as in a build."""
    request, to_judge = request_of(question), request_to_judge(question)
    asked = question["request_sha256"], question["attempt"], question["model"]
    if to_judge is None:
        return check_reply(request, reply, *asked)
    return verdict(request, to_judge, reply, *asked)


def _order(record: dict[str, Any]) -> tuple[str, int, int, bool]:
    """Sorts the answers of a caption as they came: a judge's after the writer's that it is about."""
    return record["row_id"], record["caption_index"], record["attempt"], record["asked"] == "judge"


def _key(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["request_sha256"], record["row_id"], record["caption_index"]


def _has_failed(record: dict[str, Any]) -> bool:
    return reply_of_reason(record["reason"]).kind is not ReplyKind.TEXT


def _results(client: OpenAI, folder: Path, batch: Batch, prefix: str) -> dict[str, Reply]:
    """The replies of an ended batch by request hash, from both its files; an answer replaces an error."""
    if batch.status not in ENDED or batch.batch_id is None:
        return {}
    found: dict[str, Reply] = {}
    for kind, file_id in (("output", batch.output_file_id), ("error", batch.error_file_id)):
        if file_id is None:
            continue
        name = f"{RESULTS}/{prefix}{safe_code(batch.batch_id)}-{kind}.jsonl"
        if not folder_files.exists(str(folder), name):
            folder_files.write_bytes(str(folder), name, client.files.content(file_id).read())
        with folder_files.open_file(str(folder), name) as file:
            for digest, reply in read_results(file):
                if digest not in found or (found[digest].error is not None and reply.error is None):
                    found[digest] = reply
    return found


def read_results(file: BinaryIO) -> Iterator[tuple[str, Reply]]:
    """The replies in a file of results, in any order. Lines that are no result are skipped.

    Raises:
        JsonRefused: when a line is longer than any answer.
    """
    # The last line may have no end.
    for line in iter(lambda: file.readline(MOST_JSON_LINE_BYTES + 1), b""):
        if len(line) > MOST_JSON_LINE_BYTES:
            raise JsonRefused(f"a file of results has a line of more than {MOST_JSON_LINE_BYTES} bytes")
        try:
            values = parse_json(line, MOST_JSON_LINE_BYTES, half_characters=True)
            digest, response, error = values["custom_id"], values.get("response"), values.get("error")
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        status = response.get("status_code") if isinstance(response, dict) else None
        if status == 200 and isinstance(response, dict):
            yield str(digest), reply_of(response.get("body"))
        elif isinstance(error, dict) and error.get("code"):
            yield str(digest), Reply(error=f"batch {safe_code(error['code'])}")
        else:
            yield str(digest), Reply(error=f"batch status {safe_code(status)}")
