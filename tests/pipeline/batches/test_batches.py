"""Captions through batches: exported within the limits, submitted once, collected in any order and more than once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openai import OpenAI

from pipeline.batches.answers import collect
from pipeline.batches.folder import read_batches
from pipeline.batches.provider import submit
from pipeline.batches.requests import export_requests
from pipeline.command import main
from pipeline.recipe import load_recipe
from tests.chat_server import ChatServer, chat_server, finish_batch, obedient
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.transforms.rooms.measured.sets import csv_row, known, write_csv

pytestmark = pytest.mark.slow

KEY = "sk-sentinel-of-a-batch"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with chat_server(obedient) as running:
        yield running


def settings(server: ChatServer, *more: str) -> list[str]:
    openai = ("caption.writer=openai", f"caption.base_url={server.base_url}", "caption.model=small", "caption.tries=2")
    return [*SMALL, *openai, *more]


def elsa(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def with_settings(server: ChatServer, *more: str) -> list[str]:
    return [part for setting in settings(server, *more) for part in ("--set", setting)]


def lines_of(folder: Path) -> list[dict[str, object]]:
    return [
        json.loads(line) for path in sorted(folder.glob("requests-*.jsonl")) for line in path.read_text().splitlines()
    ]


@pytest.mark.usefixtures("no_report")
def test_a_build_asks_nothing_after_a_round_of_batches(
    server: ChatServer, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests, answers, release = tmp_path / "requests", tmp_path / "answers.parquet", tmp_path / "o"
    recipe = ["folder", "--input", recordings, "--output", release, *with_settings(server)]
    assert elsa("captions", "export", *recipe, "--requests", requests, *ONE_WORKER) == 0
    assert "10 requests for 10 captions in 1 new files" in capsys.readouterr().out
    assert elsa("captions", "submit", requests, "--base-url", server.base_url, "--every", "0.1") == 0
    for _ in range(2):
        assert elsa("captions", "submit", requests, "--base-url", server.base_url, "--no-wait") == 0
        assert elsa("captions", "collect", requests, "--base-url", server.base_url, "--output", answers) == 0
    assert "10 answers kept, 0 refused, 0 failed" in capsys.readouterr().out
    assert len(server.batches) == 1
    assert elsa("build", *recipe, "--answers", answers, *ONE_WORKER) == 0
    assert server.requests == []
    rows = pd.concat([pd.read_parquet(path) for path in release.glob("*/*/metadata.parquet")])
    assert {status for statuses in rows["caption_status"] for status in statuses} == {"rewritten"}
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in capsys.readouterr().err


@pytest.mark.usefixtures("no_report")
def test_a_batch_asks_what_a_build_asks(
    server: ChatServer, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = ["folder", "--input", recordings, "--output", tmp_path / "o", *with_settings(server)]
    assert elsa("captions", "export", *recipe, "--requests", tmp_path / "r", *ONE_WORKER) == 0
    exported = {str(line["custom_id"]): line["body"] for line in lines_of(tmp_path / "r")}
    assert elsa("build", *recipe, *ONE_WORKER) == 0

    def ordered(bodies: list[object]) -> list[str]:
        return sorted(json.dumps(body, sort_keys=True) for body in bodies)

    sent = [{name: value for name, value in body.items() if name != "stream"} for body in server.requests]
    assert ordered(list(exported.values())) == ordered(list(sent))
    assert set(exported) == set(pd.read_parquet(tmp_path / "o" / "answers.parquet")["request_sha256"])


@pytest.mark.usefixtures("no_report")
def test_a_batch_in_measured_rooms_asks_what_a_build_asks_and_holds_no_samples(
    server: ChatServer, recordings: Path, tmp_path: Path
) -> None:
    halls = write_csv(tmp_path / "halls", [csv_row("a.wav", known(0))], {"a.wav": (known(0).samples, 48_000)})
    recipe = ["folder", "--input", recordings, "--output", tmp_path / "o"]
    recipe += with_settings(server, f"rooms.measured={halls}", "caption.tries=1")
    assert elsa("captions", "export", *recipe, "--requests", tmp_path / "r", *ONE_WORKER) == 0
    exported = {str(line["custom_id"]) for line in lines_of(tmp_path / "r")}
    assert not list((tmp_path / "r").rglob("*.f32"))
    assert elsa("build", *recipe, *ONE_WORKER) == 0
    assert exported == set(pd.read_parquet(tmp_path / "o" / "answers.parquet")["request_sha256"])


@pytest.mark.usefixtures("no_report")
def test_a_batch_of_scenes_asks_what_a_build_of_scenes_asks(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    scenes = ("scenes.sources_max=3", "scenes.moving_share=0.5", "scenes.duration_s=1", "caption.tries=1")

    def messages(bodies: list[Any]) -> set[str]:
        return {json.dumps(body["messages"]) for body in bodies}

    # No answer holds, so that a build asks every question.
    with chat_server(lambda message, number: "No.") as server:
        recipe = ["folder", "--input", recordings, *with_settings(server, *scenes)]
        exported = [*recipe, "--output", tmp_path / "o", "--requests", tmp_path / "requests"]
        assert elsa("captions", "export", *exported, *ONE_WORKER) == 0
        asked = messages([line["body"] for line in lines_of(tmp_path / "requests")])
        assert elsa("build", *recipe, "--output", tmp_path / "built", *ONE_WORKER) == 0
        assert messages(server.requests) == asked
    assert any("Sound 2: " in each for each in asked), asked


def test_files_keep_within_the_limits_and_nothing_is_exported_twice(
    server: ChatServer, recordings: Path, tmp_path: Path
) -> None:
    recipe, folder = load_recipe("folder", settings(server)), tmp_path / "r"

    def export(**limits: int) -> int:
        found = export_requests(recipe, str(recordings), str(tmp_path / "o"), folder, beam_flags=ONE_WORKER, **limits)
        assert not found.failures
        return found.requests

    assert export(most_requests=4) == 10
    assert [len(path.read_text().splitlines()) for path in sorted(folder.glob("*.jsonl"))] == [4, 4, 2]
    assert export() == 0
    assert len({line["custom_id"] for line in lines_of(folder)}) == 10
    # What a killed export leaves is not in the manifest, and goes.
    (folder / "requests-00003.jsonl").write_text("torn")
    assert export() == 0
    assert not (folder / "requests-00003.jsonl").exists()
    longest = max(len(line) for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()) + 1
    small = export_requests(
        recipe, str(recordings), str(tmp_path / "o"), tmp_path / "s", beam_flags=ONE_WORKER, most_bytes=2 * longest
    )
    assert len(small.files) >= 5
    assert all(path.stat().st_size <= 2 * longest for path in (tmp_path / "s").glob("*.jsonl"))


def test_expired_failed_and_refused_answers_are_asked_in_the_next_round(
    server: ChatServer, recordings: Path, tmp_path: Path
) -> None:
    def expire(state: ChatServer, name: str) -> None:
        """Three right answers, one that is refused, one error, a torn line; the rest is not there."""
        finish_batch(state, name)
        batch = state.batches[name]
        lines = state.files[batch["output_file_id"]].splitlines()
        wrong = json.loads(lines[3])
        wrong["response"]["body"]["choices"][0]["message"]["content"] = "No."
        torn = [*lines[:3], json.dumps(wrong).encode(), b'{"custom_id": "x', b"7", b'{"custom_id": 3}']
        error = {"custom_id": json.loads(lines[4])["custom_id"], "response": None, "error": {"code": "batch_expired"}}
        batch |= {
            "status": "expired",
            "output_file_id": state.add_file(b"\n".join(torn)),
            "error_file_id": state.add_file(json.dumps(error).encode()),
        }

    server.finish = expire
    recipe, folder, answers = load_recipe("folder", settings(server)), tmp_path / "r", tmp_path / "a.parquet"
    client = OpenAI(api_key=KEY, base_url=server.base_url)

    def export() -> int:
        given = str(answers) if answers.exists() else None
        return export_requests(
            recipe, str(recordings), str(tmp_path / "o"), folder, answers=given, beam_flags=ONE_WORKER
        ).requests

    assert export() == 10
    submit(lambda _: client, folder)
    first = collect(lambda _: client, folder, answers)
    assert (first.kept, first.refused, first.failed, first.pending) == (3, 1, 6, 0)
    before = answers.read_bytes()
    collect(lambda _: client, folder, answers)
    assert answers.read_bytes() == before
    server.finish = None
    # The six that failed again, and the refused one's second try.
    assert export() == 7
    assert export() == 0
    submit(lambda _: client, folder)
    second = collect(lambda _: client, folder, answers)
    assert (second.kept, second.refused, second.failed, second.pending) == (10, 1, 0, 0)
    assert sorted(pd.read_parquet(answers)["attempt"]) == [0] * 10 + [1]
    assert export() == 0


def test_a_submission_that_was_killed_goes_on_and_makes_no_batch_twice(
    server: ChatServer, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, folder = load_recipe("folder", settings(server)), tmp_path / "r"
    export_requests(recipe, str(recordings), str(tmp_path / "o"), folder, beam_flags=ONE_WORKER, most_requests=4)
    client = OpenAI(api_key=KEY, base_url=server.base_url)
    create = client.batches.create

    def create_and_die(**asked: object) -> object:
        create(**asked)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(client.batches, "create", create_and_die)
    with pytest.raises(KeyboardInterrupt):
        submit(lambda _: client, folder)
    monkeypatch.setattr(client.batches, "create", create)
    submit(lambda _: client, folder)
    assert len(server.batches) == 3
    assert len({batch["input_file_id"] for batch in server.batches.values()}) == 3


def test_a_batch_that_the_provider_turned_down_is_submitted_again(
    server: ChatServer, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def turn_down(state: ChatServer, name: str) -> None:
        errors = {"object": "list", "data": [{"code": "token_limit_exceeded", "message": f"key {KEY}"}]}
        state.batches[name] |= {"status": "failed", "errors": errors}

    server.finish = turn_down
    recipe = ["folder", "--input", recordings, "--output", tmp_path / "o", *with_settings(server)]
    assert elsa("captions", "export", *recipe, "--requests", tmp_path / "r", *ONE_WORKER) == 0
    assert elsa("captions", "submit", tmp_path / "r", "--base-url", server.base_url) == 1
    told = capsys.readouterr().err
    assert "token_limit_exceeded" in told
    assert KEY not in told + (tmp_path / "r" / "batches.json").read_text()
    assert (
        elsa("captions", "collect", tmp_path / "r", "--base-url", server.base_url, "--output", tmp_path / "a.parquet")
        == 1
    )
    assert "10 answers are not there yet" in capsys.readouterr().err
    server.finish = None
    assert elsa("captions", "submit", tmp_path / "r", "--base-url", server.base_url) == 0
    assert len(server.batches) == 2
    assert [len(batch.earlier) for batch in read_batches(tmp_path / "r").values()] == [1]


def test_what_cannot_start_is_said_on_one_line(
    server: ChatServer, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "export.json").write_text("{")
    export = ["captions", "export", "folder", "--input", recordings, "--output", tmp_path / "o", "--requests"]
    cases: tuple[tuple[list[object], str], ...] = (
        ([*export, tmp_path / "r", "--set", "caption.writer=template"], "caption.writer=openai"),
        ([*export, tmp_path / "full", *with_settings(server)], "is not empty"),
        ([*export, recordings / "metadata.csv", *with_settings(server)], "is not empty"),
        ([*export, tmp_path / "r", *with_settings(server), "--colour"], "--colour"),
        ([*export, tmp_path / "r", *with_settings(server), "--answers", tmp_path / "no"], "--answers"),
        (["captions", "submit", tmp_path / "none"], "holds no requests"),
        (["captions", "submit", tmp_path / "broken"], "cannot be read"),
        (["captions", "submit", tmp_path / "none", "--colour"], "--colour"),
        (["captions", "collect", tmp_path / "none", "--output", tmp_path / "a"], "holds no requests"),
    )
    for arguments, named in cases:
        assert elsa(*arguments) == 2, arguments
        (line,) = capsys.readouterr().err.splitlines()
        assert named in line


def test_an_endpoint_that_is_not_there_is_one_line(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "export.json").write_text('{"base_url": "http://127.0.0.1:9/v1", "files": ["requests-00000.jsonl"]}')
    (tmp_path / "requests-00000.jsonl").write_text("{}\n")
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_: 0.0)
    assert elsa("captions", "submit", tmp_path, "--base-url", "http://127.0.0.1:9/v1") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "APIConnectionError" in line
    assert KEY not in line
