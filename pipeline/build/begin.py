"""The start of a build: who may build into a folder, and what the release is begun with."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from pipeline.build.planning import BuildError, Plan
from pipeline.recipe import Recipe, RecipeError, load_release_recipe
from pipeline.release.layout import RECIPE, RELEASE_JSON, read_release_json
from transforms import storage
from transforms.errors import reason_of
from transforms.shards import workspace
from transforms.shards.plan_shards import plan_to_parquet


def as_begun(recipe: Recipe, output: str) -> Recipe:
    """The recipe for going on in `output`: a release that was begun before splits were dealt goes on without that."""
    path = storage.join(output, RECIPE)
    if storage.is_remote(output) or not storage.exists(path):
        return recipe
    try:
        begun = load_release_recipe(path)
    except RecipeError:
        # The next look at the folder says what it holds.
        return recipe
    return recipe if begun.deals_splits else recipe.without_dealt_splits()


def refuse_foreign(recipe: Recipe, plan: Plan, output: str) -> bool:
    """Whether a release was begun there with the same recipe and the same input.

    Raises:
        BuildError: when the folder holds anything else.
    """
    if refuse_other(recipe, plan.input_sha256, output):
        return True
    if storage.is_remote(output) or not Path(output).exists():
        return False
    if not Path(output).is_dir():
        raise BuildError(f"{output} is a file: --output takes a folder")
    # A build that was killed as it began may have left its workspace and nothing in it yet.
    if any(path.name != workspace.FOLDER for path in Path(output).iterdir()):
        raise BuildError(f"{output} is not empty and holds no release: build into another folder")
    return False


def refuse_other(recipe: Recipe, input_sha256: str, output: str) -> bool:
    """Whether a release was begun there; raises BuildError where it is of another recipe or another input."""
    begun = _begun_with(output)
    if begun is None:
        return False
    mine = _begun_by(recipe, input_sha256)
    for key, what in (("recipe_sha256", "another recipe"), ("input_sha256", "another input")):
        if begun.get(key) != mine[key]:
            raise BuildError(f"{output} holds a release of {what}: build into another folder, or remove it first")
    return True


def begin(recipe: Recipe, plan: Plan, output: str) -> None:
    """Claims the output folder, which this build holds, or goes on in one that was begun with the same."""
    refuse_foreign(recipe, plan, output)
    begun = json.dumps(_begun_by(recipe, plan.input_sha256))
    storage.write_bytes(workspace.state_path(output), begun.encode())
    storage.write_bytes(workspace.plan_path(output), plan_to_parquet(plan.shards))
    storage.write_bytes(storage.join(output, RECIPE), recipe.to_yaml().encode())


def withdraw(output: str) -> None:
    """Gives back a folder that `begin` has just claimed, so that a build with another recipe may claim it."""
    storage.remove_files([storage.join(output, RECIPE)])
    storage.remove_folder(storage.join(output, workspace.FOLDER))
    if not storage.is_remote(output):
        with contextlib.suppress(OSError):
            Path(output).rmdir()


def _begun_with(output: str) -> dict[str, str] | None:
    state = workspace.state_path(output)
    if storage.exists(state):
        try:
            values: dict[str, str] = json.loads(storage.read_bytes(state))
        except (OSError, ValueError) as error:
            raise BuildError(f"{state} cannot be read: {reason_of(error)}") from error
        return values
    if storage.exists(storage.join(output, RELEASE_JSON)):
        return read_release_json(output)
    return None


def _begun_by(recipe: Recipe, input_sha256: str) -> dict[str, str]:
    return {"recipe_sha256": recipe.sha256(), "input_sha256": input_sha256}
