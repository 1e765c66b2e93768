"""Builds that ask a language model: its answers are used when they hold, and never put a sound in the wrong place."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.build import build
from pipeline.recipe import load_recipe
from pipeline.verify import verify
from tests.chat_server import chat_server, obedient
from tests.pipeline.conftest import ONE_WORKER, SMALL
from transforms.check_caption import check_caption, check_place
from transforms.words import VOCABULARY, SpatialWords

KEY = "sk-sentinel-that-must-not-leak"


def settings(base_url: str) -> list[str]:
    return [*SMALL, "caption.writer=openai", f"caption.base_url={base_url}", "caption.model=small", "caption.tries=3"]


def rows_of(release: Path) -> pd.DataFrame:
    rows = pd.concat([pd.read_parquet(path) for path in release.glob("*/*/metadata.parquet")], ignore_index=True)
    return rows.astype(object).where(rows.notna(), None)


def words_of_row(row: object) -> SpatialWords:
    return SpatialWords(**{attribute: getattr(row, attribute) for attribute in VOCABULARY})


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
    recipe = load_recipe("folder", [*settings(gone), "caption.tries=1", "caption.timeout_s=2"])
    outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    assert outcome.totals.captions == {"template": 10}
    assert pd.read_parquet(tmp_path / "o" / "answers.parquet")["reason"].str.startswith("error").all()


def test_a_job_that_travels_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    import cloudpickle

    from pipeline.dag import caption_job
    from transforms.rewrite_captions import RewriteCaptions

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    job = caption_job(load_recipe("folder", settings("http://127.0.0.1:9/v1")))
    writer = job.open_writer()
    assert writer is not None
    assert KEY.encode() not in cloudpickle.dumps((job, writer, RewriteCaptions(job)))
    assert KEY not in repr((job, vars(writer)))
