"""Files of strangers: what leaves the file, fills memory or is no plain number is refused in one line."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.transforms.rooms.measured.sets import csv_row, known, write_csv, write_tau
from transforms.bounds import mat_values
from transforms.records import Rejection
from transforms.rooms.measured.files import MeasuredUnusable, measured_files
from transforms.rooms.measured.read_measured import read_measured
from transforms.rooms.measured.settings import Conventions
from transforms.sofa import hdf5


def write_plain(path: Path) -> Path:
    """A small SOFA file by h5py alone, with attributes as bytes and as text."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"Conventions": "SOFA", "SOFAConventions": np.bytes_("SingleRoomSRIR"), "DataType": "FIR"})
        file["Data.IR"] = np.random.default_rng(0).standard_normal((2, 4, 100))
        file["Data.SamplingRate"] = np.array([48_000.0])
        file["SourcePosition"] = np.array([[1.0, 0, 0], [0, 1, 0]])
        file["SourcePosition"].attrs.update({"Type": "cartesian", "Units": "metre"})
    return path


def replace_ir(file: h5py.File, make: Callable[[], object]) -> None:
    del file["Data.IR"]
    make()


def external_link(file):
    replace_ir(file, lambda: file.__setitem__("Data.IR", h5py.ExternalLink("/etc/passwd", "/x")))


def soft_link(file):
    replace_ir(file, lambda: file.__setitem__("Data.IR", h5py.SoftLink("/other")))


