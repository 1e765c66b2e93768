"""A build with a larger limit in the folder of a release that has a smaller one: shards change, answers stay."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.build.begin import begun_with, stated_recipe
from pipeline.build.planning import BuildError, Plan, plan_listing
from pipeline.recipe import Recipe
from pipeline.release.layout import (
    ANSWERS,
    RECIPE,
    REJECTED,
    RELEASE_JSON,
    ROOT_FILES,
    gather,
    read_table,
)
from transforms.captions.unanswered import remove_note
from transforms.shards import workspace
from transforms.shards.plan_shards import PlannedShard
from transforms.shards.release_rows import ANSWER_SCHEMA, REJECTION_SCHEMA
from transforms.shards.write_shard import table_to_parquet
from transforms.sources import Listing
from transforms.storage import folder_files

#: The table of the answers of shards that are built again; a shard's own table may get the same name.
_EARLIER_ANSWERS = "earlier.parquet"


@dataclass(frozen=True)
class SmallerRelease:
    """A release, finished or not, of the same recipe and the same input with a smaller limit."""

    output: str
    limit: int
    plan: Plan
    """What it was built by."""

    def replaced(self, plan: Plan) -> tuple[PlannedShard, ...]:
        """Its shards that are not the same, clip by clip, in `plan`."""
        new = set(plan.shards)
        return tuple(shard for shard in self.plan.shards if shard not in new)

    def note(self, plan: Plan) -> str:
        """What a build by `plan` does with it, in one line."""
        again = len(self.replaced(plan))
        return (
            f"{self.output} has limit={self.limit}: {again} of its {len(self.plan.shards)} shards are built again, "
            "and no question that it has an answer to is asked again"
        )

    def new_shards(self, plan: Plan) -> tuple[int, ...]:
        """The numbers of the shards of `plan` that it has not, or not clip by clip the same."""
        mine = set(self.plan.shards)
        return tuple(number for number, shard in enumerate(plan.shards) if shard not in mine)

    @contextlib.contextmanager
    def untouched_if_refused(self) -> Iterator[None]:
        """Where the build is refused, a finished release is as it was: without the workspace that holds the lock."""
        try:
            yield
        except BuildError:
            if not folder_files.exists(self.output, workspace.STATE):
                folder_files.remove_folder(self.output, workspace.FOLDER)
            raise

    def make_room(self, plan: Plan) -> None:
        """Removes what a build by `plan` has to make anew; the answers stay, and the shards that are the same.

        A kill at any moment leaves a folder in which the smaller build and the larger one can both go on: until the
        larger one claims the folder it is the smaller one's.
        """
        output, replaced = self.output, self.replaced(plan)
        begun = begun_with(output) or {}
        state = {key: begun.get(key) for key in ("recipe_sha256", "input_sha256")}
        folder_files.write_bytes(output, workspace.STATE, json.dumps(state).encode())
        # From here on the folder holds no finished release.
        stale = [RELEASE_JSON, *(name for name in ROOT_FILES if name not in (RECIPE, ANSWERS, REJECTED))]
        folder_files.remove_files(output, stale)
        _gather_answers(output)
        _keep_rejections(output, [shard for shard in self.plan.shards if shard not in replaced])
        folder_files.remove_files(output, [workspace.shard_file(workspace.REJECTED, shard.path) for shard in replaced])
        for shard in replaced:
            remove_note(output, shard.path)
        folder_files.remove_folders(output, [shard.path for shard in replaced])
        folder_files.remove_folder(output, workspace.ROOMS)


def smaller_release(recipe: Recipe, input_dir: str, listing: Listing, output: str) -> SmallerRelease | None:
    """The release at `output` where nothing but a smaller limit keeps this recipe from going on there, else None."""
    begun = begun_with(output)
    limit = stated_recipe(output).get("limit") if begun is not None else None
    if begun is None or not isinstance(limit, int) or (recipe.limit is not None and recipe.limit <= limit):
        return None
    # Not taken from the folder but planned from the list: what is removed later is what such a build makes.
    smaller = recipe.model_copy(update={"limit": limit})
    if begun.get("recipe_sha256") != smaller.sha256():
        return None
    plan = plan_listing(smaller, input_dir, listing)
    if begun.get("input_sha256") != plan.input_sha256:
        return None
    if workspace.is_being_redone(output):
        raise BuildError(f"elsa captions redo {output} was stopped: run it again before a build with a larger limit")
    return SmallerRelease(output, limit, plan)


def _gather_answers(output: str) -> None:
    """Puts the answers of all shards into one table whose name no shard takes."""
    folder = workspace.folder_of(workspace.ANSWERS)
    names = folder_files.list_files(output, folder)
    tables = [name for name in names if name.endswith(".parquet") and name != _EARLIER_ANSWERS]
    if not tables:
        return
    with gather(output, workspace.ANSWERS, ANSWER_SCHEMA, ANSWERS) as gathered:
        records = [record for table in gathered.tables() for record in table.to_pylist()]
    folder_files.write_bytes(output, f"{folder}/{_EARLIER_ANSWERS}", table_to_parquet(records, ANSWER_SCHEMA))
    folder_files.remove_files(output, [f"{folder}/{name}" for name in tables])


def _keep_rejections(output: str, shards: Sequence[PlannedShard]) -> None:
    """Leaves in rejected.parquet only the clips of shards that stay; the others are decoded again."""
    if not folder_files.exists(output, REJECTED):
        return
    stay = {(clip.split, clip.source_id) for shard in shards for clip in shard.clips}
    rows = read_table(output, REJECTED).to_pylist()
    kept = [row for row in rows if (row["split"], row["source_id"]) in stay]
    folder_files.write_bytes(output, REJECTED, table_to_parquet(kept, REJECTION_SCHEMA))
