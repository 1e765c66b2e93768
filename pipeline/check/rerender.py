"""Renders rows again from their metadata, and compares the integer samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.recipe import Recipe
from transforms.receivers.receive import receive_response
from transforms.records import Clip, Row
from transforms.rooms.place_source import SceneDoesNotFit
from transforms.rooms.responses.take_responses import take_response
from transforms.scenes.clip_pool import ListedPool
from transforms.scenes.gather_sounds import gather_sounds
from transforms.scenes.place_scenes import place_row_or_scene
from transforms.scenes.prepared_sounds import prepared_sounds
from transforms.scenes.render_scenes import render_row_or_scene
from transforms.seeds import derive_seed
from transforms.shards.release_rows import with_newer_columns
from transforms.sound.refusal import ClipRefused


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
        self._recordings = recipe.ambience_recordings()
        measured = recipe.measured_rooms()
        self._responses = measured.responses if measured is not None else None
        self._prepared = prepared_sounds(self._settings)
        self._receivers = recipe.room_receivers()

    def rerender(self, values: Mapping[str, Any]) -> Rerendered:
        """Renders a row again from its id, its seed and the recipe."""
        return Rerendered(values["id"], self._problem(values))

    def _problem(self, values: Mapping[str, Any]) -> str | None:
        clip = self._clips.get((values["split"], values["source_id"]))
        if clip is None:
            return f"the input lacks {values['source_id']}"
        try:
            row = self._with_sounds(Row(values["id"], clip, values["augmentation"], values["seed"]))
            files = self._files(row)
        except ClipRefused as refusal:
            return f"its clip is refused now: {refusal.reason}: {refusal}"
        stated = {source["source_id"]: source["source_sha256"] for source in with_newer_columns(values)["sources"]}
        for name, source_sha256 in files.items():
            if name not in stated:
                return f"the input gives it {name} as a companion"
            if source_sha256 != stated[name]:
                return f"its clip {name} is another file than the one it was made from"
        try:
            rendered = self._render(row)
        except SceneDoesNotFit as error:
            return f"its seed gives no placement: {error}"
        assert rendered.audio is not None
        room = rendered.measured or rendered.room
        assert room is not None
        stated_samples = [values["pcm_sha256"], *(values.get("degree_pcm_sha256") or ())]
        samples = [rendered.audio.pcm_sha256, *(file.pcm_sha256 for file in rendered.audio.degrees)]
        same = samples == stated_samples and room.room_id == values["room_id"]
        return None if same else "rendered again, its samples differ"

    def _with_sounds(self, row: Row) -> Row:
        if not self._scenes.are_on:
            return row
        return gather_sounds(row, self._scenes, self._pool, self._prepared, self._recordings)

    def _files(self, row: Row) -> dict[str, str]:
        """The SHA-256 of the file of each clip by the clip's id."""
        clips = [sound.clip for sound in row.sounds] or [row.clip]
        return {clip.source_id: self._prepared.of(clip)[1] for clip in clips}

    def _render(self, row: Row) -> Row:
        if self._responses is not None:
            row = take_response(row, self._responses)
            if row.measured is not None:
                return render_row_or_scene(row, self._prepared, self._settings, self._scenes).row
        room = self._supply.room_for(row.seed, row.clip.split)
        row = place_row_or_scene(replace(row, room=room), self._ranges, self._scenes)
        if row.scene is None:
            assert row.placement is not None
            receiver = self._receivers.in_room(room)
            row = replace(row, response=receive_response(room, row.placement, receiver, seed=row.seed))
        return render_row_or_scene(row, self._prepared, self._settings, self._scenes, self._receivers).row
