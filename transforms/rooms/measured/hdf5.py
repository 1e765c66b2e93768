"""HDF5 files of measured responses: what is wrong with one is said with its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from transforms.rooms.measured.files import MeasuredFile, MeasuredUnusable
from transforms.sofa.hdf5 import Hdf5, Hdf5Refused, open_hdf5


@contextlib.contextmanager
def opened_hdf5(file: MeasuredFile) -> Iterator[Hdf5]:
    """Opens an HDF5 file.

    Raises:
        MeasuredUnusable: it is no HDF5 file, it is damaged, or it links to what is outside of it; also when that shows
            inside the block.
    """
    with file.opened() as opened:
        try:
            with open_hdf5(opened) as hdf5:
                yield hdf5
        except Hdf5Refused as error:
            raise MeasuredUnusable(f"{file.name}: {error}") from error
