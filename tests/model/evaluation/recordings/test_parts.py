"""Parts of one source: overlapping sounds, moving sources and mean directions, on labels by hand and drawn ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data import unit_direction
from model.evaluation.recordings.parts import LEAST_S, STILL_WITHIN_DEG, Label, parts_of_one_source


def label(start: float, end: float, azimuth: float, *, elevation: float = 0, source: str = "x", distance=1.0) -> Label:
    return Label(source, start, end, azimuth, elevation, distance)


def frames(azimuths, *, first: int = 0, source: str = "x", elevations=None, distances=None) -> list[Label]:
    """A label for each azimuth, in frames of 100 ms."""
    count = len(azimuths)
    values = zip(azimuths, elevations or [0] * count, distances or [1.0] * count, strict=True)
    return [
        Label(source, (first + i) / 10, (first + i + 1) / 10, azimuth, elevation, distance)
        for i, (azimuth, elevation, distance) in enumerate(values)
    ]


def test_parts_with_two_sources_are_left_out():
    parts = parts_of_one_source([label(0, 2, 10), label(1.5, 3, 50), label(4, 5, 90), label(4.9, 5.0, 20)])
    assert [(part.start_s, part.end_s, part.azimuth_deg) for part in parts] == [(0, 1.5, 10), (2, 3, 50), (4, 4.9, 90)]


def test_frames_of_one_source_are_one_part():
    (part,) = parts_of_one_source(frames([30] * 20, first=7, distances=[2.0] * 20))
    assert part == Label("x", 0.7, 2.7, 30, 0, 2.0)


def test_a_short_part_is_left_out():
    assert parts_of_one_source(frames([30, 30])) == []
    assert len(parts_of_one_source(frames([30, 30, 30]))) == 1
    # A gap of one frame ends a part.
    assert parts_of_one_source([*frames([30, 30]), *frames([30, 30], first=3)]) == []


def test_another_source_and_another_class_begin_another_part():
    parts = parts_of_one_source([*frames([30] * 5, source="a"), *frames([30] * 5, first=5, source="b")])
    assert [(part.source, part.start_s, part.end_s) for part in parts] == [("a", 0, 0.5), ("b", 0.5, 1)]


def test_two_sources_in_one_frame_are_two_even_with_the_same_number():
    assert parts_of_one_source(frames([30] * 5) + frames([-90] * 5)) == []


def test_a_moving_source_is_cut_where_it_leaves_the_direction_of_the_beginning():
    parts = parts_of_one_source(frames([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
    assert [(part.start_s, part.end_s) for part in parts] == [(0, 0.6), (0.6, 1.2)]
    assert [part.azimuth_deg for part in parts] == pytest.approx([2.5, 8.5], abs=1e-9)
    # A fast one has no part.
    assert parts_of_one_source(frames(range(0, 180, 6))) == []


def test_the_mean_direction_goes_over_the_back_and_the_zenith():
    (part,) = parts_of_one_source(frames([179, -179, 179, -179]))
    assert abs(part.azimuth_deg) == pytest.approx(180, abs=1e-9)
    (part,) = parts_of_one_source(frames([0, 180, 0, 180], elevations=[88] * 4))
    assert part.elevation_deg == pytest.approx(90, abs=1e-9)


def test_the_mean_distance_is_that_over_the_time():
    (part,) = parts_of_one_source([label(0, 0.3, 0, distance=1.0), label(0.3, 0.4, 0, distance=3.0)])
    assert part.distance_m == pytest.approx(1.5)
    (part,) = parts_of_one_source(frames([0] * 4, distances=[None] * 4))
    assert part.distance_m is None


# No deadline, because the machine can be busy.
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20), st.integers(-180, 180)), max_size=12))
def test_parts_never_overlap_another_label(drawn):
    labels = [label(start / 4, (start + length) / 4, a, source=str(i)) for i, (start, length, a) in enumerate(drawn)]
    parts = parts_of_one_source(labels)
    for part in parts:
        sounding = [own for own in labels if own.start_s < part.end_s and own.end_s > part.start_s]
        assert [own.source for own in sounding if own.start_s < own.end_s] == [part.source]
        assert part.end_s - part.start_s >= LEAST_S
    alone = sum(part.end_s - part.start_s for part in parts)
    ticks = [sum(start <= tick < start + length for start, length, _ in drawn) for tick in range(60)]
    # A quarter of a second is long enough, so all time of one source is in a part.
    assert alone == pytest.approx(ticks.count(1) / 4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-180, 180), st.integers(-90, 90)), min_size=1, max_size=30))
def test_a_source_stays_near_the_direction_of_its_part(drawn):
    labels = frames([azimuth for azimuth, _ in drawn], elevations=[elevation for _, elevation in drawn])
    for part in parts_of_one_source(labels):
        for own in labels:
            if part.start_s <= own.start_s < part.end_s:
                vectors = [unit_direction(each.azimuth_deg, each.elevation_deg) for each in (own, part)]
                assert math.dist(*vectors) <= 2 * math.sin(math.radians(STILL_WITHIN_DEG)) + 1e-9


def test_ten_minutes_of_five_sources_take_no_long_time():
    labels = [own for source in range(5) for own in frames([0] * 6000, source=str(source))]
    assert parts_of_one_source(labels) == []
