"""HDF5 files that may come from anybody: only plain numbers and short texts inside the file are read, within limits."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from transforms.bounds import Refused
from transforms.bounds.limits import EXPANSION, EXPANSION_FREE_BYTES
from transforms.errors import first_line

#: Objects of a file, and how deep its groups lie in each other.
MOST_OBJECTS, MOST_DEPTH = 100_000, 16
#: All numbers of a variable, those that are held at a time, and those of one chunk, in bytes.
MOST_VARIABLE_BYTES, MOST_BLOCK_BYTES, MOST_CHUNK_BYTES = 64 << 30, 256 << 20, 64 << 20
#: The numbers of a variable that is no sound, such as positions.
MOST_NUMBERS = 4_000_000
#: An attribute of text.
MOST_ATTRIBUTE_BYTES = 64 << 10
_MOST_RANK = 6
_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: What h5py raises for a file that is damaged.
_DAMAGED = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, AttributeError, MemoryError)


class Hdf5Refused(Refused):
    """An HDF5 file that is not read; the message is one line without the name of the file."""


class Hdf5:
    """An open HDF5 file whose links all stay inside it."""

    def __init__(self, root: h5py.File, file_bytes: int) -> None:
        self.root = root
        self._file_bytes = file_bytes
        self._check_links()

    def attribute(self, name: str, variable: str | None = None) -> str | None:
        """An attribute of text, of the file or of a variable; None where it is missing, empty, or no text.

        Raises:
            Hdf5Refused: it is too long.
        """
        owner = self.root if variable is None else self.root.get(variable)
        if owner is None:
            return None
        return self.text_attribute(owner, name)

    def text_attribute(self, owner: Any, name: str) -> str | None:
        """As `attribute`, of an object that is open."""
        key = name.encode()
        if not h5py.h5a.exists(owner.id, key):
            return None
        found = owner.attrs.get_id(name)
        if found.get_storage_size() > MOST_ATTRIBUTE_BYTES:
            raise Hdf5Refused(f"its attribute {name} is longer than {MOST_ATTRIBUTE_BYTES} bytes")
        if found.get_type().get_class() != h5py.h5t.STRING or math.prod(found.shape or ()) != 1:
            return None
        value = owner.attrs[name]
        while isinstance(value, np.ndarray | list):
            value = value.item() if isinstance(value, np.ndarray) else value[0]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if len(text) > MOST_ATTRIBUTE_BYTES:
            raise Hdf5Refused(f"its attribute {name} is longer than {MOST_ATTRIBUTE_BYTES} bytes")
        return " ".join(text.replace("\0", "").split()) or None

    def has(self, name: str) -> bool:
        """Whether the file has a variable of this name at its top."""
        return isinstance(self.root.get(name), h5py.Dataset)

    def variable(self, name: str) -> h5py.Dataset:
        """A variable of numbers at the top of the file.

        Raises:
            Hdf5Refused: it is missing, or not read (see `checked`).
        """
        found = self.root.get(name)
        if not isinstance(found, h5py.Dataset):
            raise Hdf5Refused(f"it has no variable {name}")
        return self.checked(found, name)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """All numbers of a variable at the top of the file.

        Raises:
            Hdf5Refused: it is missing, not read, or larger than positions are.
        """
        return self.all_numbers(self.variable(name), name)

    def all_numbers(self, found: h5py.Dataset, name: str) -> NDArray[np.float64]:
        """All numbers of a variable that `checked` has let through."""
        if math.prod(found.shape) > MOST_NUMBERS:
            raise Hdf5Refused(f"{name} has {math.prod(found.shape)} numbers; at most {MOST_NUMBERS} are read")
        return np.asarray(found[()], dtype=np.float64)

    def checked(self, found: h5py.Dataset, name: str, *, references: bool = False) -> h5py.Dataset:
        """A variable, if it holds plain numbers (or references) inside this file, within all limits.

        Raises:
            Hdf5Refused: it does not.
        """
        plan = found.id.get_create_plist()
        if plan.get_layout() == h5py.h5d.VIRTUAL:
            raise Hdf5Refused(f"{name} is virtual; only numbers inside the file are read")
        if plan.get_layout() != h5py.h5d.CHUNKED and plan.get_external_count():
            raise Hdf5Refused(f"{name} lies in other files; only numbers inside the file are read")
        kind = found.id.get_type().get_class()
        if references:
            if h5py.check_ref_dtype(found.dtype) is not h5py.Reference:
                raise Hdf5Refused(f"{name} holds no references")
        elif kind not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT) or found.dtype.itemsize > 8:
            raise Hdf5Refused(f"{name} holds no plain numbers")
        shape = found.shape
        if shape is None or len(shape) > _MOST_RANK:
            raise Hdf5Refused(f"{name} has no dimensions that are read")
        for number in range(plan.get_nfilters()):
            if plan.get_filter(number)[0] not in _FILTERS:
                raise Hdf5Refused(f"{name} is compressed in a way that is not read; repack it with gzip (h5repack)")
        size_bytes, stored_bytes = math.prod(shape) * found.dtype.itemsize, found.id.get_storage_size()
        if size_bytes > MOST_VARIABLE_BYTES or size_bytes > EXPANSION * stored_bytes + EXPANSION_FREE_BYTES:
            raise Hdf5Refused(f"{name} would take {size_bytes} bytes; the file holds {stored_bytes} for it")
        if stored_bytes > self._file_bytes:
            raise Hdf5Refused(f"{name} is cut: it takes {stored_bytes} bytes, the file has {self._file_bytes}")
        if found.chunks is not None and math.prod(found.chunks) * found.dtype.itemsize > MOST_CHUNK_BYTES:
            raise Hdf5Refused(f"{name} has chunks larger than {MOST_CHUNK_BYTES} bytes; repack it (h5repack)")
        return found

    def blocks(self, found: h5py.Dataset, name: str, axis: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Reads a variable in parts along an axis; no chunk is decompressed twice.

        Yields:
            The index of the first slice of a part, and the part.

        Raises:
            Hdf5Refused: one slice, or the chunks of one, take more memory than a block may.
        """
        count = found.shape[axis]
        if not math.prod(found.shape):
            return
        slice_bytes = math.prod(found.shape) // count * max(4, found.dtype.itemsize)
        together = 1 if found.chunks is None else min(count, found.chunks[axis])
        if slice_bytes * together > MOST_BLOCK_BYTES:
            raise Hdf5Refused(
                f"{together} responses of {name} can only be read together, and take more than {MOST_BLOCK_BYTES} bytes"
            )
        step = max(1, MOST_BLOCK_BYTES // (slice_bytes * together) // 4) * together
        where: list[slice] = [slice(None)] * len(found.shape)
        for first in range(0, count, step):
            where[axis] = slice(first, min(first + step, count))
            yield first, found[tuple(where)]

    def _check_links(self) -> None:
        """Walks all groups, and refuses links of any other kind than hard ones, which cannot leave the file."""
        seen = set()
        waiting: list[tuple[h5py.Group, int]] = [(self.root, 0)]
        objects = 0
        while waiting:
            group, depth = waiting.pop()
            if depth > MOST_DEPTH:
                raise Hdf5Refused(f"its groups lie more than {MOST_DEPTH} deep in each other")
            for name in group:
                objects += 1
                if objects > MOST_OBJECTS:
                    raise Hdf5Refused(f"it holds more than {MOST_OBJECTS} objects")
                shown = name if isinstance(name, str) else repr(name)
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise Hdf5Refused(f"{shown[:60]} is a link; only what lies inside the file itself is read")
                if group.get(name, getclass=True) is h5py.Group:
                    below = group[name]
                    place = h5py.h5o.get_info(below.id).addr
                    if place not in seen:
                        seen.add(place)
                        waiting.append((below, depth + 1))


@contextlib.contextmanager
def open_hdf5(file: BinaryIO) -> Iterator[Hdf5]:
    """Opens an HDF5 file, which may be a MAT file of version 7.3.

    Raises:
        Hdf5Refused: it is no HDF5 file, it links to what is outside of it, or it is damaged, which may show only when
            its values are read inside the block.
    """
    file.seek(0)
    start = file.read(len(_SIGNATURE))
    if start != _SIGNATURE:
        what = "an older MAT file; save it with -v7.3" if start.startswith(b"MATLAB 5") else "no HDF5 file"
        what = "a netCDF-3 file; SOFA is netCDF-4" if start.startswith(b"CDF") else what
        # A MAT file of version 7.3 has a block for its own before the HDF5 signature.
        file.seek(512)
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            raise Hdf5Refused(f"it is {what}")
    size_bytes = file.seek(0, 2)
    try:
        with h5py.File(file, "r") as root:
            yield Hdf5(root, size_bytes)
    except Refused:
        raise
    except _DAMAGED as error:
        raise Hdf5Refused(f"it is damaged: {first_line(error)[:200]}") from error
