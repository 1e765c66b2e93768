"""Reads HDF5 from anybody, as SOFA and MAT 7.3 are: no link leads out of it, and the size of arrays is limited."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from transforms.bounds import Refused
from transforms.bounds.limits import (
    EXPANSION,
    EXPANSION_FREE_BYTES,
    MOST_HDF5_ATTRIBUTE_VALUES,
    MOST_HDF5_NAMES,
    MOST_HDF5_TEXT_CHARACTERS,
)
from transforms.errors import first_line

# What h5py and the library below it raise for files that are damaged.
_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, AttributeError, LookupError)


class Hdf5Refused(Refused):
    """HDF5 that cannot be read, or is larger than a limit allows; one line for the user."""


@contextmanager
def open_hdf5(file: BinaryIO, *, most_bytes: int) -> Iterator[Hdf5File]:
    """Opens an HDF5 file for reading.

    Args:
        file: the file, opened in binary mode.
        most_bytes: no array of it is larger.

    Raises:
        Hdf5Refused: it is no HDF5; the same of what is read inside the block.
    """
    import h5py

    try:
        size_bytes = file.seek(0, 2)
        file.seek(0)
        with h5py.File(file, "r") as opened:
            yield Hdf5File(opened, min(most_bytes, EXPANSION * size_bytes + EXPANSION_FREE_BYTES))
    except Refused:
        raise
    except _ERRORS as error:
        raise Hdf5Refused(f"it is not HDF5 that can be read: {first_line(error)}") from error


class Hdf5File:
    """An open HDF5 file; made by `open_hdf5`, in whose block its errors become `Hdf5Refused`."""

    def __init__(self, opened: Any, most_bytes: int) -> None:
        self._file = opened
        self._most_bytes = most_bytes

    def names(self) -> list[str]:
        """The names of arrays and groups at its top, sorted."""
        if len(self._file) > MOST_HDF5_NAMES:
            raise Hdf5Refused(f"it holds {len(self._file)} names, more than {MOST_HDF5_NAMES}")
        return sorted(self._file)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of an array; None if there is none of this name."""
        found = self._dataset(name)
        return None if found is None else tuple(int(length) for length in found.shape)

    def array(self, name: str) -> NDArray[Any] | None:
        """An array of numbers; None if there is none of this name.

        Raises:
            Hdf5Refused: its values are no numbers, or too many, or lie in another file.
        """
        found = self._dataset(name)
        if found is None:
            return None
        if found.dtype.kind not in "iuf":
            raise Hdf5Refused(f"{name} holds no numbers")
        for shape in (found.shape, found.chunks or ()):
            size_bytes = math.prod(shape) * found.dtype.itemsize
            if size_bytes > self._most_bytes:
                raise Hdf5Refused(f"{name} takes {size_bytes} bytes, more than {self._most_bytes}")
        return np.asarray(found[()])

    def text(self, attribute: str, of: str | None = None) -> str | None:
        """A text from the attributes of the file, or of the array `of`; None if there is no such text."""
        holder = self._file if of is None else self._dataset(of)
        if holder is None or attribute not in holder.attrs:
            return None
        described = holder.attrs.get_id(attribute)
        if math.prod(described.shape or (1,)) > MOST_HDF5_ATTRIBUTE_VALUES:
            raise Hdf5Refused(f"its attribute {attribute} has more than {MOST_HDF5_ATTRIBUTE_VALUES} values")
        if described.dtype.kind in "SU" and described.dtype.itemsize > 4 * MOST_HDF5_TEXT_CHARACTERS:
            raise Hdf5Refused(f"its attribute {attribute} is longer than {MOST_HDF5_TEXT_CHARACTERS} characters")
        value = holder.attrs[attribute]
        if isinstance(value, np.ndarray):
            value = value.ravel()[0] if value.size else ""
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return value[:MOST_HDF5_TEXT_CHARACTERS].strip("\0 ") if isinstance(value, str) else None

    def _dataset(self, name: str) -> Any:
        import h5py

        link = self._file.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise Hdf5Refused(f"{name} is a link to something else, which is not followed")
        found = self._file[name]
        if not isinstance(found, h5py.Dataset):
            raise Hdf5Refused(f"{name} is no array")
        if found.is_virtual or found.external:
            raise Hdf5Refused(f"the values of {name} lie in another file, which is not read")
        if found.shape is None:
            raise Hdf5Refused(f"{name} is empty")
        return found
