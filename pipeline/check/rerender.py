"""Renders rows again from their metadata, and compares the integer samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.recipe import Recipe
from transforms.records import Clip, Row
from transforms.rooms.place_source import SceneDoesNotFit, place_row
from transforms.rooms.simulate_response import simulate_response
from transforms.seeds import derive_seed
from transforms.sound.clip_audio import ClipRefused
from transforms.sound.render_rows import prepare_source, render_row


@dataclass(frozen=True)
class Rerendered:
    """A row that was rendered again; `problem` is None if its samples are those of the release."""

    id: str
    problem: str | None


def rerender_order(row: Mapping[str, Any]) -> tuple[int, str]:
    """The key by which rows are chosen: a hash of the id, so that the first ones come from all shards."""
    return derive_seed("rerender", row["id"]), row["id"]


def rerender(values: dict[str, Any], recipe: Recipe, clip_of: Callable[[str, str], Clip | None]) -> Rerendered:
    """Renders a row again from its id, its seed and the recipe; `clip_of` finds a clip by split and source_id."""
    clip = clip_of(values["split"], values["source_id"])
    if clip is None:
        return Rerendered(values["id"], f"the input lacks {values['source_id']}")
    settings = recipe.render_settings()
    try:
        source, source_sha256 = prepare_source(clip, settings)
    except ClipRefused as refusal:
        return Rerendered(values["id"], f"its clip is refused now: {refusal.reason}: {refusal}")
    if source_sha256 != values["source_sha256"]:
        return Rerendered(values["id"], "its clip is another file than the one it was made from")
    row = Row(values["id"], clip, values["augmentation"], values["seed"])
    try:
        row = place_row(row, recipe.room_supply(), recipe.scene_ranges())
    except SceneDoesNotFit as error:
        return Rerendered(values["id"], f"its seed gives no placement: {error}")
    room, placement = row.room, row.placement
    assert room is not None
    assert placement is not None
    row = replace(row, response=simulate_response(room, placement, seed=row.seed))
    rendered, _, _ = render_row(row, source, source_sha256, settings)
    assert rendered.audio is not None
    same = rendered.audio.pcm_sha256 == values["pcm_sha256"] and room.room_id == values["room_id"]
    return Rerendered(values["id"], None if same else "rendered again, its samples differ")
