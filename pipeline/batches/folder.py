"""The folder of an export: its manifest, its request files, and the state of each batch."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from transforms.bounds import parquet_tables
from transforms.bounds.json_values import parse_json
from transforms.bounds.limits import MOST_JSON_BYTES
from transforms.captions.list_questions import QUESTION_SCHEMA
from transforms.errors import reason_of
from transforms.scene_words import SceneWords
from transforms.storage import folder_files
from transforms.words import VOCABULARY

_REQUESTS = re.compile(r"requests-\d{5,}\.jsonl")
EXPORT, BATCHES, RESULTS, PARTS = "export.json", "batches.json", "results", ".parts"

#: The provider's limit for one file of requests.
MOST_BYTES = 200_000_000


class BatchError(ValueError):
    """The reason why a batch command cannot start; one line for the user."""


@dataclass(frozen=True)
class Batch:
    """The noted state of a request file's batch."""

    file_id: str | None = None
    batch_id: str | None = None
    status: str = "new"
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    total: int = 0
    reason: str | None = None
    """The provider's code for the failure of the batch."""
    earlier: tuple[str, ...] = ()
    """The ids of earlier batches of the same file, which failed."""
    collected: bool = False
    """True once the results have been turned into answers."""


_BATCHES = TypeAdapter(dict[str, Batch])
_ADDRESSES = ("base_url", "judge_base_url", "recipe_sha256")
#: The columns of questions that tables from before there were judges, versions and scenes do not have.
_NEWER_COLUMNS = ("repeat", "scene", "asked", "about")
#: The columns that may hold a gap: a word that a row does not have, and what only the judge is asked.
_MAY_BE_NULL = (*VOCABULARY, *_NEWER_COLUMNS)


def request_file_name(number: int) -> str:
    """The name of a request file."""
    return f"requests-{number:05d}.jsonl"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export.

    Raises:
        BatchError: when the folder holds none.
    """
    try:
        values = parse_json(folder_files.read_bytes(str(folder), EXPORT, MOST_JSON_BYTES))
        if not isinstance(values, dict) or not isinstance(values.get("files"), list):
            raise ValueError("not what an export writes")
        for key in _ADDRESSES:
            if not isinstance(values.get(key), (str, type(None))):
                raise ValueError(f"its key {key} is no text")
        judge_files = values.get("judge_files") or []
        if not isinstance(judge_files, list):
            raise ValueError("its key judge_files is no list")
        for name in [*values["files"], *judge_files]:
            if not isinstance(name, str) or not _REQUESTS.fullmatch(name):
                raise ValueError(f"{ascii(name)[:80]} is no name of a file of requests")
    except FileNotFoundError as error:
        raise BatchError(f"{folder} holds no requests: elsa captions export writes them") from error
    except (OSError, ValueError) as error:
        raise BatchError(f"{folder / EXPORT} cannot be read: {reason_of(error)}") from error
    return values


def read_batches(folder: Path) -> dict[str, Batch]:
    """The noted state of each request file.

    Raises:
        BatchError: when it cannot be read.
    """
    if not folder_files.exists(str(folder), BATCHES):
        return {}
    try:
        values = parse_json(folder_files.read_bytes(str(folder), BATCHES, MOST_JSON_BYTES))
        return _BATCHES.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))[:200]
        raise BatchError(f"{folder / BATCHES} cannot be read: {key}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise BatchError(f"{folder / BATCHES} cannot be read: {reason_of(error)}") from error


def safe_code(text: Any) -> str:
    """A provider's code as it may stand in a file's name and in a reason."""
    return re.sub(r"[^\w.-]", "_", str(text))[:60]


def write_batches(folder: Path, batches: dict[str, Batch]) -> None:
    write_json(folder, BATCHES, {name: asdict(batch) for name, batch in batches.items()})


def write_json(folder: Path, name: str, values: Any) -> None:
    folder_files.write_bytes(str(folder), name, (json.dumps(values, indent=1) + "\n").encode())


def read_questions(folder: Path, name: str) -> Any:
    """The table of the rows that ask the questions of a request file.

    Raises:
        BatchError: when it cannot be read.
    """
    table = name.replace(".jsonl", ".parquet")
    try:
        with folder_files.open_file(str(folder), table) as file:
            found = parquet_tables.read_table(file)
        problem = _odd_question(found)
        if problem is not None:
            raise ValueError(problem)
        return found
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BatchError(f"{folder / table} cannot be read: {reason_of(error)}") from error


def _odd_question(table: pa.Table) -> str | None:
    """Why a table holds no questions; None if it does.

    Raises:
        ValueError: when it holds a scene that is none.
    """
    for field in QUESTION_SCHEMA:
        if field.name not in table.schema.names:
            if field.name in _NEWER_COLUMNS:
                continue
            return f"it has no column {field.name}"
        column = table[field.name]
        if column.type != field.type:
            return f"its column {field.name} is of the type {column.type}, not {field.type}"
        if field.name not in _MAY_BE_NULL and column.null_count:
            return f"its column {field.name} has a gap"
        words = VOCABULARY.get(field.name)
        if words is not None and not set(pc.unique(column).to_pylist()) <= {*words, None}:
            return f"its column {field.name} holds another word than {', '.join(words)}"
    for scene in pc.unique(table["scene"]).to_pylist() if "scene" in table.schema.names else ():
        if scene is not None:
            SceneWords.of_record(parse_json(scene.encode()))
    if {"asked", "about"} <= set(table.schema.names):
        to_judge = pc.fill_null(pc.equal(table["asked"], "judge"), False)
        if pc.any(pc.and_(to_judge, pc.is_null(table["about"]))).as_py():
            return "a question to the judge says nothing of what it is about"
    return None
