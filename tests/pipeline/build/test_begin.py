"""A folder that holds another release is refused, and the recipe key that differs is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.build import build
from pipeline.build.begin import begun_by, claim, refuse_other
from pipeline.build.planning import BuildError, Plan
from pipeline.recipe import Recipe, load_recipe
from transforms import storage
from transforms.shards import workspace
from transforms.shards.plan_shards import plan_to_parquet
from transforms.sources import SourceUnusable
from transforms.storage import folder_files


def begun(recipe: Recipe, output: Path, text: str | None = None) -> str:
    folder_files.write_bytes(str(output), workspace.STATE, json.dumps(begun_by(recipe, "input")).encode())
    storage.write_bytes(str(output / "recipe.yaml"), (recipe.to_yaml() if text is None else text).encode())
    return str(output)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("caption.prompt=paper", "recipe key caption.prompt differs: place there, paper here;"),
        ("limit=6", "recipe key limit differs: null there, 6 here;"),
        ("rooms.ranges.t30_max_ms=900", "recipe key rooms.ranges.t30_max_ms differs: 2671.9 there, 900.0 here;"),
        ("seed=7", "recipe key seed differs: 0 there, 7 here;"),
        ("select.licenses=[CC0-1.0]", 'recipe key select.licenses differs: [] there, ["CC0-1.0"] here;'),
    ],
)
def test_the_key_that_differs_is_named(setting: str, said: str, tmp_path: Path) -> None:
    output = begun(load_recipe("folder"), tmp_path)
    with pytest.raises(BuildError) as raised:
        refuse_other(load_recipe("folder", [setting]), "input", output)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("caption.tries=2", "recipe key caption.tries differs: 4 there, 2 here;"),
        ("caption.versions=2", "recipe key caption.versions differs: 1 there, 2 here;"),
        ("caption.prompt=[place, paper]", 'recipe key caption.prompt differs: place there, ["place", "paper"] here;'),
    ],
)
def test_a_release_of_before_a_key_has_its_default(setting: str, said: str, tmp_path: Path) -> None:
    recipe = load_recipe("folder")
    output = begun(recipe, tmp_path, recipe.to_yaml().replace("  versions: 1\n", ""))
    assert "versions" not in (tmp_path / "recipe.yaml").read_text()
    assert refuse_other(recipe, "input", output)
    with pytest.raises(BuildError) as raised:
        refuse_other(load_recipe("folder", [setting]), "input", output)
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "\x00", "seed: 0\nunheard: 1\n"])
def test_a_recipe_that_cannot_be_compared_is_still_another_one(text: str, tmp_path: Path) -> None:
    output = begun(load_recipe("folder"), tmp_path, text)
    with pytest.raises(BuildError, match="another recipe"):
        refuse_other(load_recipe("folder", ["seed=7"]), "input", output)


def test_what_only_changes_how_a_build_runs_is_no_other_recipe(tmp_path: Path) -> None:
    output = begun(load_recipe("folder"), tmp_path)
    assert refuse_other(load_recipe("folder", ["caption.concurrency=3"]), "input", output)
    assert not refuse_other(load_recipe("folder"), "input", str(tmp_path / "empty"))
    with pytest.raises(BuildError, match="another input"):
        refuse_other(load_recipe("folder"), "changed", output)


@pytest.mark.parametrize("state", ["{", "[]", "\x00"])
def test_a_broken_state_is_one_line(state: str, tmp_path: Path) -> None:
    folder_files.write_bytes(str(tmp_path), workspace.STATE, state.encode())
    with pytest.raises(BuildError, match=r"build\.json"):
        refuse_other(load_recipe("folder"), "input", str(tmp_path))


def test_a_model_that_the_workers_lack_is_refused_before_anything_starts(tmp_path: Path) -> None:
    # Every worker of the cluster found out for itself, after all had been rendered.
    recipe = load_recipe("folder", ["caption.writer=local"])
    flags = ["--runner=FlinkRunner", "--flink_master=cluster:8081"]
    with pytest.raises(BuildError, match=r"caption\.writer=local: .* FlinkRunner .*--experiments=elsa_local_writer"):
        build(recipe, str(tmp_path / "input"), str(tmp_path / "o"), beam_flags=flags)
    # With a statement of the user's the next thing that is wrong is the input.
    with pytest.raises(SourceUnusable):
        build(
            recipe, str(tmp_path / "input"), str(tmp_path / "o"), beam_flags=[*flags, "--experiments=elsa_local_writer"]
        )
    assert not (tmp_path / "o").exists()


def test_workers_read_the_plan_of_this_build_and_none_that_came_with_the_folder(tmp_path: Path) -> None:
    folder_files.write_bytes(str(tmp_path), workspace.PLAN, b"the plan of a stranger")
    claim(load_recipe("folder"), Plan((), (), (), "input"), str(tmp_path))
    assert folder_files.read_bytes(str(tmp_path), workspace.PLAN) == plan_to_parquet(())
