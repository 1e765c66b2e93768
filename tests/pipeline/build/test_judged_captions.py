"""A release whose captions a judge has kept: built, verified from the stored replies, made again, asked again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.build import BuildError, build
from pipeline.build.redo_captions import redo_captions
from pipeline.check.verify import verify
from pipeline.command import main
from pipeline.recipe import RecipeError, load_recipe, load_release_recipe
from tests.chat_server import ChatServer, Raw, chat_server, finish_batch
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.tables import change_table
from tests.transforms.captions.judge.readings import careful, doubtful, writer_and_judge

pytestmark = pytest.mark.slow


def settings(base_url: str, *more: str) -> list[str]:
    openai = ("caption.writer=openai", f"caption.base_url={base_url}", "caption.model=small", "caption.judge=model")
    return [*SMALL, *openai, "caption.tries=1", *more]


def statuses(release: Path) -> list[str]:
    rows = pd.concat(pd.read_parquet(path) for path in sorted(release.glob("*/*/metadata.parquet")))
    return [status for row in rows["caption_status"] for status in row]


def counts(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((release / "release.json").read_text())["counts"]["answers"]
    return found


@pytest.fixture(scope="module")
def judged(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of which the check doubts every answer with a place, and the judge keeps them all."""
    output = tmp_path_factory.mktemp("judged") / "release"
    with chat_server(writer_and_judge) as server:
        recipe = load_recipe("folder", settings(server.base_url))
        assert build(recipe, str(recordings), str(output), beam_flags=ONE_WORKER).whole
    return output


def judges_rows(release: Path) -> list[int]:
    asked = pq.read_table(release / "answers.parquet")["asked"].to_pylist()
    return [number for number, who in enumerate(asked) if who == "judge"]


def test_the_release_is_whole_and_counts_what_the_judge_kept(judged: Path) -> None:
    assert set(statuses(judged)) == {"rewritten"}
    found, judges = counts(judged), judges_rows(judged)
    assert found["kept"] == len(statuses(judged))
    assert found["refused"] == found["failed"] == 0
    assert found["judged"] == found["kept_by_judge"] == len(judges) > 3
    assert verify(judged).problems == []


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("text", lambda text: text.replace('"certain": true', '"certain": false')),
        ("text", lambda text: "keep it"),
        ("text", lambda text: text.replace("zorblingly", "surely")),
        ("row_id", lambda name: f"{name}0"),
        ("asked", lambda _: "writer"),
    ],
)
def test_verify_reads_the_judge_s_reply_again(judged: Path, tmp_path: Path, column: str, change: Any) -> None:
    copy = Path(shutil.copytree(judged, tmp_path / "copy"))
    change_table(copy / "answers.parquet", column, change, judges_rows(copy)[:1])
    doubted = [problem for problem in verify(copy).problems if "does not hold: content_added" in problem]
    assert len(doubted) == 1


def test_the_same_release_is_made_again_and_nobody_is_asked(judged: Path, recordings: Path, tmp_path: Path) -> None:
    # As elsa reproduce does it. The server of the release is gone.
    build(
        load_release_recipe(str(judged)),
        str(recordings),
        str(tmp_path / "again"),
        beam_flags=ONE_WORKER,
        answers=str(judged / "answers.parquet"),
        answers_alone=True,
    )
    digests = [json.loads((path / "release.json").read_text())["digest"] for path in (judged, tmp_path / "again")]
    assert digests[0] == digests[1]
    assert counts(tmp_path / "again") == counts(judged)