def unused_external_link(file):
    file["aside/deeper"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_storage(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", (2, 4, 100), "f8", external=[("/etc/passwd", 0, 6400)]))


def virtual(file):
    layout = h5py.VirtualLayout((2, 4, 100), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2, 4, 100))
    replace_ir(file, lambda: file.create_virtual_dataset("Data.IR", layout))


def huge_shape(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", (1 << 30, 4, 1 << 20), "f8", chunks=(1, 4, 1 << 10)))


def never_written(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", (1_000, 4, 1 << 16), "f8", chunks=(1, 4, 1 << 10)))


def bomb(file):
    def make():
        found = file.create_dataset("Data.IR", (200, 4, 1 << 17), "f8", chunks=(1, 4, 1 << 17), compression="gzip")
        packed = zlib.compress(bytes(4 << 20), 9)
        for number in range(200):
            found.id.write_direct_chunk((number, 0, 0), packed)

    replace_ir(file, make)


def odd_filter(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", data=np.ones((2, 4, 100)), compression="lzf"))


def variable_length(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", (2, 4, 100), h5py.vlen_dtype(np.float64)))


def texts(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", (2, 4, 100), h5py.string_dtype()))


def compound(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", (2, 4, 100), np.dtype([("a", "f8"), ("b", "i4")])))


def opaque(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", data=np.zeros((2, 4, 100), "V64")))


def no_space(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", data=h5py.Empty("f8")))


def many_dimensions(file):
    replace_ir(file, lambda: file.create_dataset("Data.IR", data=np.zeros((1,) * 20)))


def deep_groups(file):
    file.create_group("/".join(["a"] * 40))


def group_as_variable(file):
    replace_ir(file, lambda: file.create_group("Data.IR"))


def huge_attribute(file):
    file.attrs.create("License", "x" * (1 << 17), dtype=h5py.string_dtype(length=1 << 15))
    file.attrs["Title"] = "x" * 60_000
    del file.attrs["SOFAConventions"]
    file.attrs.create("SOFAConventions", "y" * 60_000)


def no_rate(file):
    file["Data.SamplingRate"][0] = np.nan


def other_shape(file):
    del file["SourcePosition"]
    file["SourcePosition"] = np.zeros((7, 3))


HOSTILE = [
    (external_link, "Data.IR is a link"),
    (soft_link, "Data.IR is a link"),
    (unused_external_link, "deeper is a link"),
    (external_storage, "Data.IR lies in other files"),
    (virtual, "Data.IR is virtual"),
    (huge_shape, "Data.IR would take 36028797018963968 bytes"),
    (never_written, "Data.IR would take 2097152000 bytes; the file holds 0 for it"),
    (bomb, "Data.IR would take 838860800 bytes; the file holds"),
    (odd_filter, "Data.IR is compressed in a way that is not read"),
    (variable_length, "Data.IR holds no plain numbers"),
    (texts, "Data.IR holds no plain numbers"),
    (compound, "Data.IR holds no plain numbers"),
    (opaque, "Data.IR holds no plain numbers"),
    (no_space, "Data.IR has no dimensions that are read"),
    (many_dimensions, "Data.IR has no dimensions that are read"),
    (deep_groups, "its groups lie more than 16 deep in each other"),
    (group_as_variable, "it has no variable Data.IR"),
    (huge_attribute, "holds no room responses"),
    (no_rate, "Data.SamplingRate needs one number"),
    (other_shape, "SourcePosition has the shape (7, 3); Data.IR has 2 measurements"),
]


def refusal(path: Path) -> str:
    start = time.process_time()
    with pytest.raises(MeasuredUnusable) as refused:
        for _ in read_measured(measured_files([str(path)]), Conventions()):
            pass
    assert time.process_time() - start < 5
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    return str(refused.value)


@pytest.mark.parametrize(("make", "expected"), HOSTILE, ids=lambda value: getattr(value, "__name__", ""))
def test_a_hostile_sofa_file_is_refused_in_one_line(tmp_path, make, expected):
    path = write_plain(tmp_path / "hall.sofa")
    with h5py.File(path, "a") as file:
        make(file)
    message = refusal(path)
    assert message.startswith("hall.sofa: ")
    assert expected in message


def test_chunks_that_are_larger_than_memory_should_take_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_CHUNK_BYTES", 3_000)
    path = write_plain(tmp_path / "hall.sofa")
    with h5py.File(path, "a") as file:
        replace_ir(file, lambda: file.create_dataset("Data.IR", data=np.ones((2, 4, 100)), chunks=(1, 4, 100)))
    assert "Data.IR has chunks larger than 3000 bytes; repack it" in refusal(path)


def test_groups_that_hold_each_other_end(tmp_path):
    path = write_plain(tmp_path / "hall.sofa")
    with h5py.File(path, "a") as file:
        file["a/b"] = file.create_group("a")
        file["a/root"] = file["/"]
    assert [type(one) for one in read_measured(measured_files([str(path)]), Conventions())] == [Rejection] * 2


def test_a_file_of_too_many_objects_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_OBJECTS", 2)
    assert "more than 2 objects" in refusal(write_plain(tmp_path / "hall.sofa"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no HDF5 file"),
        (b"CDF\x01" + bytes(100), "a netCDF-3 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is damaged"),
        (b"\x80\x04\x95pickle" + bytes(100), "no HDF5 file"),
        (os.urandom(2_000), "no HDF5 file"),
    ],
)
def test_what_is_no_hdf5_file_is_refused(tmp_path, content, expected):
    (tmp_path / "hall.sofa").write_bytes(content)
    assert expected in refusal(tmp_path)


def test_a_file_that_is_cut_is_refused(tmp_path):
    path = write_plain(tmp_path / "hall.sofa")
    data = path.read_bytes()
    for size in (600, len(data) // 2, len(data) - 8):
        path.write_bytes(data[:size])
        assert "damaged" in refusal(path)


def test_a_link_in_place_of_a_file_is_refused(tmp_path):
    write_plain(tmp_path / "elsewhere.sofa")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "hall.sofa").symlink_to(tmp_path / "elsewhere.sofa")
    assert refusal(tmp_path / "set") == "hall.sofa cannot be read: is a link, not a file"


def test_references_that_lead_nowhere_are_refused(tmp_path):
    write_tau(tmp_path, [[[known(0)]]])
    with h5py.File(tmp_path / "rirs_02_gym.mat", "a") as file:
        del file["#refs#/00"]
    assert refusal(tmp_path).startswith("rirs_02_gym.mat")


def test_references_of_a_table_that_hold_each_other_end(tmp_path):
    write_tau(tmp_path, [[[known(0)]]])
    with h5py.File(tmp_path / "rirdata.mat", "a") as file:
        cells = file["rirdata/room/doas"]
        cells[0, 0] = cells.ref
    assert "rirdata.mat: it holds more than 20000 values, or more than 8 in each other" in refusal(tmp_path)


def test_a_table_of_version_5_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mat_values, "MOST_MAT_BYTES", 1 << 21)
    write_tau(tmp_path, [[[known(0)]]], tables="5")
    packed = zlib.compress(bytes(4 << 20), 9)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    (tmp_path / "rirdata.mat").write_bytes(head + np.array([15, len(packed)], "<u4").tobytes() + packed)
    assert refusal(tmp_path) == "rirdata.mat cannot be read: it would take more than 2097152 bytes"


@pytest.mark.parametrize("name", ["../a.wav", "/etc/passwd", "sub/../../a.wav", "link.wav"])
def test_a_list_that_leads_out_of_its_folder_loses_the_row_alone(tmp_path, name):
    one = known(0)
    rows = [csv_row(name, one), csv_row("b.wav", one)]
    write_csv(tmp_path / "set", rows, {"b.wav": (one.samples, 48_000)})
    write_csv(tmp_path, [], {"a.wav": (one.samples, 48_000)}) if name != "link.wav" else None
    (tmp_path / "set" / "link.wav").symlink_to(tmp_path / "a.wav")
    rejected, taken = read_measured(measured_files([str(tmp_path / "set")]), Conventions())
    assert isinstance(rejected, Rejection)
    assert (rejected.reason, rejected.stage) == ("outside", "measured room")
    assert rejected.detail.startswith("responses.csv, line 2: ")
    assert taken.response_id == "b.wav"
