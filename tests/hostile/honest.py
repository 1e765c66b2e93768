"""The honest releases and requests that hostile ones are made from."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.batches.folder import Batch, write_batches
from pipeline.batches.requests import export_requests
from pipeline.recipe import load_recipe
from tests.hostile.run import Honest
from tests.many_rows import write_many_rows
from tests.sounds import small_folder

_SETTINGS = ("rows_per_shard=2", "rooms.train=3", "rooms.validation=2", "rooms.test=2", "seed=11")
_OPENAI = ("caption.writer=openai", "caption.model=small", "caption.base_url=http://127.0.0.1:9/v1")


def make_honest(folder: Path) -> Honest:
    """Two releases of a dozen rows, recordings, and a folder of requests with the results of its batch."""
    recordings = small_folder(folder / "recordings")
    releases = folder / "release", folder / "release-24"
    write_many_rows(releases[0], 12, rows_per_shard=4)
    write_many_rows(releases[1], 12, rows_per_shard=8, bit_depth=24)
    requests = folder / "requests"
    export_requests(
        load_recipe("folder", (*_SETTINGS, *_OPENAI)),
        str(recordings),
        str(folder / "planned"),
        requests,
        beam_flags=("--direct_num_workers=1", "--direct_running_mode=in_memory"),
    )
    (requests / "results").mkdir(exist_ok=True)
    batches = {}
    for path in sorted(requests.glob("requests-*.parquet")):
        name = path.with_suffix(".jsonl").name
        batches[name] = Batch("file", "batch", "completed", "output", None, 1, 1)
        with (requests / "results" / "batch-output.jsonl").open("a") as file:
            for question in pq.read_table(path).to_pylist():
                body = {"choices": [{"message": {"content": "A burst of noise nearby."}, "finish_reason": "stop"}]}
                line = {"custom_id": question["request_sha256"], "response": {"status_code": 200, "body": body}}
                file.write(json.dumps(line) + "\n")
    write_batches(requests, batches)
    return Honest(releases, requests, recordings)
