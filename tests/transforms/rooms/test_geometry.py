"""Directions become vectors in AmbiX's frame, and come back from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directions import angle_between_deg, vector_to_direction, wrap_azimuth
from transforms.rooms.geometry import direction_to_unit_vector


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "vector"),
    [(0, 0, (1, 0, 0)), (90, 0, (0, 1, 0)), (-90, 0, (0, -1, 0)), (180, 0, (-1, 0, 0)), (0, 90, (0, 0, 1))],
)
def test_axes(azimuth_deg: float, elevation_deg: float, vector: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(direction_to_unit_vector(azimuth_deg, elevation_deg), vector, atol=1e-15)


@given(st.floats(min_value=-179.999, max_value=180), st.floats(min_value=-89.9, max_value=89.9), st.floats(0.01, 1000))
def test_a_direction_comes_back_from_its_vector(azimuth_deg: float, elevation_deg: float, distance: float) -> None:
    azimuth, elevation, length = vector_to_direction(distance * direction_to_unit_vector(azimuth_deg, elevation_deg))
    assert wrap_azimuth(float(azimuth) - azimuth_deg) == pytest.approx(0, abs=1e-8)
    assert float(elevation) == pytest.approx(elevation_deg, abs=1e-8)
    assert float(length) == pytest.approx(distance, rel=1e-12)


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_wrapped_azimuths_lie_in_the_half_open_interval(azimuth_deg: float) -> None:
    assert -180.0 < wrap_azimuth(azimuth_deg) <= 180.0


def test_minus_180_is_plus_180() -> None:
    assert wrap_azimuth(-180.0) == 180.0
    assert float(vector_to_direction((-1.0, -0.0, 0.0))[0]) == 180.0


def test_small_angles_are_exact() -> None:
    angle = angle_between_deg(direction_to_unit_vector(0, 0), direction_to_unit_vector(1e-6, 0))
    assert float(angle) == pytest.approx(1e-6, rel=1e-6)
