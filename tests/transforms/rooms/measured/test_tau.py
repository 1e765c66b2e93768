"""TAU-SRIR's MAT files, with tables in either version of MAT."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transforms.rooms.measured.sets import known, knowns, t30_at_rate, write_tau
from transforms.rooms.measured.files import MeasuredUnusable, measured_files
from transforms.rooms.measured.read_measured import files_sha256, read_measured
from transforms.rooms.measured.response import MeasuredResponse
from transforms.rooms.measured.settings import Conventions


@pytest.mark.parametrize("tables", ["5", "7.3"])
def test_each_direction_of_each_trajectory_and_height_is_a_response(tmp_path, tables):
    cells = [[knowns(2, 0), knowns(2, 2)], [knowns(2, 4), knowns(2, 6)], [knowns(2, 8), knowns(2, 10)]]
    write_tau(tmp_path, cells, tables=tables)
    found = list(read_measured(measured_files([str(tmp_path)]), Conventions()))
    ones = [one for trajectory in cells for height in trajectory for one in height]
    assert [response.response_id for response in found] == [f"rirs_02_gym.mat#{n + 1}" for n in range(12)]
    for response, one in zip(found, ones, strict=True):
        assert isinstance(response, MeasuredResponse), response
        assert response.azimuth_deg == pytest.approx(one.placement.azimuth_deg, abs=1e-4)
        assert response.elevation_deg == pytest.approx(one.placement.elevation_deg, abs=1e-4)
        assert response.acoustics.t30_ms == pytest.approx(t30_at_rate(one, 24_000), rel=0.01)
        assert (response.room_id, response.length_m, response.floor_area_m2) == ("gym", 9.0, 63.0)
    # The first response of a trajectory has the distance that the table holds for it.
    for index in (0, 4, 8):
        assert found[index].distance_m == pytest.approx(ones[index].placement.distance_m, abs=1e-4)


def test_a_file_that_is_named_alone_brings_its_tables(tmp_path):
    write_tau(tmp_path, [[[known(0)]]])
    files = measured_files([str(tmp_path / "rirs_02_gym.mat")])
    assert [file.name for file in files] == ["measinfo.mat", "rirdata.mat", "rirs_02_gym.mat"]
    assert len(list(read_measured(files, Conventions()))) == 1
    before = files_sha256(files)
    (tmp_path / "measinfo.mat").write_bytes(b"")
    assert files_sha256(files) != before


def test_responses_without_directions_are_refused_in_one_line(tmp_path):
    write_tau(tmp_path, [[[known(0)]]])
    (tmp_path / "rirdata.mat").unlink()
    with pytest.raises(MeasuredUnusable, match=r"^rirs_02_gym\.mat: no rirdata\.mat beside it, which holds its dir"):
        list(read_measured(measured_files([str(tmp_path)]), Conventions()))


def test_a_matrix_with_other_directions_than_the_table_is_refused(tmp_path):
    write_tau(tmp_path, [[knowns(3)]])
    import h5py

    with h5py.File(tmp_path / "rirdata.mat", "a") as file:
        del file["#refs#/00"]
        file["rirdata/room/doas"][0, 0] = file.create_dataset("#refs#/new", data=np.ones((3, 2))).ref
    with pytest.raises(MeasuredUnusable, match="has 2 directions for it"):
        list(read_measured(measured_files([str(tmp_path)]), Conventions()))
