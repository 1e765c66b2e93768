"""The TAU-SRIR database: its MAT files of responses, and the directions and distances in rirdata.mat and measinfo.mat.

A file `rirs_NN_room.mat` (version 7.3, which is HDF5) holds for each trajectory and height a matrix of samples,
channels and directions. MATLAB writes the dimensions of a matrix to HDF5 in reverse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from transforms.bounds.limits import MOST_MAT_DEPTH, MOST_MAT_VALUES
from transforms.bounds.mat_values import SIGNATURE, MatRefused, read_mat
from transforms.errors import reason_of
from transforms.records import Rejection
from transforms.rooms.measured.files import TABLES, MeasuredFile, MeasuredUnusable
from transforms.rooms.measured.hdf5 import opened_hdf5
from transforms.rooms.measured.prepare import check_length
from transforms.rooms.measured.response import STAGE, RawResponse, ResponseRejected
from transforms.rooms.measured.settings import Conventions
from transforms.rooms.ranges import LONGEST_SIDE_M
from transforms.sofa.coordinates import Vector, from_angles, unit
from transforms.sofa.hdf5 import MOST_NUMBERS, Hdf5, Hdf5Refused
from transforms.storage import folder_files

DIRECTIONS, MEASUREMENTS = TABLES
SAMPLE_RATE_HZ = 24_000.0
CHANNELS = 4
_MOST_TABLE_BYTES = 32 << 20


def is_table(file: MeasuredFile) -> bool:
    """Whether a MAT file describes others and holds no responses."""
    return file.inner.rpartition("/")[2].lower() in TABLES


@dataclass(frozen=True)
class _Room:
    """What the tables say of a room."""

    directions: NDArray[np.object_]
    """For each trajectory and height the directions, (n, 3) as vectors or (n, 2) as azimuth and elevation."""
    size_m: Vector | None
    distances: Any
    heights_m: NDArray[np.float64]


def read_tau(file: MeasuredFile) -> Iterator[RawResponse | Rejection]:
    """Reads the ambisonic responses of a room, trajectory by trajectory and height by height.

    Raises:
        MeasuredUnusable: a file is missing, damaged or hostile, or does not have the layout of TAU-SRIR.
    """
    found = re.fullmatch(r"rirs_(\d+)_(.+)\.mat", file.inner.rpartition("/")[2], re.IGNORECASE)
    if found is None:
        raise MeasuredUnusable(f"{file.name} is no file of TAU-SRIR: those are rirs_NN_room.mat, {DIRECTIONS}")
    room_id = found[2]
    room = _room(file, room_id)
    number = 0
    with opened_hdf5(file) as hdf5:
        rate = _sample_rate(hdf5)
        for trajectory, height, matrix in _matrices(hdf5, room.directions.shape):
            stated = room.directions[trajectory, height]
            axes = _axes(hdf5, matrix.shape, len(stated))
            for first, block in hdf5.blocks(matrix, "rirs", axes[0]):
                block = np.transpose(block, axes)
                for offset, samples in enumerate(block):
                    number += 1
                    response_id = f"{file.name}#{number}"
                    try:
                        check_length(samples.shape[1], rate)
                        direction = _direction(stated[first + offset])
                    except ResponseRejected as error:
                        detail = f"{response_id}: {error}"
                        yield Rejection(file.name, STAGE, error.reason, detail, file.split, response_id)
                        continue
                    yield RawResponse(
                        file=file.name,
                        response_id=response_id,
                        room_id=room_id,
                        split=file.split,
                        direction=direction,
                        samples=np.ascontiguousarray(samples, dtype=np.float32),
                        sample_rate=rate,
                        of_file=Conventions("acn", "sn3d"),
                        distance_m=_distance_m(room, trajectory, height, first + offset, direction),
                        length_m=room.size_m[0] if room.size_m else None,
                        width_m=room.size_m[1] if room.size_m else None,
                        height_m=room.size_m[2] if room.size_m else None,
                        floor_area_m2=round(room.size_m[0] * room.size_m[1], 6) if room.size_m else None,
                    )


def _sample_rate(hdf5: Hdf5) -> float:
    if not hdf5.has("fs"):
        return SAMPLE_RATE_HZ
    return float(hdf5.numbers("fs").ravel()[0])


def _matrices(hdf5: Hdf5, shape: tuple[int, ...]) -> Iterator[tuple[int, int, h5py.Dataset]]:
    """The trajectory, the height and the matrix of each cell that is not empty."""
    group = hdf5.root.get("rirs")
    if group is None:
        raise Hdf5Refused("it has no variable rirs")
    cells = group.get("foa") if isinstance(group, h5py.Group) else group
    if not isinstance(cells, h5py.Dataset):
        raise Hdf5Refused("it has no responses in the format foa")
    if not _is_references(cells):
        if shape != (1, 1):
            raise Hdf5Refused(f"rirs has one cell, {DIRECTIONS} has {shape[0]} times {shape[1]}")
        yield 0, 0, hdf5.checked(cells, "rirs")
        return
    cells = hdf5.checked(cells, "rirs", references=True)
    references = np.asarray(cells[()], dtype=object).reshape(cells.shape)
    by_trajectory = references.T if references.T.shape == shape else references
    if by_trajectory.shape != shape:
        raise Hdf5Refused(f"rirs has {references.T.shape} cells, {DIRECTIONS} has {shape}: trajectories and heights")
    for trajectory, height in np.ndindex(*shape):
        reference = by_trajectory[trajectory, height]
        if not reference:
            continue
        cell = hdf5.root[reference]
        cell = cell.get("foa") if isinstance(cell, h5py.Group) else cell
        if not isinstance(cell, h5py.Dataset):
            raise Hdf5Refused("a cell of rirs holds no responses in the format foa")
        if cell.attrs.get("MATLAB_empty") or cell.shape is None or cell.ndim < 2:
            continue
        yield trajectory, height, hdf5.checked(cell, "rirs")


def _axes(hdf5: Hdf5, shape: tuple[int, ...], directions: int) -> tuple[int, ...]:
    """The axes of directions, channels and samples of a matrix in HDF5."""
    if len(shape) == 2 and directions == 1:
        raise Hdf5Refused(f"rirs has a matrix of the shape {shape}; it needs directions, channels and samples")
    for axes in ((0, 1, 2), (2, 1, 0)):
        if len(shape) == 3 and shape[axes[0]] == directions and shape[axes[1]] == CHANNELS:
            return axes
    raise Hdf5Refused(
        f"rirs has a matrix of the shape {shape[::-1]}; {DIRECTIONS} has {directions} directions for it,"
        f" and {CHANNELS} channels are needed"
    )


def _direction(stated: NDArray[np.float64]) -> Vector:
    if len(stated) == 2:
        if not np.all(np.isfinite(stated)):
            raise ResponseRejected("no_position", "its direction is missing")
        return from_angles(float(stated[0]), float(stated[1]))
    x, y, z = (float(value) for value in stated)
    direction = unit((x, y, z))
    if direction is None:
        raise ResponseRejected("no_position", "its direction is missing")
    return direction


def _distance_m(room: _Room, trajectory: int, height: int, index: int, direction: Vector) -> float | None:
    """The distance of a source: told for each cell, or that of its trajectory from the axis that it goes around."""
    distances = room.distances
    if distances is None:
        return None
    if distances.dtype == object:
        if distances.shape != room.directions.shape:
            return None
        values = np.asarray(distances[trajectory, height], dtype=np.float64).ravel()
        distance = float(values[index if index < values.size > 1 else 0]) if values.size else math.nan
    elif distances.size == room.directions.shape[0]:
        # A trajectory around the microphone has one distance from the upright axis, at all heights.
        across = math.hypot(direction[0], direction[1])
        distance = float(distances.ravel()[trajectory]) / across if across > 1e-6 else math.nan
    elif distances.shape == (3, room.directions.shape[0]) and height < room.heights_m.size:
        # A straight trajectory runs along y; its distance is that from the y axis at the microphone.
        away, _, above = distances[:, trajectory]
        across = math.hypot(direction[0], direction[2])
        from_axis = math.hypot(away, above + room.heights_m[height])
        distance = float(from_axis) / across if across > 1e-6 else math.nan
    else:
        return None
    return round(distance, 6) if math.isfinite(distance) and 0.0 < distance <= LONGEST_SIDE_M else None


def _room(file: MeasuredFile, room_id: str) -> _Room:
    rooms = _records(_field(_field(_table(file, DIRECTIONS), "rirdata"), "room"))
    names = [_name(room) for room in rooms]
    if room_id not in names:
        known = ", ".join(name for name in names if name)
        raise MeasuredUnusable(f"{file.name}: {DIRECTIONS} has no room {room_id!r}; it has {known[:200] or 'none'}")
    index = names.index(room_id)
    # Cells come first, because the numbers of directions are a matrix too.
    values = sorted(rooms[index].values(), key=lambda value: not _is_cell(value))
    directions = next((found for value in values if (found := _directions(value)) is not None), None)
    if directions is None:
        raise MeasuredUnusable(f"{file.name}: {DIRECTIONS} has no directions of room {room_id!r}")
    described = _measured_room(file, room_id, index, len(rooms))
    size = next((value for name, value in described.items() if re.search("dimension|size", name, re.I)), None)
    size_m = None
    if isinstance(size, np.ndarray) and size.dtype != object and size.size == 3:
        sides = [float(side) for side in size.ravel()]
        if all(0.0 < side <= LONGEST_SIDE_M for side in sides):
            size_m = (sides[0], sides[1], sides[2])
    distances = next((value for name, value in described.items() if re.search("dist", name, re.I)), None)
    heights = next((value for name, value in described.items() if re.search("height", name, re.I)), None)
    heights_m = heights.ravel() if isinstance(heights, np.ndarray) and heights.dtype != object else np.zeros(0)
    return _Room(directions, size_m, distances if isinstance(distances, np.ndarray) else None, heights_m)


def _measured_room(file: MeasuredFile, room_id: str, index: int, count: int) -> dict[str, Any]:
    """What measinfo.mat says of a room; nothing where that file is missing or lists other rooms."""
    if not folder_files.exists(file.folder, file.beside(MEASUREMENTS)):
        return {}
    rooms = _records(_field(_table(file, MEASUREMENTS), "measinfo"))
    named = next((room for room in rooms if room_id in [_text(value) for value in room.values()]), None)
    return named or (rooms[index] if len(rooms) == count else {})


def _is_cell(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "O"


def _directions(value: Any) -> NDArray[np.object_] | None:
    """Directions by trajectory and height, if a value holds that."""
    if isinstance(value, np.ndarray) and value.dtype != object and value.ndim == 2 and value.shape[1] == 3:
        alone = np.empty((1, 1), dtype=object)
        alone[0, 0] = value
        return alone
    if not (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 2 and value.size):
        return None
    cells = np.empty(value.shape, dtype=object)
    some = False
    for place, cell in np.ndenumerate(value):
        numbers = cell if isinstance(cell, np.ndarray) and cell.dtype != object else None
        if numbers is None or (numbers.size and (numbers.ndim != 2 or numbers.shape[1] not in (2, 3))):
            return None
        cells[place] = numbers if numbers.size else np.zeros((0, 3))
        some = some or bool(numbers.size)
    return cells if some else None


def _name(room: dict[str, Any]) -> str | None:
    named = [value for name, value in room.items() if "name" in name.lower()]
    return next((text for value in (*named, *room.values()) if (text := _text(value)) is not None), None)


def _text(value: Any) -> str | None:
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1:
        return str(value.ravel()[0])
    return value if isinstance(value, str) else None


def _field(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) and name in value else value


def _records(value: Any) -> list[dict[str, Any]]:
    """A struct array as one dictionary for each of its elements."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [record for one in value.ravel() for record in _records(one)]
    if not isinstance(value, dict):
        return []
    # In HDF5 a struct array is a group, and each field holds a reference for each element.
    sizes = {one.size if isinstance(one, np.ndarray) and one.dtype == object else 0 for one in value.values()}
    shapes = {one.shape for one in value.values() if isinstance(one, np.ndarray) and one.dtype == object}
    if len(sizes) == 1 and len(shapes) == 1 and 1 in next(iter(shapes)):
        return [{key: one.ravel()[index] for key, one in value.items()} for index in range(sizes.pop())]
    return [value]


