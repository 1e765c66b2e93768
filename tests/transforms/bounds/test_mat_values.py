"""MAT files of version 5: what SciPy writes is read, and damaged ones are refused."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import scipy.io

from transforms.bounds import mat_values
from transforms.bounds.mat_values import MatRefused, read_mat


def written(values: dict, **options: object) -> bytes:
    target = io.BytesIO()
    scipy.io.savemat(target, values, **options)
    return target.getvalue()


def values() -> dict:
    cells = np.empty((2, 3), dtype=object)
    for place in np.ndindex(2, 3):
        cells[place] = np.arange(sum(place) + 1.0)[:, None] + np.zeros((1, 3))
    rooms = np.empty((1, 2), dtype=[("name", object), ("doas", object)])
    rooms[0, 0], rooms[0, 1] = ("gym", cells), ("café", np.eye(3, dtype=np.int16))
    return {
        "rirdata": {"fs": 24_000, "room": rooms},
        "ones": np.ones((2, 3, 4), dtype=np.float32),
        "empty": np.zeros((0, 3)),
    }


@pytest.mark.parametrize("packed", [False, True])
def test_what_scipy_writes_is_read(packed):
    given, found = values(), read_mat(written(values(), do_compression=packed))
    assert found["rirdata"]["fs"] == 24_000
    first, second = found["rirdata"]["room"].ravel()
    assert (first["name"], second["name"]) == ("gym", "café")
    assert first["doas"].shape == (2, 3)
    for place, cell in np.ndenumerate(given["rirdata"]["room"][0, 0]["doas"]):
        assert np.array_equal(first["doas"][place], cell)
    assert np.array_equal(second["doas"], np.eye(3))
    assert found["ones"].shape == (2, 3, 4)
    assert found["empty"].shape == (0, 3)


def test_a_file_of_the_other_byte_order_is_read():
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    body = np.array([6, 8, 6, 0, 5, 8, 1, 2], ">u4").tobytes() + b"\x00\x01\x00\x01x\0\0\0"
    body += np.array([9, 16], ">u4").tobytes() + np.array([1.5, -2.0], ">f8").tobytes()
    assert read_mat(head + np.array([14, len(body)], ">u4").tobytes() + body)["x"].tolist() == [[1.5, -2.0]]


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(packed):
    data = written(values(), do_compression=packed)
    for seed in range(400):
        draw = random.Random(seed)
        damaged = bytearray(data[: draw.randrange(len(data))] if seed % 8 == 0 else data)
        for _ in range(draw.choice((1, 2, 8))):
            if len(damaged) > 136:
                at = draw.randrange(128, len(damaged) - 4)
                damaged[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\0\0\0\x80", draw.randbytes(4)))
        try:
            read_mat(bytes(damaged))
        except MatRefused:
            continue


@pytest.mark.parametrize(("name", "limit"), [("MOST_MAT_VALUES", 5), ("MOST_MAT_DEPTH", 1), ("MOST_MAT_BYTES", 100)])
def test_a_file_beyond_a_limit_is_refused(monkeypatch, name, limit):
    data = written(values(), do_compression=True)
    monkeypatch.setattr(mat_values, name, limit)
    with pytest.raises(MatRefused, match=f"{limit} "):
        read_mat(data)
