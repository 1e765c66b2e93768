"""Reads MAT files of version 5 that may come from anybody; SciPy's reader crashes on a damaged one."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.bounds import Refused
from transforms.bounds.limits import MOST_MAT_BYTES, MOST_MAT_DEPTH, MOST_MAT_VALUES

SIGNATURE = b"MATLAB 5.0"
_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _TEXT = 1, 2, 4
#: Classes of numbers, from double to the integers of 64 bits.
_NUMERIC = range(6, 16)


class MatRefused(Refused):
    """A MAT file is damaged, or takes too much memory or time."""


def read_mat(data: bytes) -> dict[str, Any]:
    """The variables of a MAT file of version 5.

    Returns:
        For each variable its value: numbers as float64 in MATLAB's shape, text as str, a cell as an array of objects, a
        struct as a dictionary, and several structs as an array of dictionaries. Values of other kinds are None.

    Raises:
        MatRefused: it is damaged, or larger than the limits.
    """
    if not data.startswith(SIGNATURE) or len(data) < _HEADER_BYTES:
        raise MatRefused("it is no MAT file of version 5")
    return _Reader("<" if data[126:128] == b"IM" else ">").variables(data[_HEADER_BYTES:])


class _Reader:
    def __init__(self, order: str) -> None:
        self._order = order
        self._bytes_left, self._values_left = MOST_MAT_BYTES, MOST_MAT_VALUES

    def variables(self, data: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        at = 0
        while at < len(data):
            kind, content, at = self._element(data, at)
            if kind == _COMPRESSED:
                kind, content, _ = self._element(self._unpacked(content), 0)
            if kind == _MATRIX:
                name, value = self._matrix(content, 0)
                found[name] = value
        return found

    def _unpacked(self, content: bytes) -> bytes:
        inflate = zlib.decompressobj()
        try:
            unpacked = inflate.decompress(content, self._bytes_left + 1)
        except zlib.error as error:
            raise MatRefused(f"it is damaged: {error}") from error
        self._bytes_left -= len(unpacked)
        if self._bytes_left < 0:
            raise MatRefused(f"it would take more than {MOST_MAT_BYTES} bytes")
        return unpacked

    def _element(self, data: bytes, at: int) -> tuple[int, bytes, int]:
        """The type and the content of the element at an offset, and the offset of the next."""
        if at + 8 > len(data):
            raise MatRefused("it is cut")
        first, size = (int(number) for number in np.frombuffer(data, f"{self._order}u4", 2, at))
        if first >> 16:
            # A small element has its content in its tag.
            size = first >> 16
            if size > 4:
                raise MatRefused("it is damaged: a small element has more than four bytes")
            return first & 0xFFFF, data[at + 4 : at + 4 + size], at + 8
        if at + 8 + size > len(data):
            raise MatRefused("it is cut")
        padded = size if first == _COMPRESSED else -(-size // 8) * 8
        return first, data[at + 8 : at + 8 + size], at + 8 + padded

    def _matrix(self, data: bytes, depth: int) -> tuple[str, Any]:
        """The name and the value of a matrix; an empty one has neither."""
        self._values_left -= 1
        if self._values_left < 0 or depth > MOST_MAT_DEPTH:
            raise MatRefused(
                f"it holds more than {MOST_MAT_VALUES} values, or more than {MOST_MAT_DEPTH} in each other"
            )
        if not data:
            return "", np.zeros((0, 0))
        _, flags, at = self._element(data, 0)
        kind, shape_data, at = self._element(data, at)
        _, name, at = self._element(data, at)
        if len(flags) < 4 or kind != 5 or len(shape_data) % 4:
            raise MatRefused("it is damaged: a matrix has no dimensions")
        shape = tuple(int(side) for side in np.frombuffer(shape_data, f"{self._order}i4"))
        if not 2 <= len(shape) <= 8 or min(shape) < 0:
            raise MatRefused("it is damaged: a matrix has no dimensions")
        of_class = int(np.frombuffer(flags, f"{self._order}u4", 1)[0]) & 0xFF
        return name.decode("latin-1"), self._content(of_class, shape, data, at, depth)

    def _content(self, of_class: int, shape: tuple[int, ...], data: bytes, at: int, depth: int) -> Any:
        count = math.prod(shape)
        if of_class == _CELL:
            return self._cells(shape, count, data, at, depth)
        if of_class == _STRUCT:
            return self._structs(shape, count, data, at, depth)
        if of_class not in _NUMERIC and of_class != _TEXT:
            return None
        kind, content, _ = self._element(data, at)
        if of_class == _TEXT:
            encoding = _TEXTS.get(kind, "latin-1")
            marked = (
                f"{encoding}-{'le' if self._order == '<' else 'be'}" if encoding in ("utf-16", "utf-32") else encoding
            )
            return content.decode(marked, "replace")
        if kind not in _NUMBERS:
            raise MatRefused("it is damaged: a matrix of numbers holds none")
        dtype = np.dtype(self._order + _NUMBERS[kind])
        if count * dtype.itemsize != len(content):
            raise MatRefused("it is damaged: a matrix has other dimensions than numbers")
        return np.frombuffer(content, dtype).astype(np.float64).reshape(shape, order="F")

    def _cells(self, shape: tuple[int, ...], count: int, data: bytes, at: int, depth: int) -> NDArray[np.object_]:
        self._check_count(count, data, at)
        cells = np.empty(count, dtype=object)
        for index in range(count):
            cells[index], at = self._next_matrix(data, at, depth)
        return cells.reshape(shape, order="F")

    def _structs(self, shape: tuple[int, ...], count: int, data: bytes, at: int, depth: int) -> Any:
        _, longest_data, at = self._element(data, at)
        _, names_data, at = self._element(data, at)
        longest = int(np.frombuffer(longest_data, f"{self._order}i4", 1)[0]) if len(longest_data) == 4 else 0
        if longest <= 0 or len(names_data) % longest:
            raise MatRefused("it is damaged: a struct has no names of fields")
        names = [
            names_data[start : start + longest].split(b"\0")[0].decode("latin-1")
            for start in range(0, len(names_data), longest)
        ]
        self._check_count(count * max(1, len(names)), data, at if names else len(data))
        structs = np.empty(count, dtype=object)
        for index in range(count):
            structs[index] = {}
            for name in names:
                structs[index][name], at = self._next_matrix(data, at, depth)
        return structs[0] if count == 1 else structs.reshape(shape, order="F")

    def _check_count(self, count: int, data: bytes, at: int) -> None:
        """Refuses more values than can follow; each takes a tag of 8 bytes."""
        if count * 8 > len(data) - at:
            raise MatRefused("it is damaged: a matrix has more elements than bytes")

    def _next_matrix(self, data: bytes, at: int, depth: int) -> tuple[Any, int]:
        kind, content, at = self._element(data, at)
        if kind != _MATRIX:
            raise MatRefused("it is damaged: an element is no matrix")
        return self._matrix(content, depth + 1)[1], at
