"""The folder of an export: its manifest, its request files, and the state of each batch."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from transforms.bounds import parquet_tables
from transforms.bounds.json_values import parse_json
from transforms.bounds.limits import MOST_JSON_BYTES
from transforms.errors import reason_of
from transforms.storage import folder_files

_REQUESTS = re.compile(r"requests-\d{5,}\.jsonl")
EXPORT, BATCHES, RESULTS, PARTS = "export.json", "batches.json", "results", ".parts"


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
        for name in values["files"]:
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
        return {name: Batch(**{**entry, "earlier": tuple(entry["earlier"])}) for name, entry in values.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
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
            return parquet_tables.read_table(file)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BatchError(f"{folder / table} cannot be read: {reason_of(error)}") from error
