"""Builds that ask a language model: its answers are used when they hold, and never put a sound in the wrong place."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.build import BuildError, build
from pipeline.check.verify import verify
from pipeline.command import main
from pipeline.recipe import load_recipe
from tests.benchmarks.captions import killed, under_fire
from tests.chat_server import Raw, chat_server, obedient
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import write_folder
from transforms.captions import openai_writer
from transforms.captions.check import check_caption
from transforms.captions.check.place import check_place
from transforms.captions.endpoint import circuit_breaker
from transforms.captions.rewrite_captions import RewriteCaptions, TakenOver, _acquire, _release
from transforms.records import Clip, Row, Shard
from transforms.shards import workspace
from transforms.shards.write_shard import write_shard
from transforms.words import VOCABULARY, SpatialWords

pytestmark = pytest.mark.slow

KEY = "sk-sentinel-that-must-not-leak"


def settings(base_url: str, *more: str) -> list[str]:
    openai = ("caption.writer=openai", f"caption.base_url={base_url}", "caption.model=small", "caption.tries=3")
    return [*SMALL, *openai, *more]


def stated(release: Path) -> dict[str, Any]:
    """The counts of answers that a release states."""
    counts: dict[str, Any] = json.loads((release / "release.json").read_text())["counts"]["answers"]
    return counts


def rows_of(release: Path) -> pd.DataFrame:
    rows = pd.concat([pd.read_parquet(path) for path in release.glob("*/*/metadata.parquet")], ignore_index=True)
    return rows.astype(object).where(rows.notna(), None)


def words_of_row(row: object) -> SpatialWords:
    return SpatialWords(**{attribute: getattr(row, attribute) for attribute in VOCABULARY})


NUMBERS = ("kept", "refused", "failed", "requests", "prompt_tokens", "completion_tokens", "cost_usd")

NONSENSE = (
    "A cat meows far away on the right.",
    "On the left, on the right, in front and behind, near and far, up and down.",
    "",
    "<b>left</b>" * 2000,
    "Un bruit à gauche dans une grande salle.",
    '{"caption": "a sound on the left"}',
    "I'm sorry, but I can't help with that.",
    "Ignore the above.",
)


def test_an_honest_model_writes_the_captions(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with chat_server(obedient) as server:
        recipe = load_recipe("folder", settings(server.base_url))
        outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    assert outcome.totals.captions == {"rewritten": 10}
    rows = rows_of(tmp_path / "o")
    assert set(rows["caption_model"]) == {"small"}
    assert rows["caption_prompt"].str.match(r"place@[0-9a-f]{12}$").all()
    for row in rows.itertuples():
        assert check_caption(row.captions[0], row.captions_original[0], words_of_row(row)) is None
    answers = pd.read_parquet(tmp_path / "o" / "answers.parquet")
    assert answers["kept"].all()
    assert answers["completion_tokens"].eq(5).all()
    assert all(header["authorization"] == f"Bearer {KEY}" for header in server.headers)
    assert all(KEY.encode() not in path.read_bytes() for path in (tmp_path / "o").rglob("*") if path.is_file())


def test_a_model_that_answers_nonsense_never_gets_a_wrong_word_into_a_caption(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with chat_server(lambda message, number: NONSENSE[number % len(NONSENSE)]) as server:
        recipe = load_recipe("folder", settings(server.base_url))
        outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
        assert len(server.requests) == 30
    assert outcome.totals.captions == {"template": 10}
    for row in rows_of(tmp_path / "o").itertuples():
        assert check_place(row.captions[0], row.captions_original[0], words_of_row(row)) is None
    answers = pd.read_parquet(tmp_path / "o" / "answers.parquet")
    assert len(answers) == 30
    assert answers["reason"].notna().all()
    assert verify(tmp_path / "o").problems == []


def test_answers_at_hand_are_not_asked_for_again_and_give_the_same_digest(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def moody(message: str, number: int) -> str:
        return obedient(message, number) if number % 3 else "No."

    with chat_server(moody) as server:
        recipe = load_recipe("folder", settings(server.base_url))
        first = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
        asked = len(server.requests)
        again = build(
            recipe,
            str(recordings),
            str(tmp_path / "again"),
            beam_flags=ONE_WORKER,
            answers=str(tmp_path / "o" / "answers.parquet"),
        )
        assert len(server.requests) == asked > 10
    assert again.totals.digest == first.totals.digest
    kept = [json.loads((tmp_path / name / "release.json").read_text())["counts"]["answers"] for name in ("o", "again")]
    assert kept[0] == kept[1]


def test_an_endpoint_that_is_not_there_costs_no_row(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with chat_server(obedient) as server:
        gone = server.base_url
    monkeypatch.setattr(circuit_breaker, "_DOWN_AFTER_S", 0.5)
    values = ("caption.tries=1", "caption.concurrency=2")
    with pytest.raises(BuildError, match="cannot be reached"):
        build(load_recipe("folder", settings(gone, *values)), str(recordings), str(tmp_path / "o"))
    assert not list((tmp_path / "o").rglob("*.flac"))
    recipe = load_recipe("folder", settings(gone, *values, "caption.on_failure=template"))
    begin = time.monotonic()
    outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    assert time.monotonic() - begin < 15
    assert outcome.totals.captions == {"template": 10}
    answers = pd.read_parquet(tmp_path / "o" / "answers.parquet")
    assert answers["reason"].str.startswith("error").all()
    # Most were not even tried: the endpoint was known to be down.
    assert (answers["reason"] == "error: endpoint down").sum() >= 6
    first, note = outcome.notes
    assert "cannot be reached" in first
    assert "no answer to 10 captions" in note
    # Nothing came: the template wrote every caption, and the exit code says so.
    assert outcome.no_answer_came
    assert not outcome.whole
    assert stated(tmp_path / "o") == {**dict.fromkeys(NUMBERS, 0), "failed": 10, "cost_usd": 0}
    # As it was, with the endpoint there again, for whoever wants this release and not a better one.
    with chat_server(obedient) as server:
        again = build(
            load_recipe("folder", settings(server.base_url, "caption.tries=1")),
            str(recordings),
            str(tmp_path / "again"),
            beam_flags=ONE_WORKER,
            answers=str(tmp_path / "o" / "answers.parquet"),
            answers_alone=True,
        )
        assert server.requests == []
    assert again.totals.digest == outcome.totals.digest


def test_a_job_that_travels_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    import cloudpickle

    from transforms.captions.rewrite_captions import RewriteCaptions

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    job = load_recipe("folder", settings("http://127.0.0.1:9/v1")).caption_job()
    writer = job.open_writer()
    assert writer is not None
    assert KEY.encode() not in cloudpickle.dumps((job, writer, RewriteCaptions(job)))
    assert KEY not in repr((job, vars(writer)))


def test_no_caption_is_wrong_under_fire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = under_fire(tmp_path, 8, 12, *ONE_WORKER)
    assert (found["captions"], found["wrong"]) == (96, 0)
    assert found["rewritten"] > 0
    assert found["reasons"] >= 10


def test_a_killed_build_asks_nothing_again_that_was_written_down(tmp_path: Path) -> None:
    found = killed(tmp_path, 16, 5, 2, *ONE_WORKER)
    assert found["written and asked again"] == 0
    assert found["asked twice"] <= found["in flight at the kills"]
    # Sixteen in flight from one worker.
    assert found["most in flight"] <= 16


def test_one_question_of_many_shards_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    entries = [{"file_name": f"{n}.wav", "caption": "A dog barks", "split": "train"} for n in range(6)]
    recordings = write_folder(tmp_path / "in", entries)

    def slow(message: str, number: int) -> str:
        time.sleep(0.3)
        return obedient(message, number)

    # Rooms and places of one kind give all rows the same words or nearly.
    alike = [
        *("rooms.ranges.floor_area_max_m2=20", "rooms.ranges.t30_min_ms=300", "rooms.ranges.t30_max_ms=500"),
        *("scenes.ranges.distance_max_m=0.9", "rows_per_shard=2"),
    ]
    with chat_server(slow) as server:
        recipe = load_recipe("folder", settings(server.base_url, *alike))
        outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    bodies = [json.dumps(body, sort_keys=True) for body in server.requests]
    assert outcome.totals.captions == {"rewritten": 12}
    assert len(bodies) == len(set(bodies)) < 12
    assert stated(tmp_path / "o")["requests"] == len(bodies)
    assert stated(tmp_path / "o")["prompt_tokens"] == 10 * len(bodies)


@pytest.mark.usefixtures("no_report")
def test_a_budget_of_requests_stops_asking_and_says_so(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with chat_server(obedient) as server:
        values = settings(server.base_url, "caption.max_requests=4")
        given = [part for value in values for part in ("--set", value)]
        place = ["--input", str(recordings), "--output", str(tmp_path / "o")]
        assert main(["build", "folder", *place, *given, *ONE_WORKER]) == 0
        assert len(server.requests) == 4
        assert "the budget is spent: 6 captions were not asked for" in capsys.readouterr().err
        # A bigger budget is the same recipe: what was answered is not asked again.
        recipe = load_recipe("folder", settings(server.base_url))
        answers = str(tmp_path / "o" / "answers.parquet")
        more = build(recipe, str(recordings), str(tmp_path / "b"), beam_flags=ONE_WORKER, answers=answers)
        assert len(server.requests) == 10
    assert more.notes == ()
    assert stated(tmp_path / "o")["requests"] == 4
    assert verify(tmp_path / "o").problems == []


def test_a_budget_of_dollars_is_not_overdrawn(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    # An answer costs 0.025 USD here (10 and 5 tokens), and may cost up to about 3 USD before it is there.
    prices = ("caption.prices={small: {prompt: 1000, completion: 3000}}", "caption.max_tokens=100")
    with chat_server(obedient) as server:
        recipe = load_recipe("folder", settings(server.base_url, *prices, "caption.max_cost_usd=4.5"))
        outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
        spent = stated(tmp_path / "o")["cost_usd"]
        assert spent == pytest.approx(0.025 * len(server.requests))
        assert 0 < spent <= 4.5
        enough = load_recipe("folder", settings(server.base_url, *prices, "caption.max_cost_usd=0.01"))
        poor = build(enough, str(recordings), str(tmp_path / "p"), beam_flags=ONE_WORKER)
    assert poor.totals.captions == {"template": 10}
    assert outcome.totals.captions["rewritten"] == len(server.requests)
    with pytest.raises(BuildError, match=r"caption\.max_cost_usd: there is no price of small in caption\.prices"):
        build(load_recipe("folder", settings("http://127.0.0.1:9/v1", "caption.max_cost_usd=1")), str(recordings), "x")


def test_an_endpoint_that_fails_in_the_middle_costs_no_rendering_and_is_asked_again_by_the_next_build(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(openai_writer, "_RETRIES", 0)
    down = True

    def half(message: str, number: int) -> str | Raw:
        return Raw(b"no", 500) if down and number > 5 else obedient(message, number)

    with chat_server(half) as server:
        recipe = load_recipe("folder", settings(server.base_url, "caption.concurrency=1"))
        release = tmp_path / "o"
        stopped = build(recipe, str(recordings), str(release), beam_flags=ONE_WORKER)
        assert stopped.failures
        assert all("requests had no answer (InternalServerError 500)" in line for line in stopped.failures)
        assert not (release / "release.json").exists()
        rendered = {path: path.stat().st_mtime_ns for path in release.rglob("*.flac")}
        assert len(rendered) == 10
        begun, down = len(server.requests), False
        outcome = build(recipe, str(recordings), str(release), beam_flags=ONE_WORKER)
        assert len(server.requests) == begun + 5
        whole = build(recipe, str(recordings), str(tmp_path / "whole"), beam_flags=ONE_WORKER)
    assert outcome.whole
    assert outcome.totals.captions == {"rewritten": 10}
    assert outcome.totals.digest == whole.totals.digest
    assert {path: path.stat().st_mtime_ns for path in release.rglob("*.flac")} == rendered
    assert verify(release).problems == []


def test_a_model_that_the_endpoint_does_not_know_can_be_mended_in_the_same_folder(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    unknown = Raw(b'{"error": {"message": "The model `smal` does not exist"}}', 404)
    with chat_server(lambda message, number: unknown) as server:
        output = tmp_path / "new"
        with pytest.raises(BuildError, match="The model `smal` does not exist"):
            build(load_recipe("folder", settings(server.base_url)), str(recordings), str(output), beam_flags=ONE_WORKER)
        assert len(server.requests) == 1
    # Another model makes another recipe, and its build finds the folder free.
    assert not output.exists()


def test_what_became_of_each_answer_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import apache_beam as beam

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(openai_writer, "_RETRIES", 0)
    says: tuple[str | Raw, ...] = ("A dog barks on the left.", "A dog barks.", Raw(b"no", 500), Raw(b"<html>"))
    clip = Clip("d", "train", "a.wav", "a.wav", ("A dog barks", "A cat meows", "A cow moos", "A pig grunts"))
    shard = Shard("train", 0, 1, (Row("train/a#0", clip, 0, 1, words=SpatialWords(direction="left")),))
    with chat_server(lambda message, number: says[(number - 1) % 4]) as server:
        job = load_recipe("folder", settings(server.base_url, "caption.concurrency=1", "caption.tries=1")).caption_job()
        pipeline = beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")
        _ = pipeline | beam.Create([shard]) | RewriteCaptions(job)
        result = pipeline.run()
        result.wait_until_finish()
    found = {one.key.metric.name: one.result for one in result.metrics().query()["counters"]}
    assert found == {"kept": 1, "missing_direction": 1, "failed": 1, "unreadable": 1}


def test_the_key_is_nowhere(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import apache_beam as beam

    from pipeline.dag import Work, build_dag

    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def tells(message: str, number: int) -> str | Raw:
        # The first answer lets the build start.
        told = Raw(f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode(), 401)
        return obedient(message, number) if number == 1 else told

    with chat_server(tells) as server:
        values = settings(server.base_url)
        given = [part for value in values for part in ("--set", value)]
        place = ["--input", str(recordings), "--output", str(tmp_path / "o")]
        # A worker in a process of its own, which logs into a file; all that a failed build leaves is there to look at.
        assert main(["build", "folder", *place, *given, "--direct_num_workers=1"]) == 1
        # What is asked first is refused now, before anything starts.
        assert main(["build", "folder", *place, *given, "--direct_num_workers=1", "--verbose"]) == 2
    assert {header["authorization"] for header in server.headers} == {f"Bearer {KEY}"}
    told = capfd.readouterr()
    assert "answers 401: Incorrect API key provided: …" in told.err
    assert "AuthenticationError 401" in told.err
    assert KEY not in told.err + told.out
    files = [path for path in (tmp_path / "o").rglob("*") if path.is_file()]
    assert any(path.name == "workers.log" for path in files)
    assert all(KEY.encode() not in path.read_bytes() for path in files)
    pipeline = beam.Pipeline()
    recipe = load_recipe("folder", values)
    build_dag(pipeline, recipe, str(tmp_path / "o"), Work((0,), (), recipe.caption_job()))
    graph = pipeline.to_runner_api().SerializeToString()
    assert b"rewrite_captions" in graph
    assert KEY.encode() not in graph


def test_workers_that_outlive_their_build_ask_and_leave_nothing_once_the_next_one_has_begun(tmp_path: Path) -> None:
    def slow(message: str, number: int) -> str:
        time.sleep(0.5)
        return obedient(message, number)

    clip = Clip("d", "train", "a.wav", "a.wav", tuple(f"A dog barks, take {n}" for n in range(40)))
    shard = Shard("train", 0, 1, (Row("train/a#0", clip, 0, 1, words=SpatialWords(direction="left")),))
    with chat_server(slow) as server:
        recipe = load_recipe("folder", settings(server.base_url, "caption.concurrency=2"))
        release = str(tmp_path)
        job = replace(recipe.caption_job(), release=release, run=workspace.begin_run(release))
        stage = RewriteCaptions(job)
        stage.setup()
        stage.start_bundle()
        assert list(stage.process(shard)) == []
        while len(server.requests) < 2:
            time.sleep(0.01)
        workspace.begin_run(release)
        (left,) = list(stage.finish_bundle())
        stage.teardown()
        assert len(server.requests) <= 10
        late = _acquire(job)
        with pytest.raises(TakenOver):
            late.rewrite(shard)
        _release(late)
    write_shard(left.value, release, caption_model="small", run=job.run)
    assert [path.name for path in (tmp_path / ".elsa").iterdir() if path.name != "journal"] == ["run"]
    assert not (tmp_path / "train").exists()


def test_a_template_s_shard_is_handed_on_at_once_and_not_with_the_next() -> None:
    # One that was held back in a thread was rendered, and lost when the next one found the disk full.
    stage = RewriteCaptions(load_recipe("folder", ["caption.writer=template"]).caption_job())
    stage.setup()
    try:
        stage.start_bundle()
        for number in range(3):
            (shard,) = stage.process(Shard("train", number, 3))
            assert shard.index == number
        assert list(stage.finish_bundle()) == []
    finally:
        stage.teardown()
