"""Versions of captions in several styles: built, exported, asked for again, verified and reproduced as one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.batches.requests import export_requests
from pipeline.build import build
from pipeline.build.planning import plan_build, plan_summary
from pipeline.build.redo_captions import redo_captions
from pipeline.check.verify import verify
from pipeline.recipe import load_recipe
from prompts import load_prompt
from tests.chat_server import Raw, chat_server, obedient
from tests.pipeline.batches.test_batches import lines_of
from tests.pipeline.conftest import ONE_WORKER, SMALL

pytestmark = pytest.mark.slow

IDS = [load_prompt(name).id for name in ("place", "place_last")]


def _rows(release: Path) -> pd.DataFrame:
    return pd.concat(pd.read_parquet(path) for path in sorted(release.glob("*/*/metadata.parquet")))


def test_versions_survive_batches_a_redo_and_a_second_build(recordings: Path, tmp_path: Path) -> None:
    def forgetful(message: str, number: int) -> str | Raw:
        # By the prompt and not by the number: requests come in any order.
        return obedient(message, number) if "Place:" in message else Raw(b'{"error": {"message": "no key"}}', 401)

    settings = [*SMALL, "caption.writer=openai", "caption.model=small", "caption.prompt=[place, place_last]"]
    settings += ["caption.versions=3", "caption.on_failure=template"]
    first, second = tmp_path / "first", tmp_path / "second"
    with chat_server(forgetful) as server:
        recipe = load_recipe("folder", [*settings, f"caption.base_url={server.base_url}"])
        assert plan_summary(recipe, plan_build(recipe, str(recordings)))["captions"] == 30
        exported = export_requests(recipe, str(recordings), str(first), tmp_path / "requests", beam_flags=ONE_WORKER)
        assert exported.captions == 30
        build(recipe, str(recordings), str(first), beam_flags=ONE_WORKER)
    before = _rows(first)
    assert verify(first).problems == []
    for row in before.itertuples():
        assert len(row.captions) == len(row.captions_original) == len(row.caption_status)
        assert len(row.captions) % 3 == 0
        for start in range(0, len(row.captions), 3):
            assert len(set(row.captions_original[start : start + 3])) == 1
            assert len(set(row.captions[start : start + 3])) > 1
    assert set(before["caption_prompt"]) == {", ".join(IDS), ", ".join(reversed(IDS))}
    assert {status for row in before["caption_status"] for status in row} == {"rewritten", "template"}
    with chat_server(obedient) as server:
        redone = redo_captions(str(first), (f"caption.base_url={server.base_url}",))
        assert redone.asked == redone.rewritten == sum(list(row).count("template") for row in before["caption_status"])
        answers = pd.read_parquet(first / "answers.parquet")
        kept = answers[answers["kept"]]
        assert sorted(kept["caption_index"].value_counts().to_dict()) == list(range(len(set(kept["caption_index"]))))
        assert set(kept["prompt"]) == set(IDS)
        # A batch asks with the words and the seed of the build, so what it exports are the build's own questions.
        assert {str(line["custom_id"]) for line in lines_of(tmp_path / "requests")} == set(
            answers[answers["attempt"] == 0]["request_sha256"]
        )
        asked = len(server.requests)
        recipe = load_recipe("folder", [*settings, f"caption.base_url={server.base_url}"])
        outcome = build(
            recipe, str(recordings), str(second), answers=str(first / "answers.parquet"), beam_flags=ONE_WORKER
        )
        assert len(server.requests) == asked
    assert redone.finished is not None
    assert outcome.totals.digest == redone.finished.totals.digest
    assert verify(second).problems == []
    rows = _rows(second)
    assert {status for row in rows["caption_status"] for status in row} == {"rewritten"}
    assert rows["caption_prompt"].tolist() == before["caption_prompt"].tolist()
