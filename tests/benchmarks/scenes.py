"""Measures scenes: directions of their sounds, stems, and what they cost: ``python -m tests.benchmarks.scenes``."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tests.directions import angle_between_deg
from transforms.records import Clip, Placement, Room, Row, Sound
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.image_sources import image_sources
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import simulate_response
from transforms.scenes.gather_sounds import level_db
from transforms.scenes.place_scenes import place_scene, with_scene
from transforms.scenes.render_scenes import render_scene
from transforms.scenes.settings import SceneSettings
from transforms.shards.plan_shards import make_row
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.render import Level
from transforms.sound.render_rows import RenderSettings, render_row

RANGES = SceneRanges()
SIXTEEN = RenderSettings(Level("fixed", -12.0, -1.0), 16, 30.0, 4.0, 300.0)
DEEP = replace(SIXTEEN, bit_depth=24)
# The direct sound is alone until the first reflection arrives; the filters of octaves ring a little before it.
_RINGING_SAMPLES = 24
_LONGEST_WINDOW = round(0.01 * SAMPLE_RATE)


class Sounds:
    """Made sounds by the ids of their clips, as a worker keeps prepared ones."""

    def __init__(self, sounds: dict[str, NDArray[np.float32]]) -> None:
        self._sounds = sounds

    def of(self, clip: Clip) -> tuple[NDArray[np.float32], str]:
        """The samples of a clip (n,), and a name for their hash."""
        return self._sounds[clip.source_id], clip.source_id


def noise(seed: int, seconds: float) -> NDArray[np.float32]:
    """White noise (n,) at a tenth of full scale."""
    draw = np.random.Generator(np.random.Philox(key=seed))
    return draw.uniform(-0.1, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def scene_row(sounds: dict[str, NDArray[np.float32]], seed: int, room: Room, settings: SceneSettings) -> Row:
    """A row with its scene, of these sounds."""
    of_row = tuple(
        Sound(Clip("made", "test", name, name, (name,)), name, len(samples), level_db(samples))
        for name, samples in sounds.items()
    )
    row = replace(make_row(of_row[0].clip, 0, seed), room=room, sounds=of_row)
    return with_scene(row, place_scene(row, room, RANGES, settings))


def measured_direction(foa: NDArray[np.floating], room: Room, placement: Placement, onset: int) -> NDArray[np.float64]:
    """The direction (3,) of a sound that begins at a sample, measured in its direct sound.

    The samples before it are what sounds already; the window ends before the first reflection.
    """
    first, second = image_sources(room, placement, placement.distance_m + 20.0).distance_m[:2] / SPEED_OF_SOUND_M_S
    begin = onset + round(first * SAMPLE_RATE)
    length = min(max(round((second - first) * SAMPLE_RATE) - _RINGING_SAMPLES, _RINGING_SAMPLES), _LONGEST_WINDOW)
    window = np.asarray(foa[begin : begin + length], dtype=np.float64)
    return np.array([np.sum(window[:, 0] * window[:, channel]) for channel in (3, 1, 2)])


def direction_errors(count: int) -> list[float]:
    """The angle in degrees between the direction of a sound in a rendered scene and that of its row, for each sound.

    Two sounds of noise, one after the other; scenes in which they overlap are left out.
    """
    sounds = {"one": noise(1, 0.4), "other": noise(2, 0.4)}
    settings = SceneSettings(sources_min=2, sources_max=2, duration_s=6.0)
    errors: list[float] = []
    seed = found = 0
    while found < count:
        seed += 1
        room = sample_room(seed, "test", 0, RoomRanges())
        row = scene_row(sounds, seed, room, settings)
        assert row.scene is not None
        first, second = row.scene.sources
        # The first one has died away by so much that it does not turn the second one.
        if second.onset_s < first.onset_s + first.duration_s + room.t30_ms / 1000.0:
            continue
        found += 1
        pcm = render_scene(row, Sounds(sounds), DEEP, settings).pcm  # type: ignore[arg-type]
        for source in row.scene.sources:
            placement = source.placement
            onset = round(source.onset_s * SAMPLE_RATE)
            expected = direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
            errors.append(float(angle_between_deg(measured_direction(pcm, room, placement, onset), expected)))
    return errors


def stem_error(count: int) -> int:
    """The largest difference, in steps of 24 bits, between a mixture and the sum of its wet stems and its ambience."""
    sounds = {"one": noise(1, 1.0), "other": noise(2, 1.5), "third": noise(3, 0.7)}
    settings = SceneSettings(
        sources_min=3, sources_max=3, moving_share=0.5, duration_s=3.0, stems="wet",
        ambience_snr_min_db=20.0, ambience_snr_max_db=20.0,
    )  # fmt: skip
    worst = 0
    for seed in range(count):
        room = sample_room(seed, "test", 0, RoomRanges())
        rendered = render_scene(scene_row(sounds, seed, room, settings), Sounds(sounds), DEEP, settings)  # type: ignore[arg-type]
        total = sum(stem.astype(np.int64) for stem in rendered.stems.values())
        worst = max(worst, int(np.abs(total - rendered.pcm).max()))
    return worst


def costs(repeats: int, seconds: float = 10.0) -> dict[str, list[float]]:
    """CPU seconds of rows, in turn: one still source without a scene, and scenes."""
    sounds = {name: noise(number, seconds) for number, name in enumerate(("one", "other", "third"))}
    one = {"one": sounds["one"]}
    still = SceneSettings(sources_min=3, sources_max=3, duration_s=seconds)
    moving = SceneSettings(moving_share=1.0)

    def plain(seed: int, room: Room) -> None:
        placement = place_source(seed, room, RANGES)
        row = replace(make_row(Clip("made", "test", "one", "one", ("one",)), 0, seed), room=room, placement=placement)
        row = replace(row, response=simulate_response(room, placement, seed=seed))
        render_row(row, sounds["one"], "one", SIXTEEN)

    def of(chosen: dict[str, NDArray[np.float32]], settings: SceneSettings) -> Callable[[int, Room], None]:
        def render(seed: int, room: Room) -> None:
            row = scene_row(chosen, seed, room, settings)
            render_scene(row, Sounds(chosen), SIXTEEN, settings)  # type: ignore[arg-type]

        return render

    kinds: dict[str, Callable[[int, Room], None]] = {
        "one still source": plain,
        "three still sources": of(sounds, still),
        "one moving source": of(one, moving),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for seed in range(repeats + 1):
        room = sample_room(seed, "test", 0, RoomRanges())
        for kind, render in kinds.items():
            begun = time.process_time()
            render(seed, room)
            if seed:
                taken[kind].append(time.process_time() - begun)
    return taken


def main() -> int:
    """Prints a table; returns 1 if a bound is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scenes", description=__doc__)
    parser.add_argument("--scenes", type=int, default=100, help="scenes whose directions are measured")
    parser.add_argument("--repeats", type=int, default=20, help="rows of each kind whose cost is measured")
    arguments = parser.parse_args()
    errors = direction_errors(arguments.scenes)
    stems = stem_error(max(arguments.scenes // 5, 1))
    taken = costs(arguments.repeats)
    base = statistics.median(taken["one still source"])
    rows = [
        (
            f"direction of two sounds, one after the other, {arguments.scenes} scenes",
            f"median {statistics.median(errors):.2f}°, largest {max(errors):.2f}°",
            "median 0.5°",
            statistics.median(errors) <= 0.5,
        ),
        ("stems and ambience against the mixture", f"{stems} steps of 24 bits", "1 step", stems <= 1),
    ]
    for kind, bound in (("three still sources", 3.2), ("one moving source", 8.0)):
        pairs = zip(taken[kind], taken["one still source"], strict=True)
        ratio = statistics.median(other / plain for other, plain in pairs)
        rows.append(
            (
                f"CPU time of {kind}, against one still source ({base:.2f} s)",
                f"{ratio:.2f}×",
                f"{bound}×",
                ratio <= bound,
            )
        )
    print("| | measured | at most | |")
    print("|---|---|---|---|")
    for name, measured, bound_text, holds in rows:
        print(f"| {name} | {measured} | {bound_text} | {'' if holds else 'missed'} |")
    return 0 if all(holds for *_, holds in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
