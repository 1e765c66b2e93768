"""Captions under load: a hostile endpoint, an honest slow one, and kills; run `python -m tests.benchmarks.captions`."""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipeline.caption_batches import export_requests
from pipeline.recipe import load_recipe
from prompts import load_prompt
from tests.chat_server import ChatServer, chat_server, hostile, obedient
from tests.sounds import write_folder
from transforms.answer_journal import read_journal
from transforms.caption_writers import OpenAIWriter
from transforms.check_caption import check_place
from transforms.records import CaptionRequest
from transforms.words import VOCABULARY, SpatialWords

SOUNDS = ("A dog barks", "Rain falls", "Birds chirp", "A man talks", "A bell rings", "Wind blows", "A car passes")


def talking_folder(folder: Path, clips: int, captions: int, seconds: float = 0.6) -> Path:
    """An AudioFolder of `clips` training clips, each with `captions` captions that nobody else has."""
    entries = [
        {
            "file_name": f"{clip}.wav",
            "captions": json.dumps([f"{SOUNDS[n % len(SOUNDS)]}, take {clip} of {n}" for n in range(captions)]),
            "split": "train",
        }
        for clip in range(clips)
    ]
    return write_folder(folder, entries, seconds)


def settings(base_url: str, *more: str) -> list[str]:
    """A recipe of one row a clip that asks the endpoint."""
    return [
        "caption.writer=openai",
        f"caption.base_url={base_url}",
        "caption.model=small",
        "augmentations.train=1",
        "rooms.train=16",
        *more,
    ]


def start_build(recordings: Path, output: Path, values: list[str], *flags: str) -> subprocess.Popen[bytes]:
    """`elsa build` in a process group of its own."""
    given = [part for value in values for part in ("--set", value)]
    command = [sys.executable, "-m", "pipeline.command", "build", "folder", "--input", str(recordings)]
    return subprocess.Popen(
        [*command, "--output", str(output), *given, *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[bytes]) -> str:
    """What a build said on stderr; it has to end well."""
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()[-2000:]
    return said.decode()


def rows_of(release: Path) -> pd.DataFrame:
    """All rows, with None for what is missing."""
    rows = pd.concat([pd.read_parquet(path) for path in release.glob("*/*/metadata.parquet")], ignore_index=True)
    return rows.astype(object).where(rows.notna(), None)


def wrong_captions(release: Path) -> tuple[int, int]:
    """Captions, and those that contradict their row or lose a word of it."""
    count = wrong = 0
    for row in rows_of(release).itertuples():
        words = SpatialWords(**{attribute: getattr(row, attribute) for attribute in VOCABULARY})
        for caption, original in zip(row.captions, row.captions_original, strict=True):
            count += 1
            wrong += not caption.strip() or check_place(caption, original, words) is not None
    return count, wrong


def under_fire(folder: Path, clips: int, captions: int, *flags: str) -> dict[str, Any]:
    """A build against the hostile endpoint: how many captions, how many of them wrong, and what was refused."""
    recordings = talking_folder(folder / "in", clips, captions)
    with chat_server(hostile) as server:
        values = settings(server.base_url, "caption.timeout_s=1", "caption.concurrency=64", "caption.tries=3")
        begin = time.monotonic()
        finished(start_build(recordings, folder / "o", values, *flags))
        seconds = time.monotonic() - begin
        asked = len(server.requests)
    count, wrong = wrong_captions(folder / "o")
    answers = pd.read_parquet(folder / "o" / "answers.parquet")
    status = Counter(status for statuses in rows_of(folder / "o")["caption_status"] for status in statuses)
    return {
        "captions": count,
        "wrong": wrong,
        "rewritten": status["rewritten"],
        "requests": asked,
        "refused": len(answers) - int(answers["kept"].sum()),
        "reasons": answers["reason"].nunique(),
        "seconds": round(seconds, 1),
    }


def bodies(folder: Path, recordings: Path, values: list[str]) -> dict[str, str]:
    """Request hash → body as text, of all that a build asks at its first try."""
    export_requests(
        load_recipe("folder", values), str(recordings), str(folder / "none"), folder / "r",
        beam_flags=("--direct_num_workers=1",),
    )  # fmt: skip
    lines = [json.loads(line) for path in (folder / "r").glob("*.jsonl") for line in path.read_bytes().splitlines()]
    return {line["custom_id"]: body_text(line["body"]) for line in lines}


def body_text(body: dict[str, Any]) -> str:
    """A request's body, the same for the same request."""
    return json.dumps(body, sort_keys=True)


def journaled(release: Path) -> set[str]:
    """The hashes of all answers that a build has written down so far."""
    files = [path.read_bytes() for path in (release / ".elsa" / "journal").glob("*.jsonl")]
    kept = {digest for data in files for digest, _ in read_journal(data)}
    for path in (release / ".elsa" / "answers").glob("*.parquet"):
        kept |= set(pq.read_table(io.BytesIO(path.read_bytes()), columns=["request_sha256"])[0].to_pylist())
    return kept


def killed(folder: Path, clips: int, captions: int, kills: int, *flags: str, seed: int = 1) -> dict[str, Any]:
    """A build killed at random moments and resumed: what was asked again, and what of it had been written down."""
    recordings, release, draw = talking_folder(folder / "in", clips, captions), folder / "o", random.Random(seed)
    concurrency = 16

    def slow(message: str, number: int) -> str:
        time.sleep(0.15)
        return obedient(message, number)

    asked_again = in_flight = 0
    with chat_server(slow) as server:
        values = settings(server.base_url, f"caption.concurrency={concurrency}", "rows_per_shard=8")
        body_of = bodies(folder, recordings, values)
        done = 0
        for _ in range(kills):
            process = start_build(recordings, release, values, *flags)
            _let_it_answer(process, server, draw.randint(10, max(11, clips * captions // (kills + 2))))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                done += 1
            process.communicate()
            # Requests that had reached the server when the build died.
            in_flight += server.in_flight
            time.sleep(0.5)
            begun, written = len(server.requests), {body_of[digest] for digest in journaled(release)}
            asked_again += _again(server, begun, written, lambda: None)
            _WATCHED.append((begun, written))
        finished(start_build(recordings, release, values, *flags))
        again = sum(body_text(sent(body)) in written for begun, written in _WATCHED for body in server.requests[begun:])
        total, distinct = len(server.requests), len({body_text(sent(body)) for body in server.requests})
    _WATCHED.clear()
    return {
        "captions": clips * captions,
        "kills": done,
        "requests": total,
        "distinct": distinct,
        "asked twice": total - distinct,
        "in flight at the kills": in_flight,
        "written and asked again": again + asked_again,
    }
