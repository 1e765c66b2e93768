"""Captions that had no answer are asked for again in a finished release, without rendering."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.build import BuildError, build
from pipeline.build import redo_captions as redo_module
from pipeline.build.lock import release_lock
from pipeline.build.redo_captions import redo_captions
from pipeline.check.verify import verify
from pipeline.recipe import load_recipe
from pipeline.release.layout import ReleaseError
from tests.chat_server import Raw, chat_server, obedient
from tests.pipeline.conftest import ONE_WORKER, SMALL
from transforms.captions import openai_writer

pytestmark = pytest.mark.slow


def settings(base_url: str, *more: str) -> list[str]:
    return [*SMALL, "caption.writer=openai", f"caption.base_url={base_url}", "caption.model=small", *more]


def statuses(release: Path) -> list[str]:
    rows = pd.concat(pd.read_parquet(path) for path in sorted(release.glob("*/*/metadata.parquet")))
    return [status for row in rows["caption_status"] for status in row]


@pytest.fixture(scope="module")
def half_answered(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of which every second question met an endpoint that had lost its key."""
    output = tmp_path_factory.mktemp("redo") / "half"

    def forgetful(message: str, number: int) -> str | Raw:
        return Raw(b'{"error": {"message": "no key"}}', 401) if number % 2 else obedient(message, number)

    with chat_server(forgetful) as server:
        recipe = load_recipe("folder", settings(server.base_url, "caption.on_failure=template"))
        outcome = build(recipe, str(recordings), str(output), beam_flags=ONE_WORKER)
    assert outcome.totals.captions["template"] >= 3
    assert outcome.totals.captions["rewritten"] >= 3
    return output


@pytest.fixture(scope="module")
def whole_digest(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a build whose endpoint answered every question."""
    output = tmp_path_factory.mktemp("redo") / "whole"
    with chat_server(obedient) as server:
        recipe = load_recipe("folder", settings(server.base_url))
        return build(recipe, str(recordings), str(output), beam_flags=ONE_WORKER).totals.digest


def test_what_failed_is_asked_again_and_the_digest_is_that_of_a_whole_build(
    half_answered: Path, whole_digest: str, tmp_path: Path
) -> None:
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)
    missing = statuses(release).count("template")
    sound = {path: path.stat().st_mtime_ns for path in release.rglob("*.flac")}
    with chat_server(obedient) as server:
        redone = redo_captions(str(release), (f"caption.base_url={server.base_url}",))
        # The endpoint was tried before anything was touched, and that answer was kept.
        assert len(server.requests) <= missing
        assert (redone.asked, redone.rewritten) == (missing, missing)
        assert redone.finished is not None
        assert redone.finished.totals.digest == whole_digest
        assert set(statuses(release)) == {"rewritten"}
        assert verify(release).problems == []
        again = redo_captions(str(release), (f"caption.base_url={server.base_url}",))
        assert (again.asked, again.finished) == (0, None)
    assert {path: path.stat().st_mtime_ns for path in release.rglob("*.flac")} == sound


@pytest.mark.parametrize("killed_in", ["merge_redone", "finish_release", "_with_captions", "table_to_parquet"])
def test_a_redo_that_is_killed_goes_on(
    killed_in: str, half_answered: Path, whole_digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with chat_server(obedient) as server:
        address = (f"caption.base_url={server.base_url}",)
        with monkeypatch.context() as patch:
            patch.setattr(redo_module, killed_in, killed)
            with pytest.raises(KeyboardInterrupt):
                redo_captions(str(release), address)
        asked = len(server.requests)
        redone = redo_captions(str(release), address)
        # One question at most: the probe of the second run, whose answer the journal of the first may hold already.
        assert len(server.requests) <= asked + 1
    assert redone.finished is not None
    assert redone.finished.totals.digest == whole_digest
    assert verify(release).problems == []


def test_an_endpoint_that_cannot_be_used_leaves_the_release_as_it_was(half_answered: Path, tmp_path: Path) -> None:
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)
    before = (release / "release.json").read_bytes()
    with pytest.raises(BuildError, match="cannot be reached"):
        redo_captions(str(release), ("caption.base_url=http://127.0.0.1:1/v1",))
    assert (release / "release.json").read_bytes() == before
    assert verify(release).problems == []


def test_a_release_that_states_a_list_as_a_version_is_refused_before_anybody_is_asked(
    half_answered: Path, tmp_path: Path
) -> None:
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)
    stated = json.loads((release / "release.json").read_text())
    stated["versions"]["numpy"] = ["2.4", {"b": []}]
    (release / "release.json").write_text(json.dumps(stated))
    with chat_server(obedient) as server:
        with pytest.raises(ReleaseError, match=r"release\.json: .*versions"):
            redo_captions(str(release), (f"caption.base_url={server.base_url}",))
        assert server.requests == []


def test_the_address_of_a_release_is_not_asked_unless_the_user_types_it(half_answered: Path) -> None:
    with pytest.raises(BuildError, match="name the endpoint"):
        redo_captions(str(half_answered))
    with pytest.raises(BuildError, match="redo keeps the recipe"):
        redo_captions(str(half_answered), ("caption.base_url=http://127.0.0.1:1/v1", "seed=12"))


def test_a_redo_that_is_killed_after_some_answers_failed_again_keeps_the_others(
    half_answered: Path, whole_digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run asks for two captions of a shard, and does not lose the answers of the first."""
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)
    monkeypatch.setattr(openai_writer, "_RETRIES", 0)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def once(message: str, number: int) -> str | Raw:
        return obedient(message, number) if number % 2 else Raw(b"no", 500)

    with chat_server(once) as server, monkeypatch.context() as patch:
        patch.setattr(redo_module, "merge_redone", killed)
        with pytest.raises(KeyboardInterrupt):
            redo_captions(str(release), (f"caption.base_url={server.base_url}",))
    assert any("elsa captions redo" in line for line in verify(release).problems)
    with chat_server(obedient) as server:
        redone = redo_captions(str(release), (f"caption.base_url={server.base_url}",))
    assert redone.finished is not None
    assert redone.finished.totals.digest == whole_digest
    assert verify(release).problems == []


def test_a_redo_beside_a_build_touches_nothing_of_it(half_answered: Path, tmp_path: Path) -> None:
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)
    with release_lock(str(release)):
        (release / ".elsa" / "journal").mkdir()
        with chat_server(obedient) as server, pytest.raises(BuildError, match="being built"):
            redo_captions(str(release), (f"caption.base_url={server.base_url}",))
        assert (release / ".elsa" / "journal").is_dir()


def test_a_redo_states_the_versions_that_rendered_the_samples(half_answered: Path, tmp_path: Path) -> None:
    release = tmp_path / "r"
    shutil.copytree(half_answered, release)
    stated = json.loads((release / "release.json").read_text())
    stated["versions"]["soxr"] = "0.0.1"
    (release / "release.json").write_text(json.dumps(stated))
    with chat_server(obedient) as server:
        redo_captions(str(release), (f"caption.base_url={server.base_url}",))
    assert json.loads((release / "release.json").read_text())["versions"]["soxr"] == "0.0.1"
    assert "0.0.1" in (release / "README.md").read_text()
    assert verify(release).problems == []
