"""Captions under load: a hostile endpoint, an honest slow one, and kills: ``python -m tests.benchmarks.captions``."""

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

from pipeline.batches.requests import export_requests
from pipeline.build import build
from pipeline.recipe import load_recipe
from prompts import load_prompt
from tests.chat_server import ChatServer, chat_server, hostile, obedient
from tests.commands import StartedCommand, start_command
from tests.sounds import write_folder
from transforms.captions.answer_journal import read_journal
from transforms.captions.check.place import check_place
from transforms.captions.endpoint.address import UserAddress
from transforms.captions.openai_writer import OpenAIWriter
from transforms.records import CaptionRequest
from transforms.words import VOCABULARY, SpatialWords

SOUNDS = ("A dog barks", "Rain falls", "Birds chirp", "A man talks", "A bell rings", "Wind blows", "A car passes")


def captioned_folder(folder: Path, clips: int, captions: int, seconds: float = 0.6) -> Path:
    """An AudioFolder of `clips` training clips, each with `captions` captions of its own."""
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
    """Settings of a recipe that makes one row of each clip and asks the endpoint."""
    return [
        "caption.writer=openai",
        f"caption.base_url={base_url}",
        "caption.model=small",
        "augmentations.train=1",
        "rooms.train=16",
        *more,
    ]


def start_build(recordings: Path, output: Path, values: list[str], *flags: str) -> StartedCommand:
    """Starts `elsa build` in a process group of its own."""
    given = [part for value in values for part in ("--set", value)]
    return start_command(["build", "folder", "--input", str(recordings), "--output", str(output), *given, *flags])


def rows_of(release: Path) -> pd.DataFrame:
    """All rows of a release, with None for missing values."""
    rows = pd.concat([pd.read_parquet(path) for path in release.glob("*/*/metadata.parquet")], ignore_index=True)
    return rows.astype(object).where(rows.notna(), None)


def wrong_captions(release: Path) -> tuple[int, int]:
    """The number of captions, and of those that contradict their row or lack one of its words."""
    count = wrong = 0
    for row in rows_of(release).itertuples():
        words = SpatialWords(**{attribute: getattr(row, attribute) for attribute in VOCABULARY})
        for caption, original in zip(row.captions, row.captions_original, strict=True):
            count += 1
            wrong += not caption.strip() or check_place(caption, original, words) is not None
    return count, wrong


def under_fire(folder: Path, clips: int, captions: int, *flags: str) -> dict[str, Any]:
    """Builds against the hostile endpoint; returns the numbers of captions, of wrong ones, and of refused answers."""
    recordings = captioned_folder(folder / "in", clips, captions)
    with chat_server(hostile) as server:
        values = settings(server.base_url, "caption.timeout_s=1", "caption.concurrency=64", "caption.tries=3")
        values.append("caption.on_failure=template")
        begin = time.monotonic()
        outcome = build(load_recipe("folder", values), str(recordings), str(folder / "o"), beam_flags=flags)
        seconds = time.monotonic() - begin
        assert outcome.whole, (outcome.failures, outcome.rejections)
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
    """The body of each request of a build's first try, as text by the request's hash."""
    recipe, one = load_recipe("folder", values), ("--direct_num_workers=1",)
    export_requests(recipe, str(recordings), str(folder / "none"), folder / "r", beam_flags=one)
    lines = [json.loads(line) for path in (folder / "r").glob("*.jsonl") for line in path.read_bytes().splitlines()]
    return {line["custom_id"]: json.dumps(line["body"], sort_keys=True) for line in lines}


def journaled(release: Path) -> set[str]:
    """The hashes of all answers that a build has written to disk so far."""
    files = [path.read_bytes() for path in (release / ".elsa" / "journal").glob("*.jsonl")]
    kept = {digest for data in files for digest, _ in read_journal(data.splitlines(keepends=True))}
    for path in (release / ".elsa" / "answers").glob("*.parquet"):
        kept |= set(pq.read_table(io.BytesIO(path.read_bytes()), columns=["request_sha256"])[0].to_pylist())
    return kept


def settle(server: ChatServer) -> None:
    """Waits until a server has received every request that was on its way when its client died."""
    seen = -1
    while server.in_flight or seen != len(server.requests):
        seen = len(server.requests)
        time.sleep(0.3)