def _table(file: MeasuredFile, name: str) -> dict[str, Any]:
    """A table beside a file as plain values: structs as dictionaries, cells as arrays of objects.

    Raises:
        MeasuredUnusable: it is missing, damaged, or too large.
    """
    table = MeasuredFile(
        f"{file.name.rpartition('/')[0]}/{name}".lstrip("/"), file.path, file.folder, file.beside(name)
    )
    try:
        data = folder_files.read_bytes(table.folder, table.inner, _MOST_TABLE_BYTES)
    except FileNotFoundError as error:
        raise MeasuredUnusable(f"{file.name}: no {name} beside it, which holds its directions") from error
    except OSError as error:
        raise MeasuredUnusable(f"{table.name} cannot be read: {reason_of(error)}") from error
    if data.startswith(SIGNATURE):
        try:
            return read_mat(data)
        except MatRefused as error:
            raise MeasuredUnusable(f"{table.name} cannot be read: {error}") from error
    with opened_hdf5(table) as hdf5:
        reader = _Values(hdf5)
        return {key: reader.value(hdf5.root[key], 0) for key in hdf5.root if key != "#refs#"}


def _objects(values: list[Any], shape: tuple[int, ...]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array.reshape(shape)


def _is_references(found: Any) -> bool:
    return isinstance(found, h5py.Dataset) and h5py.check_ref_dtype(found.dtype) is h5py.Reference


class _Values:
    """Reads MATLAB's values out of HDF5, within limits."""

    def __init__(self, hdf5: Hdf5) -> None:
        self.hdf5 = hdf5
        self._left, self._numbers_left = MOST_MAT_VALUES, MOST_NUMBERS

    def value(self, found: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MOST_MAT_DEPTH:
            raise Hdf5Refused(
                f"it holds more than {MOST_MAT_VALUES} values, or more than {MOST_MAT_DEPTH} in each other"
            )
        if isinstance(found, h5py.Group):
            return {name: self.value(found[name], depth + 1) for name in found}
        if not isinstance(found, h5py.Dataset):
            raise Hdf5Refused("it holds what is no value of MATLAB")
        if "MATLAB_empty" in found.attrs and self.hdf5.checked(found, "a value").size:
            return np.zeros((0, 0))
        if _is_references(found):
            references = np.asarray(self.hdf5.checked(found, "a cell", references=True)[()], dtype=object)
            cells = [self.value(self.hdf5.root[one], depth + 1) if one else None for one in references.ravel()]
            return _objects(cells, references.shape).T
        self._numbers_left -= math.prod(found.shape or ())
        if self._numbers_left < 0:
            raise Hdf5Refused(f"it holds more than {MOST_NUMBERS} numbers")
        numbers = self.hdf5.all_numbers(self.hdf5.checked(found, "a value"), "a value").T
        if self.hdf5.text_attribute(found, "MATLAB_class") == "char":
            return "".join(chr(int(code)) for code in numbers.ravel() if 0 < code < 0x110000)
        return numbers
