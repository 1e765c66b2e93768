"""Rows with sounds, for the tests of scenes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transforms.records import Clip, Room, Row, Scene, Sound
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import sample_room
from transforms.scenes.gather_sounds import level_db
from transforms.scenes.place_scenes import place_scene, with_scene
from transforms.scenes.settings import SceneSettings
from transforms.shards.plan_shards import make_row
from transforms.sound.clip_audio import SAMPLE_RATE

RANGES = SceneRanges()


def clip_of(name: str, split: str = "train") -> Clip:
    return Clip("made", split, name, f"/nowhere/{name}", (f"{name} sounds.",))


def noise(seed: int, seconds: float) -> NDArray[np.float32]:
    """White noise (n,) at a tenth of full scale."""
    samples = np.random.default_rng(seed).uniform(-0.1, 0.1, round(seconds * SAMPLE_RATE))
    return samples.astype(np.float32)


class MadeSounds:
    """Takes the part of PreparedSounds: sounds by the ids of their clips; a clip without one is refused."""

    def __init__(self, sounds: dict[str, NDArray[np.float32]], refusal: Exception | None = None) -> None:
        self.sounds = sounds
        self.refusal = refusal

    def of(self, clip: Clip) -> tuple[NDArray[np.float32], str]:
        if clip.source_id not in self.sounds:
            raise self.refusal or KeyError(clip.source_id)
        samples = self.sounds[clip.source_id]
        return samples, hashlib.sha256(samples.tobytes()).hexdigest()


def furnished(seed: int = 3) -> Room:
    return sample_room(seed, "train", 0, RoomRanges())


def sounding_row(sounds: dict[str, NDArray[np.float32]], seed: int, room: Room | None = None) -> Row:
    """A row with a room and these sounds."""
    of_row = tuple(
        Sound(clip_of(name), f"sha of {name}", len(samples), level_db(samples)) for name, samples in sounds.items()
    )
    return replace(make_row(of_row[0].clip, 0, seed), room=room or furnished(), sounds=of_row)


def placed_row(
    sounds: dict[str, NDArray[np.float32]], seed: int, settings: SceneSettings, room: Room | None = None
) -> Row:
    """A row with a room, these sounds, and its scene."""
    row = sounding_row(sounds, seed, room)
    assert row.room is not None
    return with_scene(row, place_scene(row, row.room, RANGES, settings))


def scene_of(
    sounds: dict[str, NDArray[np.float32]], seed: int, settings: SceneSettings, room: Room | None = None
) -> Scene:
    """The scene of such a row."""
    scene = placed_row(sounds, seed, settings, room).scene
    assert scene is not None
    return scene