def killed(folder: Path, clips: int, captions: int, kills: int, *flags: str, seed: int = 1) -> dict[str, Any]:
    """Kills a build at random moments and resumes it; returns how many requests were sent again, and why."""
    recordings, release, draw = captioned_folder(folder / "in", clips, captions), folder / "o", random.Random(seed)
    watched: list[tuple[int, set[str]]] = []

    def slow(message: str, number: int) -> str:
        time.sleep(0.15)
        return obedient(message, number)

    with chat_server(slow) as server:
        values = settings(server.base_url, "caption.concurrency=16", "rows_per_shard=8")
        body_of = bodies(folder, recordings, values)
        while len(watched) < kills:
            process = start_build(recordings, release, values, *flags)
            target = len(server.requests) + draw.randint(5, max(6, clips * captions // (kills + 2)))
            while len(server.requests) < target and process.poll() is None:
                time.sleep(0.01)
            assert process.poll() is None, "the build ended before it was killed: take more captions"
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            settle(server)
            watched.append((len(server.requests), {body_of[digest] for digest in journaled(release)}))
        outcome = build(load_recipe("folder", values), str(recordings), str(release), beam_flags=flags)
        assert outcome.whole, (outcome.failures, outcome.rejections)
        log = [json.dumps(body, sort_keys=True) for body in server.requests]
    starts = [0, *(begun for begun, _ in watched)]
    in_flight = [len(set(log[start:begun]) - written) for start, (begun, written) in zip(starts, watched, strict=False)]
    return {
        "captions": clips * captions,
        "kills": kills,
        "requests": len(log),
        "asked twice": len(log) - len(set(log)),
        "in flight at the kills": sum(in_flight),
        "most in flight": max(in_flight),
        "written and asked again": sum(body in written for begun, written in watched for body in log[begun:]),
    }


@contextmanager
def server_elsewhere(delay_s: float) -> Iterator[str]:
    """Starts an honest server in a process of its own, because its CPU time is not the build's; yields its address."""
    command = [sys.executable, "-m", "tests.chat_server", "--delay", str(delay_s)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate("\n")


def asking_alone(base_url: str, count: int, concurrency: int) -> float:
    """The seconds that one writer takes for `count` requests."""
    prompt = load_prompt("place")
    writer = OpenAIWriter(UserAddress(base_url), "small", {prompt.id: prompt}, concurrency=concurrency, timeout_s=30.0)
    words = SpatialWords(direction="left", distance="near")
    requests = [
        CaptionRequest(f"{n}", 0, f"{SOUNDS[n % len(SOUNDS)]}, take {n}", words, n, prompt.id) for n in range(count)
    ]
    # The first request pays for imports and the connection.
    writer.ask(requests[:1], 0)
    begin = time.monotonic()
    replies = writer.ask(requests, 1)
    seconds = time.monotonic() - begin
    writer.close()
    assert all(reply.error is None for reply in replies)
    return seconds


def throughput(folder: Path, clips: int, captions: int, seconds: float, delay_s: float = 1.0) -> dict[str, Any]:
    """Measures one worker with 64 requests in flight: asking alone, rendering alone, and a build that does both.

    Wall times leave out the start of the interpreter and the report, which asking alone does not have.
    """
    recordings, one = captioned_folder(folder / "in", clips, captions, seconds), ("--direct_num_workers=1",)
    count = clips * captions
    with server_elsewhere(delay_s) as base_url:
        alone_s = asking_alone(base_url, count, 64)
        took = {}
        for name, more in (("rendering", "caption.writer=template"), ("both", "caption.concurrency=64")):
            recipe = load_recipe("folder", [*settings(base_url), "rows_per_shard=8", more])
            begin = time.monotonic()
            build(recipe, str(recordings), str(folder / name), beam_flags=one)
            took[name] = time.monotonic() - begin
    status = Counter(status for statuses in rows_of(folder / "both")["caption_status"] for status in statuses)
    assert status == {"rewritten": count}
    return {
        "captions": count,
        "answers a second": round(count / alone_s, 1),
        "asking alone, s": round(alone_s, 1),
        "rendering alone, s": round(took["rendering"], 1),
        "build, s": round(took["both"], 1),
        "build / slower": round(took["both"] / max(took["rendering"], alone_s), 3),
    }


def main() -> None:
    """Runs the named measurements, or all three, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=["hostile", "throughput", "kills"], metavar="NAME")
    parser.add_argument("--captions", type=int, default=2000, help="for hostile and throughput")
    arguments = parser.parse_args()
    names = arguments.names or ["hostile", "throughput", "kills"]
    os.environ.pop("OPENAI_API_KEY", None)
    clips = arguments.captions // 10
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            work_folder = Path(folder) / name
            if name == "hostile":
                print(name, json.dumps(under_fire(work_folder, clips, 10)), flush=True)
            elif name == "throughput":
                print(name, json.dumps(throughput(work_folder, clips, 10, seconds=8.0)), flush=True)
            else:
                print(name, json.dumps(killed(work_folder, 80, 10, kills=5)), flush=True)


if __name__ == "__main__":
    main()