@pytest.mark.usefixtures("no_report")
def test_batches_ask_the_judge_in_the_round_after_the_writer(
    judged: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests, answers = tmp_path / "requests", tmp_path / "answers.parquet"

    def elsa(*arguments: object) -> None:
        assert main([str(argument) for argument in arguments]) == 0

    with chat_server(writer_and_judge) as writer, chat_server(writer_and_judge) as judge:
        writer.finish = judge.finish = finish_both
        given = settings(writer.base_url, f"caption.judge_base_url={judge.base_url}", "caption.judge_model=small")
        recipe = ["folder", "--input", recordings, "--output", tmp_path / "o"]
        recipe += [part for setting in given for part in ("--set", setting)]
        for _ in range(2):
            more = ["--answers", answers] if answers.exists() else []
            elsa("captions", "export", *recipe, *more, "--requests", requests, *ONE_WORKER)
            named = ["--base-url", writer.base_url, "--judge-base-url", judge.base_url]
            elsa("captions", "submit", requests, *named, "--every", "0.1")
            elsa("captions", "collect", requests, *named, "--output", answers)
        assert (len(writer.batches), len(judge.batches)) == (1, 1)
        assert b"Place" not in next(iter(judge.files.values())).split(b'"role":"user"')[-1]
        elsa("build", *recipe, "--answers", answers, *ONE_WORKER)
        assert writer.requests == judge.requests == []
    assert "0 failed" in capsys.readouterr().out
    assert set(statuses(tmp_path / "o")) == {"rewritten"}
    assert counts(tmp_path / "o")["kept_by_judge"] == counts(judged)["kept_by_judge"]


def finish_both(state: ChatServer, name: str) -> None:
    finish_batch(state, name, writer_and_judge)


def test_what_the_judge_did_not_answer_is_asked_again(judged: Path, recordings: Path, tmp_path: Path) -> None:
    output = tmp_path / "half"
    with chat_server(doubtful) as writer, chat_server(careful) as judge:

        def lost_key(message: str, number: int) -> str | Raw:
            # The first question is the one that is asked before anything is rendered.
            return Raw(b"{}", 401) if number > 1 else careful(message, number)

        with chat_server(lost_key) as broken:
            address = f"caption.judge_base_url={broken.base_url}"
            recipe = load_recipe("folder", settings(writer.base_url, address, "caption.on_failure=template"))
            build(recipe, str(recordings), str(output), beam_flags=ONE_WORKER)
        assert "template" in statuses(output)
        with pytest.raises(BuildError, match=r"name the endpoint .*--set caption\.judge_base_url="):
            redo_captions(str(output), (f"caption.base_url={writer.base_url}",))
        asked = len(writer.requests)
        addresses = (f"caption.base_url={writer.base_url}", f"caption.judge_base_url={judge.base_url}")
        redone = redo_captions(str(output), addresses)
        assert redone.rewritten == redone.asked > 0
        # The writer's answers are known.
        assert len(writer.requests) == asked
    assert set(statuses(output)) == {"rewritten"}
    assert verify(output).problems == []
    digests = [json.loads((path / "release.json").read_text())["digest"] for path in (judged, output)]
    assert digests[0] == digests[1]


def test_a_judge_that_cannot_be_used_costs_no_rendering(recordings: Path, tmp_path: Path) -> None:
    with chat_server(doubtful) as writer, chat_server(lambda message, number: Raw(b"{}", 404)) as judge:
        recipe = load_recipe("folder", settings(writer.base_url, f"caption.judge_base_url={judge.base_url}"))
        with pytest.raises(BuildError, match=r"caption\.judge: .* answers 404.*nothing was rendered"):
            build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
        assert len(writer.requests) == 1


def test_a_judge_needs_an_address_and_a_price(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(RecipeError, match=r"recipe key caption: judge=model beside writer=local needs judge_base_url"):
        load_recipe("folder", ["caption.writer=local", "caption.judge=model"])
    with pytest.raises(RecipeError, match=r"caption\.judge_base_url: holds no user, password or query"):
        load_recipe("folder", ["caption.judge_base_url=http://me:secret@127.0.0.1/v1"])
    prices = ("caption.max_cost_usd=1", "caption.prices={small: {prompt: 1, completion: 1}}", "caption.judge_model=big")
    with pytest.raises(BuildError, match="there is no price of big in"):
        build(load_recipe("folder", settings("http://127.0.0.1:9/v1", *prices)), str(recordings), str(tmp_path / "o"))


def test_the_hash_of_a_recipe_without_a_judge_is_what_it_was() -> None:
    plain = load_recipe("folder", SMALL)
    assert load_recipe("folder", [*SMALL, "caption.judge_base_url=http://127.0.0.1:9/v1"]).sha256() == plain.sha256()
    assert load_recipe("folder", [*SMALL, "caption.judge_model=big"]).sha256() != plain.sha256()
    assert load_recipe("folder", [*SMALL, "caption.judge=model", "caption.judge_base_url=http://h/v1"])
