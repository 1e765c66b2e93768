"""Plans a build from the lists of its input alone: shards, rooms, and rejected entries."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pipeline.measured_rooms import MeasuredRooms
from pipeline.recipe import Recipe, RecipeError
from transforms.records import SPLITS, Clip, Rejection
from transforms.rooms.responses.stored_responses import StoredResponses
from transforms.rooms.room_design import RoomDoesNotExist
from transforms.rooms.room_supply import RoomSupply
from transforms.shards.plan_shards import PlannedShard, deal_clips, input_sha256, make_row, plan_shards
from transforms.sources import Listing

__all__ = ["BuildError", "Plan", "plan_build", "plan_listing", "plan_summary"]


class BuildError(ValueError):
    """A build that cannot start."""


@dataclass(frozen=True)
class Plan:
    """The plan of a build: shards of clips, the rooms that they use, and the entries that the list rejects."""

    shards: tuple[PlannedShard, ...]
    rooms: tuple[tuple[str, int], ...]
    rejections: tuple[Rejection, ...]
    input_sha256: str
    room_visits: int = 0
    """The sum of the rooms of all shards; a shard samples each of its rooms once."""
    pool: tuple[Clip, ...] = ()
    """The clips that companions in scenes are drawn from: all of the input, whatever the limit; none without scenes."""
    responses: StoredResponses | None = None
    """The responses of measured rooms, if the recipe has some."""
    notes: tuple[str, ...] = ()
    """Facts about the input that reject nothing, such as how clips without a split are dealt."""

    @property
    def shard_paths(self) -> tuple[str, ...]:
        """The folders of all shards in the release, by number."""
        return tuple(shard.path for shard in self.shards)

    @property
    def clip_count(self) -> int:
        return sum(len(shard.clips) for shard in self.shards)


def plan_build(recipe: Recipe, input_dir: str) -> Plan:
    """Lists the input and distributes its clips over shards; decodes nothing.

    Raises:
        SourceUnusable: if the input cannot be listed.
        BuildError: if there is nothing to build, or a split has clips and no rooms.
    """
    return plan_listing(recipe, input_dir, recipe.list_input(input_dir))


def plan_listing(recipe: Recipe, input_dir: str, listing: Listing) -> Plan:
    """Distributes the clips of a listing of `input_dir` over shards; the second half of `plan_build`.

    Raises:
        BuildError: if there is nothing to build, or a split has clips and no rooms.
    """
    clips = deal_clips(listing.clips, recipe.limit)
    augmentations = recipe.augmentations.model_dump()
    shards = plan_shards(clips, seed=recipe.seed, rows_per_shard=recipe.rows_per_shard, augmentations=augmentations)
    if not shards:
        first = (
            f"; the first rejected: {listing.rejections[0].file}: {listing.rejections[0].detail}"
            if listing.rejections
            else ""
        )
        raise BuildError(f"{input_dir} gives no clip to build from{first}")
    supply = recipe.room_supply()
    try:
        supply.check()
    except RoomDoesNotExist as error:
        raise BuildError(f"recipe key rooms.own: {error}") from error
    measured = _measured_rooms(recipe)
    responses = measured.responses if measured is not None else None
    for split in SPLITS:
        if responses is not None and responses.rooms(split):
            continue
        if not supply.count(split) and any(shard.split == split for shard in shards):
            raise BuildError(f"recipe key rooms.{split} is 0, but the input has clips of that split")
    rooms: set[tuple[str, int]] = set()
    visits = 0
    for shard in shards:
        of_shard = {
            (clip.split, room_index(make_row(clip, version, recipe.seed).seed, clip.split, supply, responses))
            for clip in shard.clips
            for version in range(augmentations[shard.split])
        }
        visits += len(of_shard)
        rooms |= of_shard
    scenes = recipe.scene_settings().are_on
    return Plan(
        shards=tuple(shards),
        rooms=tuple(sorted(rooms)),
        rejections=(*listing.rejections, *(measured.rejections if measured is not None else ())),
        input_sha256=input_sha256(listing.clips, labels=True) if scenes else input_sha256(clips),
        room_visits=visits,
        pool=tuple(listing.clips) if scenes else (),
        responses=responses,
        notes=(*listing.notes, *(measured.notes if measured is not None else ())),
    )


def room_index(row_seed: int, split: str, supply: RoomSupply, responses: StoredResponses | None) -> int:
    """The number of a row's room among the rooms of its split: the measured ones, if the split has some."""
    if responses is not None and responses.rooms(split):
        return responses.index_for(row_seed, split)
    return supply.index_for(row_seed, split)


def _measured_rooms(recipe: Recipe) -> MeasuredRooms | None:
    try:
        return recipe.measured_rooms()
    except RecipeError as error:
        raise BuildError(str(error)) from error


def plan_summary(recipe: Recipe, plan: Plan) -> dict[str, object]:
    """The numbers of rows, shards, rooms and captions of a plan, as plain values."""
    versions = recipe.augmentations.model_dump()
    rows = dict.fromkeys(SPLITS, 0)
    captions = 0
    of_original = recipe.caption.versions
    for shard in plan.shards:
        rows[shard.split] += len(shard.clips) * versions[shard.split]
        captions += of_original * sum(len(clip.captions) for clip in shard.clips) * versions[shard.split]
    return {
        "recipe": recipe.name,
        "clips": plan.clip_count,
        "rows": sum(rows.values()),
        "rows_by_split": rows,
        "captions": captions,
        "shards": len(plan.shards),
        "rooms": len(plan.rooms),
        "rejected": [asdict(rejection) for rejection in plan.rejections],
    }
