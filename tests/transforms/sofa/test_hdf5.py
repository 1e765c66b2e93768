"""HDF5 from anybody: what leads out of the file or is too large is refused in one line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from transforms.sofa.hdf5 import Hdf5Refused, open_hdf5


def written(write: Callable[[h5py.File], object]) -> io.BytesIO:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    buffer.seek(0)
    return buffer


def refusal(buffer: io.BytesIO, name: str = "a") -> str:
    with pytest.raises(Hdf5Refused) as caught, open_hdf5(buffer) as opened:
        opened.numbers(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_arrays_and_texts_are_read() -> None:
    def write(file: h5py.File) -> None:
        file["a"] = np.arange(6.0).reshape(2, 3)
        file["a"].attrs["Units"] = "metre"
        file.attrs["Conventions"] = np.bytes_("SOFA")

    with open_hdf5(written(write)) as opened:
        assert opened.numbers("a").tolist() == [[0, 1, 2], [3, 4, 5]]
        assert opened.attribute("Units", "a") == "metre"
        assert opened.attribute("Conventions") == "SOFA"
        assert opened.attribute("none") is None
        assert (opened.has("a"), opened.has("b")) == (True, False)


def test_what_leads_out_of_the_file_is_refused() -> None:
    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4,), dtype="f8")
        layout[:] = h5py.VirtualSource("/etc/other.h5", "a", (4,))
        file.create_virtual_dataset("a", layout)

    assert "link" in refusal(written(lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/a"))))
    assert "link" in refusal(written(lambda file: file.__setitem__("a", h5py.SoftLink("/a"))))
    assert "virtual" in refusal(written(virtual))
    assert "other files" in refusal(
        written(lambda file: file.create_dataset("a", (4,), dtype="f8", external=[("/etc/passwd", 0, 32)]))
    )


def test_what_is_too_large_or_no_number_is_refused() -> None:
    assert "would take" in refusal(
        written(lambda file: file.create_dataset("a", (1 << 40,), dtype="f8", chunks=(1 << 10,)))
    )
    assert "chunks larger" in refusal(
        written(lambda file: file.create_dataset("a", (4,), maxshape=(None,), dtype="f8", chunks=(1 << 24,)))
    )
    assert "no plain numbers" in refusal(written(lambda file: file.__setitem__("a", "text")))
    assert "no variable" in refusal(written(lambda file: file.create_group("a")))
    assert "no dimensions" in refusal(written(lambda file: file.__setitem__("a", h5py.Empty("f8"))))


@pytest.mark.parametrize("kept", [0, 7, 100, 600])
def test_a_damaged_file_is_refused(kept: int) -> None:
    whole = written(lambda file: file.__setitem__("a", np.arange(1000.0))).getvalue()
    assert re.search("no HDF5 file|damaged|link", refusal(io.BytesIO(whole[:kept])))
