"""Rows of the orders 2 and 3: the first four channels are those of order 1, and the higher ones point the same way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.directions import angle_between_deg
from tests.transforms.scenes.scenes import MadeSounds, furnished, noise, placed_row
from transforms.receivers.receive import receive_direct, receive_response
from transforms.receivers.receiver import FIRST_ORDER, RoomReceivers
from transforms.receivers.settings import ReceiverSettings
from transforms.records import Row
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.image_sources import sn3d_harmonics
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import SceneRanges
from transforms.scenes.render_scenes import RenderedScene, render_scene
from transforms.scenes.settings import SceneSettings
from transforms.sound.render import Level
from transforms.sound.render_rows import RenderSettings, render_row

SOUNDS = {"dog": noise(1, 0.3), "bell": noise(2, 0.4)}
SETTINGS = RenderSettings(Level("fixed", -12.0, -1.0), 16, 30.0, 0.1, 300.0)
SCENES = SceneSettings(
    sources_min=2, sources_max=2, moving_share=0.5, duration_s=1.0, ambience_snr_min_db=10.0, ambience_snr_max_db=10.0,
    stems="both",
)  # fmt: skip


def of_order(order: int, noise_db: float | None = None) -> RoomReceivers:
    return RoomReceivers(ReceiverSettings(order=order, noise_db=noise_db), 7)


def scene_of(receivers: RoomReceivers, seed: int) -> RenderedScene:
    row = placed_row(SOUNDS, seed, SCENES)
    return render_scene(row, MadeSounds(SOUNDS), SETTINGS, SCENES, receivers)  # type: ignore[arg-type]


def moving(row: Row) -> list[bool]:
    assert row.scene is not None
    return [source.path is not None for source in row.scene.sources]


@pytest.mark.parametrize("noise_db", [None, -60.0])
def test_a_still_row_has_the_same_first_file_in_every_order(noise_db: float | None) -> None:
    room, row = furnished(), placed_row({"dog": SOUNDS["dog"]}, 3, SCENES)
    row = replace(row, scene=None, placement=place_source(3, room, SceneRanges()))
    assert row.placement is not None
    rendered = {}
    for order in (1, 2, 3):
        receivers = of_order(order, noise_db)
        response = receive_response(room, row.placement, receivers.in_room(room), seed=3)
        _, rendered[order] = render_row(replace(row, response=response), SOUNDS["dog"], "s", SETTINGS, receivers)
    own = {order: next(iter(files.flacs.values())) for order, files in rendered.items()}
    assert own[1] == own[2] == own[3]
    assert rendered[3].audio.degrees[0] == rendered[2].audio.degrees[0]
    assert [file.audio.channels for file in rendered.values()] == ["WYZX"] * 3


def test_scenes_with_moving_sources_ambience_and_stems_have_the_same_first_file_in_every_order() -> None:
    seed = next(seed for seed in range(20) if moving(placed_row(SOUNDS, seed, SCENES)) == [True, False])
    first, third = scene_of(FIRST_ORDER, seed), scene_of(of_order(3), seed)
    assert next(iter(third.files.flacs.values())) == next(iter(first.files.flacs.values()))
    assert len(third.files.flacs) == 3
    assert third.stems.keys() == first.stems.keys()
    for name, stem in first.stems.items():
        np.testing.assert_array_equal(third.stems[name], stem)


def test_the_higher_channels_of_the_direct_sound_point_to_the_source() -> None:
    room = furnished()
    grid = np.random.default_rng(1).normal(size=(400, 3))
    for seed in range(6):
        placement = place_source(seed, room, SceneRanges())
        direct = receive_direct(room, placement, of_order(3).in_room(room)).astype(np.float64)
        expected = direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
        for channels in (slice(4, 9), slice(9, 16)):
            # The gain of each channel against W, and the direction whose harmonics fit it best.
            gains = np.einsum("cn,n->c", direct[channels], direct[0]) / np.einsum("n,n->", direct[0], direct[0])
            # Even degrees do not tell a direction from its opposite: the search begins on the side of the source.
            found = np.array([vector if np.dot(vector, expected) > 0 else -vector for vector in grid])
            for spread in (0.1, 0.01, 0.001, 0.0001):
                found /= np.linalg.norm(found, axis=1, keepdims=True)
                errors = np.square(sn3d_harmonics(3, found)[:, channels] - gains).sum(axis=1)
                best = found[np.argmin(errors)]
                found = np.concatenate([best[None], best + spread * grid])
            assert angle_between_deg(best, expected) < 0.1
