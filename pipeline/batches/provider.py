"""The provider's side of a batch: request files are uploaded, batches are created and followed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.batches.folder import MOST_BYTES, Batch, BatchError, read_batches, read_manifest, safe_code, write_batches
from transforms.storage import folder_files

if TYPE_CHECKING:
    from openai import OpenAI

#: The client for a request file by the file's name: the judge may be at another provider than the writer.
Clients = Callable[[str], "OpenAI"]

#: States that a batch does not leave, and that may have results.
ENDED = ("completed", "expired", "cancelled")

#: The state of a batch that the provider has turned down: it asked nothing, and is submitted again.
FAILED = "failed"


def submit(clients: Clients, folder: Path) -> dict[str, Batch]:
    """Uploads each request file once and creates its batch once, also when run again. Failed batches are created anew.

    Raises:
        BatchError, openai.OpenAIError
    """
    files = read_manifest(folder)["files"]
    batches = refresh(clients, folder) if read_batches(folder) else {}
    for name in files:
        batch = batches.get(name, Batch())
        if batch.status == FAILED and batch.batch_id is not None:
            batch = Batch(file_id=batch.file_id, earlier=(*batch.earlier, batch.batch_id))
        if batch.batch_id is not None:
            continue
        client = clients(name)
        # A kill after the provider's answer and before the note of it leaves a "creating": the batch may be there.
        found = _find_batch(client, batch) if batch.status == "creating" else None
        if batch.file_id is None:
            with folder_files.open_file(str(folder), name) as file:
                if file.seek(0, os.SEEK_END) > MOST_BYTES:
                    raise BatchError(f"{folder / name} is larger than {MOST_BYTES} bytes, which no export writes")
                file.seek(0)
                uploaded = client.files.create(file=(name, file), purpose="batch")
            batch = replace(batch, file_id=uploaded.id)
        batches[name] = replace(batch, status="creating")
        write_batches(folder, batches)
        if found is None:
            found = client.batches.create(
                input_file_id=str(batch.file_id), endpoint="/v1/chat/completions", completion_window="24h"
            )
        batches[name] = _updated(batch, found)
        write_batches(folder, batches)
    return batches


def _find_batch(client: OpenAI, batch: Batch) -> Any:
    for created in client.batches.list(limit=100):
        if created.input_file_id == batch.file_id and created.id not in batch.earlier:
            return created
    return None


def refresh(clients: Clients, folder: Path) -> dict[str, Batch]:
    """Asks the provider for the state of every batch that has not ended."""
    batches = read_batches(folder)
    for name, batch in batches.items():
        if batch.batch_id is not None and batch.status not in (*ENDED, FAILED):
            batches[name] = _updated(batch, clients(name).batches.retrieve(batch.batch_id))
    write_batches(folder, batches)
    return batches


def follow(clients: Clients, folder: Path, every_s: float, say: Callable[[str], None]) -> dict[str, Batch]:
    """Asks every `every_s` seconds until all batches have ended; calls `say` with each change."""
    said = ""
    while True:
        batches = refresh(clients, folder)
        line = progress_line(batches)
        if line != said:
            say(line)
            said = line
        if all(batch.status in (*ENDED, FAILED) for batch in batches.values()):
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
        reason=", ".join(sorted({safe_code(error.code) for error in errors})) or None,
    )
