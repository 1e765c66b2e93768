"""Which frames belong to a sound, and where it is in them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.frame_labels import frame_labels, rounded_positions, sounding_frames
from tests.pipeline.export.tiny_release import source

microseconds = st.integers(0, 3_000_000)


@given(microseconds, microseconds, microseconds)
def test_a_frame_belongs_to_a_sound_that_fills_half_of_it(onset_us: int, duration_us: int, length_us: int) -> None:
    frames = sounding_frames(onset_us / 1e6, duration_us / 1e6, length_us / 1e6)
    end_us = min(onset_us + duration_us, length_us)
    filled = {
        frame: Fraction(max(min(end_us, (frame + 1) * 100_000) - max(onset_us, frame * 100_000), 0), 100_000)
        for frame in range(61)
    }
    halves = [frame for frame, share in filled.items() if share >= Fraction(1, 2)]
    if halves:
        assert list(frames) == halves
    elif onset_us < end_us:
        (frame,) = frames
        assert filled[frame] == max(filled.values())
    else:
        assert not frames


@pytest.mark.parametrize(
    ("azimuth_deg", "rounded"), [(179.4, 179), (179.6, 180), (180.0, 180), (-179.6, 180), (-179.4, -179), (-0.4, 0)]
)
def test_azimuths_are_in_one_circle_from_minus_179_to_180(azimuth_deg: float, rounded: int) -> None:
    angle = np.radians(azimuth_deg)
    assert rounded_positions(np.array([[np.cos(angle), np.sin(angle), 0.0]])) == [(rounded, 0, 100)]


def test_a_source_over_the_head_does_not_spin() -> None:
    # A straight line a hand's breadth beside the zenith, from front to back.
    path = [
        {"time_s": 0.1 * step, "azimuth_deg": azimuth, "elevation_deg": elevation, "distance_m": distance}
        for step, azimuth, elevation, distance in ((0, 5.7, 63.3, 2.24), (1, 90.0, 87.1, 2.0), (2, 174.3, 63.3, 2.24))
    ]
    labels = frame_labels([source("bird", 0.0, 0.2, path=path)], [3], 0.2)
    assert [(label.frame, label.class_index) for label in labels] == [(0, 3), (1, 3)]
    assert [label.azimuth_deg for label in labels] == [11, 169]


def test_a_path_that_begins_between_frames_is_read_at_the_middle_of_what_sounds() -> None:
    path = [
        {"time_s": 0.14 + 0.1 * step, "azimuth_deg": 10.0 * step, "elevation_deg": 0.0, "distance_m": 1.0}
        for step in range(4)
    ]
    labels = frame_labels([source("car", 0.14, 0.3, path=path)], [0], 1.0)
    # The middles are at 0.17, 0.25, 0.35 and, of the 40 ms in frame 4, none.
    assert [(label.frame, label.azimuth_deg) for label in labels] == [(1, 3), (2, 11), (3, 21)]
