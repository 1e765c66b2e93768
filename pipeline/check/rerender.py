"""Renders rows again from their metadata, and compares the integer samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.recipe import Recipe
from transforms.records import Clip, Row, Sound
from transforms.rooms.place_source import SceneDoesNotFit, place_source
from transforms.rooms.simulate_response import simulate_response
from transforms.scenes.clip_pool import ListedPool
from transforms.scenes.gather_sounds import gather_sounds
from transforms.scenes.place_scenes import place_scene, with_scene
from transforms.scenes.prepared_sounds import prepared_sounds
from transforms.scenes.render_scenes import render_scene
from transforms.seeds import derive_seed
from transforms.shards.release_rows import with_sources
from transforms.sound.refusal import ClipRefused
from transforms.sound.render_rows import render_row


@dataclass(frozen=True)
class Rerendered:
    """A row that was rendered again; `problem` is None if its samples are those of the release."""

    id: str
    problem: str | None


def rerender_order(row: Mapping[str, Any]) -> tuple[int, str]:
    """The key by which rows are chosen: a hash of the id, so that the first ones come from all shards."""
    return derive_seed("rerender", row["id"]), row["id"]


class Rerenderer:
    """Renders rows of a release again from the clips of its input."""

    def __init__(self, recipe: Recipe, clips: Sequence[Clip]) -> None:
        self._settings, self._supply = recipe.render_settings(), recipe.room_supply()
        self._ranges, self._scenes = recipe.scene_ranges(), recipe.scene_settings()
        self._clips = {(clip.split, clip.source_id): clip for clip in clips}
        self._pool = ListedPool(clips if self._scenes.are_on else ())
        self._prepared = prepared_sounds(self._settings)

    def rerender(self, values: Mapping[str, Any]) -> Rerendered:
        """Renders a row again from its id, its seed and the recipe."""
        return Rerendered(values["id"], self._problem(values))

    def _problem(self, values: Mapping[str, Any]) -> str | None:
        clip = self._clips.get((values["split"], values["source_id"]))
        if clip is None:
            return f"the input lacks {values['source_id']}"
        try:
            row = self._with_sounds(Row(values["id"], clip, values["augmentation"], values["seed"]))
        except ClipRefused as refusal:
            return f"its clip is refused now: {refusal.reason}: {refusal}"
        stated = {source["source_id"]: source["source_sha256"] for source in with_sources(values)["sources"]}
        for sound in row.sounds:
            if sound.clip.source_id not in stated:
                return f"the input gives it {sound.clip.source_id} as a companion"
            if sound.source_sha256 != stated[sound.clip.source_id]:
                return f"its clip {sound.clip.source_id} is another file than the one it was made from"
        try:
            rendered = self._render(row)
        except SceneDoesNotFit as error:
            return f"its seed gives no placement: {error}"
        assert rendered.audio is not None
        assert rendered.room is not None
        same = rendered.audio.pcm_sha256 == values["pcm_sha256"] and rendered.room.room_id == values["room_id"]
        return None if same else "rendered again, its samples differ"

    def _with_sounds(self, row: Row) -> Row:
        if self._scenes.are_on:
            return gather_sounds(row, self._scenes, self._pool, self._prepared)
        samples, source_sha256 = self._prepared.of(row.clip)
        return replace(row, sounds=(Sound(row.clip, source_sha256, len(samples), 0.0),))

    def _render(self, row: Row) -> Row:
        room = self._supply.room_for(row.seed, row.clip.split)
        row = replace(row, room=room)
        if self._scenes.are_on:
            row = with_scene(row, place_scene(row, room, self._ranges, self._scenes))
            return render_scene(row, self._prepared, self._settings, self._scenes).row
        placement = place_source(row.seed, room, self._ranges)
        row = replace(row, placement=placement, response=simulate_response(room, placement, seed=row.seed))
        samples, source_sha256 = self._prepared.of(row.clip)
        rendered, _, _ = render_row(row, samples, source_sha256, self._settings)
        return rendered
