"""The start of a build: whose release the output folder holds, and the files that claim the folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.build.planning import BuildError, Plan
from pipeline.recipe import EXECUTION_ONLY, Recipe, RecipeError, load_release_recipe, with_added_keys
from pipeline.release.layout import METADATA, RECIPE, RELEASE_JSON, metadata_paths, read_release_json
from transforms import storage
from transforms.bounds.json_values import parse_json
from transforms.bounds.limits import MOST_RECIPE_BYTES
from transforms.bounds.yaml_values import parse_yaml
from transforms.errors import reason_of
from transforms.rooms.responses.stored_responses import copy_responses
from transforms.scenes.clip_pool import pool_to_parquet
from transforms.shards import workspace
from transforms.shards.plan_shards import PlannedShard, plan_to_parquet, pool_beside, responses_beside
from transforms.sound.clip_states import States, changed_clips
from transforms.storage import folder_files

_LONGEST_VALUE_CHARS = 60


def refuse_other(recipe: Recipe, input_sha256: str, output: str) -> bool:
    """Whether a release of this recipe and this input was begun at `output`.

    Raises:
        BuildError: where a release of another recipe or of another input is there; it names the key that differs.
    """
    begun = begun_with(output)
    if begun is None:
        return False
    mine = begun_by(recipe, input_sha256)
    if begun.get("recipe_sha256") != mine["recipe_sha256"]:
        key = _differing_key(recipe, output)
        why = f": recipe key {key}" if key else ""
        raise BuildError(
            f"{output} holds a release of another recipe{why}; build into another folder, or remove it first"
        )
    if begun.get("input_sha256") != mine["input_sha256"]:
        raise BuildError(
            f"{output} holds a release of another input: the list names other clips, captions or licences now; "
            "build into another folder, or remove it first"
        )
    return True


def as_begun(recipe: Recipe, output: str) -> Recipe:
    """The recipe for going on in `output`: a release that was begun before splits were dealt goes on without that."""
    if storage.is_remote(output) or not folder_files.exists(output, RECIPE):
        return recipe
    try:
        begun = load_release_recipe(output)
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
    # A build that was killed as it began may have left an empty workspace.
    if any(entry.name != workspace.FOLDER for entry in folder_files.entries_in(output)):
        raise BuildError(f"{output} is not empty and holds no release: build into another folder")
    return False


def refuse_changed_clips(shards: Sequence[PlannedShard], output: str, states: States) -> None:
    """Raises BuildError where other files lie under the names of clips that finished shards were built from.

    Args:
        shards: the shards of the plan that are not built again if they are finished.
        output: the folder or address of the release.
        states: the states of the clips now.
    """
    finished = {path.removesuffix(f"/{METADATA}") for path in metadata_paths(output)}
    changed = changed_clips(output, [shard for shard in shards if shard.path in finished], states)
    if not changed:
        return
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    raise BuildError(
        f"{output} holds a release of another input: {len(changed)} of the clips that its finished shards were built "
        f"from are other files now: {', '.join(changed[:3])}{more}; build into another folder, or remove it first"
    )


def claim(recipe: Recipe, plan: Plan, output: str) -> None:
    """Writes what later builds know this one by, and the plan that its workers read."""
    begun = json.dumps(begun_by(recipe, plan.input_sha256))
    folder_files.write_bytes(output, workspace.STATE, begun.encode())
    write_plan(plan, output, workspace.PLAN)
    folder_files.write_bytes(output, RECIPE, recipe.to_yaml().encode())


def write_plan(plan: Plan, folder: str, name: str, *, samples: bool = True) -> None:
    """Writes the plan that workers read, and beside it measured responses, and the clips of companions in scenes.

    Without `samples` the workers render nothing, and measured responses are written as places alone.
    """
    folder_files.write_bytes(folder, name, plan_to_parquet(plan.shards))
    if plan.responses is not None:
        copy_responses(plan.responses, folder, responses_beside(name), samples=samples)
    if plan.pool:
        folder_files.write_bytes(folder, pool_beside(name), pool_to_parquet(plan.pool))


def withdraw(output: str) -> None:
    """Gives back a folder that `claim` has just claimed, so that a build with another recipe may claim it."""
    folder_files.remove_files(output, [RECIPE])
    folder_files.remove_folder(output, workspace.FOLDER)
    if not storage.is_remote(output):
        # An empty folder that cannot be removed keeps no other build out.
        with contextlib.suppress(OSError):
            Path(output).rmdir()


def begun_with(output: str) -> dict[str, Any] | None:
    """The hashes of the recipe and of the input that a release at `output` was begun with; None where there is none."""
    state = storage.join(output, workspace.STATE)
    if folder_files.exists(output, workspace.STATE):
        try:
            values = parse_json(folder_files.read_bytes(output, workspace.STATE))
        except (OSError, ValueError) as error:
            raise BuildError(f"{state} cannot be read: {reason_of(error)}") from error
        if not isinstance(values, dict):
            raise BuildError(f"{state} is not a JSON object")
        return values
    if folder_files.exists(output, RELEASE_JSON):
        return read_release_json(output)
    return None


def begun_by(recipe: Recipe, input_sha256: str) -> dict[str, str]:
    """What `begun_with` gives for a build of this recipe and this input."""
    return {"recipe_sha256": recipe.sha256(), "input_sha256": input_sha256}


def stated_recipe(output: str) -> dict[str, Any]:
    """The values of the recipe.yaml at `output`, unchecked; empty where it cannot be read."""
    try:
        values = parse_yaml(folder_files.read_bytes(output, RECIPE, MOST_RECIPE_BYTES).decode())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _differing_key(recipe: Recipe, output: str) -> str | None:
    """`caption.prompt differs: paper there, place here`, for the first key that changes what is made."""
    stated = stated_recipe(output)
    if not stated:
        return None
    differing = _first_difference(with_added_keys(stated), recipe.model_dump(mode="json"), ())
    if differing is None:
        return None
    key, there, here = differing
    return f"{'.'.join(key)} differs: {_shown(there)} there, {_shown(here)} here"


def _first_difference(
    there: Mapping[str, Any], here: Mapping[str, Any], above: tuple[str, ...]
) -> tuple[tuple[str, ...], Any, Any] | None:
    for name, value in here.items():
        key = (*above, name)
        other = there.get(name)
        if key in EXECUTION_ONLY or other == value:
            continue
        if isinstance(value, dict) and isinstance(other, dict):
            found = _first_difference(other, value, key)
            if found is not None:
                return found
            continue
        return key, other, value
    return next((((*above, str(name)), there[name], None) for name in there if name not in here), None)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and value.isprintable() and value else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE_CHARS else f"{text[:_LONGEST_VALUE_CHARS]}…"
