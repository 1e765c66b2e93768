"""Interpolation between directions: exact at them, and right between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.receivers.heads import ring_grid, unit_vectors
from transforms.receivers.directions import MeasuredDirections, RegularGrid, distinct_directions
from transforms.rooms.image_sources import sn3d_harmonics

GRID = RegularGrid(72)
HEAD = MeasuredDirections(unit_vectors(*ring_grid(15.0)))
angles = st.tuples(st.floats(-180.0, 180.0), st.floats(-90.0, 90.0))


@given(angles)
def test_a_grid_gives_spherical_harmonics_between_its_directions(angle: tuple[float, float]) -> None:
    direction = unit_vectors(*np.array([angle]).T)
    found = GRID.weights(direction) @ sn3d_harmonics(3, GRID.unit_vectors)
    assert np.abs(found - sn3d_harmonics(3, direction)).max() < 1e-5


@given(angles)
def test_triangles_surround_each_direction(angle: tuple[float, float]) -> None:
    direction = unit_vectors(*np.array([angle]).T)
    weights = HEAD.weights(direction).toarray()
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    middle = weights @ HEAD.unit_vectors
    assert np.sum(middle * direction) / np.linalg.norm(middle) == pytest.approx(1.0, abs=1e-9)


def test_a_measured_direction_stands_alone() -> None:
    weights = HEAD.weights(HEAD.unit_vectors).toarray()
    assert np.abs(weights - np.eye(HEAD.size)).max() < 1e-5


def test_areas_cover_the_sphere_evenly() -> None:
    areas = HEAD.areas()
    assert areas.sum() == pytest.approx(1.0)
    # Second moments of an even sphere are a third each.
    moments = np.einsum("d,di,dj->ij", areas, HEAD.unit_vectors, HEAD.unit_vectors)
    assert np.abs(moments - np.eye(3) / 3.0).max() < 0.01


def test_directions_that_do_not_surround_the_listener_are_refused() -> None:
    ring = unit_vectors(np.arange(0.0, 360.0, 10.0), np.zeros(36))
    with pytest.raises(ValueError, match="do not surround"):
        MeasuredDirections(ring)
    with pytest.raises(ValueError, match="half of the sphere"):
        MeasuredDirections(unit_vectors(*ring_grid(15.0, lowest_deg=0.0)))


def test_a_repeated_direction_counts_once() -> None:
    vectors = unit_vectors(np.array([0.0, 90.0, 360.0, 180.0]), np.zeros(4))
    assert distinct_directions(vectors).tolist() == [0, 1, 3]
