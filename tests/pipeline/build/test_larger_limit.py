"""A larger limit goes on in the folder of a smaller one: no question twice, nothing lost, whenever it is killed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.build import BuildError, build
from pipeline.build.begin import claim, refuse_other
from pipeline.build.larger_limit import smaller_release
from pipeline.build.planning import plan_listing
from pipeline.check.verify import verify
from pipeline.recipe import Recipe, load_recipe
from tests.chat_server import chat_server, obedient
from tests.pipeline.conftest import ONE_WORKER, SMALL
from transforms import storage
from transforms.captions.unanswered import Unanswered, read_notes, write_note

pytestmark = pytest.mark.slow

#: Of five clips three: the shards of validation and test are the same with all, those of train are not.
LIMIT = "limit=3"


@pytest.fixture(scope="module")
def smaller(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("releases") / "smaller"
    assert build(load_recipe("folder", [*SMALL, LIMIT]), str(recordings), str(output), beam_flags=ONE_WORKER).whole
    return output


@pytest.fixture
def copy(smaller: Path, tmp_path: Path) -> Path:
    return shutil.copytree(smaller, tmp_path / "copy")


def test_everything_is_built_into_the_folder_of_a_limit(
    smaller: Path, release: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # "holds a release of another recipe", though nothing but the limit differed.
    output = shutil.copytree(smaller, tmp_path / "o")
    same = {path: path.stat().st_mtime_ns for path in output.glob("test/*/*")}
    outcome = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert outcome.whole
    assert outcome.totals.digest == json.loads((release / "release.json").read_text())["digest"]
    assert verify(output).problems == []
    assert {path: path.stat().st_mtime_ns for path in output.glob("test/*/*")} == same
    assert "limit=3: 1 of its 3 shards are built again" in capfd.readouterr().err
    with pytest.raises(BuildError, match=r"recipe key limit differs: null there, 3 here"):
        build(load_recipe("folder", [*SMALL, LIMIT]), str(recordings), str(output), beam_flags=ONE_WORKER)


def test_no_question_is_asked_twice(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with chat_server(obedient) as server:
        words = [*SMALL, "caption.writer=openai", f"caption.base_url={server.base_url}", "caption.model=small"]
        for more in ([LIMIT], ["limit=4"], []):
            recipe = load_recipe("folder", [*words, *more])
            outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    assert outcome.totals.captions == {"rewritten": 10}
    assert len(server.requests) == 10
    assert verify(tmp_path / "o").problems == []


def test_a_release_stays_as_it_was_when_the_endpoint_cannot_be_asked(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with chat_server(obedient) as server:
        words = [*SMALL, "caption.writer=openai", "caption.model=small"]
        address = f"caption.base_url={server.base_url}"
        build(
            load_recipe("folder", [*words, address, LIMIT]), str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER
        )
    recipe = load_recipe("folder", [*words, "caption.base_url=http://127.0.0.1:9/v1"])
    with pytest.raises(BuildError):
        build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    assert verify(tmp_path / "o").problems == []


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "recipe.yaml"
    }


def test_a_kill_while_room_is_made_leaves_a_folder_that_both_limits_go_on_in(
    copy: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger, limited = load_recipe("folder", SMALL), load_recipe("folder", [*SMALL, LIMIT])
    listing = larger.list_input(str(recordings))
    plan, limited_plan = (plan_listing(recipe, str(recordings), listing) for recipe in (larger, limited))
    whole = shutil.copytree(copy, copy.with_name("whole"))

    def make_room(output: Path, kill_after: int | None) -> bool:
        """Whether it came to its end."""
        steps = 0

        def step(function):  # type: ignore[no-untyped-def]
            def counted(*arguments):  # type: ignore[no-untyped-def]
                nonlocal steps
                steps += 1
                if kill_after is not None and steps > kill_after:
                    raise KeyboardInterrupt
                return function(*arguments)

            return counted

        with monkeypatch.context() as patch:
            for name in ("write_bytes", "remove_files", "remove_folders", "remove_folder"):
                patch.setattr(storage, name, step(getattr(storage, name)))
            found = smaller_release(larger, str(recordings), listing, str(output))
            assert found is not None
            try:
                found.make_room(plan)
            except KeyboardInterrupt:
                return False
        return True

    assert make_room(whole, None)
    for kill_after in range(20):
        output = shutil.copytree(copy, copy.with_name(f"killed-{kill_after}"))
        finished = make_room(output, kill_after)
        assert refuse_other(limited, limited_plan.input_sha256, str(output))
        if finished:
            break
        assert make_room(output, None)
        assert files_of(output) == files_of(whole)
    assert finished
    claim(larger, plan, str(whole))
    assert smaller_release(larger, str(recordings), listing, str(whole)) is None


def test_captions_without_an_answer_are_not_asked_for_in_shards_that_are_gone(copy: Path, recordings: Path) -> None:
    recipe = load_recipe("folder", SMALL)
    listing = recipe.list_input(str(recordings))
    found = smaller_release(recipe, str(recordings), listing, str(copy))
    assert found is not None
    for shard in found.plan.shard_paths:
        write_note(str(copy), Unanswered(shard, 1, 1, ("timeout",)))
    found.make_room(plan_listing(recipe, str(recordings), listing))
    assert [note.shard.partition("/")[0] for note in read_notes(str(copy))] == ["test", "validation"]


def test_a_redo_that_was_stopped_is_finished_first(copy: Path, recordings: Path) -> None:
    recipe = load_recipe("folder", SMALL)
    storage.write_bytes(str(copy / ".elsa" / "redone" / "train-00000-of-00001.parquet"), b"")
    with pytest.raises(BuildError, match=r"redo .* was stopped"):
        smaller_release(recipe, str(recordings), recipe.list_input(str(recordings)), str(copy))


def test_another_input_is_no_smaller_one(copy: Path, recordings: Path) -> None:
    def found(recipe: Recipe, drop: int) -> bool:
        listing = recipe.list_input(str(recordings))
        fewer = type(listing)(listing.clips[drop:], listing.rejections)
        return smaller_release(recipe, str(recordings), fewer, str(copy)) is not None

    assert found(load_recipe("folder", [*SMALL, "limit=4"]), 0)
    assert not found(load_recipe("folder", [*SMALL, "limit=2"]), 0)
    assert not found(load_recipe("folder", [*SMALL, "limit=4", "seed=12"]), 0)
    assert not found(load_recipe("folder", [*SMALL, "limit=4"]), 1)
