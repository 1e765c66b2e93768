"""A folder of AmbiX files with a responses.csv: what its rows become, and what is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.transforms.rooms.measured.sets import at_rate, csv_row, in_convention, known, t30_at_rate, write_csv
from transforms.records import Rejection
from transforms.rooms.measured.files import measured_files
from transforms.rooms.measured.read_measured import read_measured
from transforms.rooms.measured.response import MeasuredResponse
from transforms.rooms.measured.settings import Conventions


def read(path: Path, conventions: Conventions = Conventions()) -> list[MeasuredResponse | Rejection]:  # noqa: B008
    return list(read_measured(measured_files([str(path)]), conventions))


@pytest.mark.parametrize(
    ("rate", "name"), [(24_000, "a.wav"), (44_100, "sub/a.flac"), (48_000, "a.wav"), (96_000, "a.wav")]
)
def test_a_row_has_the_direction_distance_and_t30_of_its_response(tmp_path, rate, name):
    one = known(1)
    write_csv(
        tmp_path, [csv_row(name, one, length_m=5, width_m=4, license="CC0")], {name: (at_rate(one.samples, rate), rate)}
    )
    (response,) = read(tmp_path)
    assert isinstance(response, MeasuredResponse)
    assert (response.response_id, response.room_id, response.license) == (name, one.room.room_id, "CC0")
    assert response.azimuth_deg == pytest.approx(one.placement.azimuth_deg, abs=1e-5)
    assert response.elevation_deg == pytest.approx(one.placement.elevation_deg, abs=1e-5)
    assert response.distance_m == one.placement.distance_m
    assert (response.length_m, response.floor_area_m2, response.height_m) == (5, 20, None)
    assert response.acoustics.t30_ms == pytest.approx(t30_at_rate(one, rate), rel=0.01)
    assert response.direct_sample == pytest.approx(one.placement.distance_m / 343.0 * 48_000, abs=1.0)


def test_samples_of_48_khz_are_those_of_the_file(tmp_path):
    one = known(1)
    write_csv(tmp_path, [csv_row("a.wav", one)], {"a.wav": (in_convention(one.samples, "fuma", "fuma"), 48_000)})
    (response,) = read(tmp_path, Conventions("fuma"))
    assert np.allclose(response.samples, one.samples, atol=1e-6)
