"""HDF5 from anybody: what leads out of the file or is too large is refused in one line."""

from __future__ import annotations

import io
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from transforms.bounds.hdf5 import Hdf5Refused, open_hdf5


def written(write: Callable[[h5py.File], object]) -> io.BytesIO:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    buffer.seek(0)
    return buffer


def refusal(buffer: io.BytesIO, name: str = "a") -> str:
    with pytest.raises(Hdf5Refused) as caught, open_hdf5(buffer, most_bytes=1 << 20) as opened:
        opened.array(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_arrays_and_texts_are_read() -> None:
    def write(file: h5py.File) -> None:
        file["a"] = np.arange(6.0).reshape(2, 3)
        file["a"].attrs["Units"] = "metre"
        file.attrs["Conventions"] = np.bytes_("SOFA")

    with open_hdf5(written(write), most_bytes=1 << 20) as opened:
        found = opened.array("a")
        assert found is not None
        assert found.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert opened.shape("a") == (2, 3)
        assert (opened.text("Units", "a"), opened.text("Conventions"), opened.text("none")) == ("metre", "SOFA", None)
        assert opened.array("b") is None
        assert opened.names() == ["a"]


def test_what_leads_out_of_the_file_is_refused() -> None:
    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4,), dtype="f8")
        layout[:] = h5py.VirtualSource("/etc/other.h5", "a", (4,))
        file.create_virtual_dataset("a", layout)

    assert "link" in refusal(written(lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/a"))))
    assert "link" in refusal(written(lambda file: file.__setitem__("a", h5py.SoftLink("/a"))))
    assert "another file" in refusal(written(virtual))
    assert "another file" in refusal(
        written(lambda file: file.create_dataset("a", (4,), dtype="f8", external=[("/etc/passwd", 0, 32)]))
    )


def test_what_is_too_large_or_no_number_is_refused() -> None:
    assert "bytes, more than" in refusal(
        written(lambda file: file.create_dataset("a", (1 << 40,), dtype="f8", chunks=(1 << 10,)))
    )
    assert "bytes, more than" in refusal(
        written(lambda file: file.create_dataset("a", (4,), maxshape=(None,), dtype="f8", chunks=(1 << 20,)))
    )
    assert "no numbers" in refusal(written(lambda file: file.__setitem__("a", "text")))
    assert "no array" in refusal(written(lambda file: file.create_group("a")))
    assert "empty" in refusal(written(lambda file: file.__setitem__("a", h5py.Empty("f8"))))


@pytest.mark.parametrize("kept", [0, 7, 100, 600])
def test_a_damaged_file_is_refused(kept: int) -> None:
    whole = written(lambda file: file.__setitem__("a", np.arange(1000.0))).getvalue()
    assert "not HDF5" in refusal(io.BytesIO(whole[:kept]))
