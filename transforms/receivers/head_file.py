"""Reads a head from a SOFA file (AES69, SimpleFreeFieldHRIR): what both ears hear from each measured direction."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transforms.bounds import Refused
from transforms.bounds.limits import MOST_HEAD_BYTES, MOST_HEAD_FILE_BYTES
from transforms.errors import reason_of
from transforms.own_process import ProcessCrashed, call_in_own_process
from transforms.receivers.directions import distinct_directions
from transforms.receivers.settings import HeadFile
from transforms.sofa.coordinates import UnitUnknown, system_of
from transforms.sofa.hdf5 import Hdf5, open_hdf5

CONVENTION = "SimpleFreeFieldHRIR"
_RATES_HZ = (8_000.0, 384_000.0)
_TAPS = (16, 65_536)
_DIRECTIONS = (12, 100_000)
_LONGEST_DELAY_S = 1.0
_LARGEST_SAMPLE = 1e6
_MOST_CPU_S = 120
#: The fields that a file may leave out, with what SOFA takes them to be.
_DEFAULTS = {"ListenerPosition": (0.0, 0.0, 0.0), "ListenerView": (1.0, 0.0, 0.0), "ListenerUp": (0.0, 0.0, 1.0)}


class HeadUnusable(ValueError):
    """A SOFA file of a head cannot be used; the message is one line that names the file and what is wrong."""


@dataclass(frozen=True)
class Head:
    """A measured head."""

    direction: NDArray[np.float64]
    """Unit vectors from the middle of the head (directions, 3): x front, y left, z up."""
    impulses: NDArray[np.float64]
    """Impulse responses (directions, ears, taps), the left ear first."""
    delays: NDArray[np.float64]
    """Delays in samples (directions, ears) that the impulse responses do not contain."""
    sample_rate: float


def find_head(path: str) -> HeadFile:
    """The head in a SOFA file, after a look whether it can be used.

    Raises:
        HeadUnusable: it cannot be read, or holds no head that can be used.
    """
    try:
        with Path(path).open("rb") as file:
            size_bytes = file.seek(0, 2)
            if size_bytes > MOST_HEAD_FILE_BYTES:
                raise HeadUnusable(f"{path}: it has {size_bytes} bytes, more than {MOST_HEAD_FILE_BYTES}")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise HeadUnusable(f"{path}: {reason_of(error)}") from error
    head = HeadFile(path=path, name=Path(path).name, sha256=digest)
    # A damaged file may crash the library of HDF5. Later reads need no such care: the same bytes have been read once.
    try:
        call_in_own_process(_try_head, head, most_cpu_s=_MOST_CPU_S)
    except ProcessCrashed as error:
        raise HeadUnusable(
            f"{path}: it is damaged; reading it crashes the library of HDF5, or takes it too long"
        ) from error
    return head


def _try_head(head: HeadFile) -> None:
    read_head(head)


def read_head(head: HeadFile) -> Head:
    """Reads a head.

    Raises:
        HeadUnusable: the file cannot be read, is another than it was, or holds no head that can be used.
    """
    try:
        with Path(head.path).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != head.sha256:
                raise ValueError("the file has changed since the recipe was read")
            with open_hdf5(file) as opened:
                return _head_of(opened)
    except (OSError, Refused, ValueError) as error:
        raise HeadUnusable(f"{head.path}: {reason_of(error)}") from error


def _head_of(file: Hdf5) -> Head:
    convention = file.attribute("SOFAConventions")
    if convention != CONVENTION:
        stated = "not stated" if convention is None else f"{convention[:80]!r}"
        raise Refused(f"its convention is {stated}; a head needs {CONVENTION}")
    impulses = _array(file, "Data.IR")
    if impulses.ndim != 3 or impulses.shape[1] != 2:
        raise Refused(f"Data.IR has the shape {impulses.shape}; directions, two ears, samples are needed")
    count = impulses.shape[0]
    for what, number, (least, most) in (
        ("directions", count, _DIRECTIONS),
        ("samples", impulses.shape[2], _TAPS),
    ):
        if not least <= number <= most:
            raise Refused(f"Data.IR has {number} {what}; from {least} to {most}")
    if not np.all(np.abs(impulses) < _LARGEST_SAMPLE):
        raise Refused(f"Data.IR holds values that are not finite, or larger than {_LARGEST_SAMPLE:g}")
    if not np.all(np.any(impulses != 0.0, axis=2)):
        raise Refused("Data.IR is silent for an ear and a direction")
    rate = _array(file, "Data.SamplingRate").ravel()
    units = (file.attribute("Units", "Data.SamplingRate") or "hertz").lower()
    if units not in ("hertz", "hz"):
        raise Refused(f"Data.SamplingRate has the unit {units[:80]!r}; hertz is needed")
    if rate.size == 0 or not np.all(rate == rate[0]) or not _RATES_HZ[0] <= rate[0] <= _RATES_HZ[1]:
        raise Refused(f"Data.SamplingRate is not one rate from {_RATES_HZ[0]:g} to {_RATES_HZ[1]:g} Hz")
    delays = _delays(file, count, float(rate[0]))
    direction = _directions(file, count)
    if not _left_is_first(file):
        impulses, delays = impulses[:, ::-1], delays[:, ::-1]
    kept = distinct_directions(direction)
    return Head(direction[kept], impulses[kept], delays[kept], float(rate[0]))


def _delays(file: Hdf5, count: int, rate: float) -> NDArray[np.float64]:
    if not file.has("Data.Delay"):
        return np.zeros((count, 2))
    delays = _array(file, "Data.Delay")
    if delays.ndim != 2 or delays.shape[0] not in (1, count) or delays.shape[1] not in (1, 2):
        raise Refused(f"Data.Delay has the shape {delays.shape}; ({count}, 2) or (1, 2) is needed")
    if not np.all(np.abs(delays) <= _LONGEST_DELAY_S * rate):
        raise Refused("Data.Delay holds delays of more than a second")
    return np.array(np.broadcast_to(delays, (count, 2)))


def _directions(file: Hdf5, count: int) -> NDArray[np.float64]:
    """Unit vectors (count, 3) to the source, as seen from the listener."""
    source, position = (_positions(file, name, count) for name in ("SourcePosition", "ListenerPosition"))
    view, up = (_positions(file, name, count) for name in ("ListenerView", "ListenerUp"))
    view = _unit("ListenerView", view)
    # Only what is at right angles to the view tells what is up.
    up = _unit("ListenerUp", up - view * np.sum(up * view, axis=1, keepdims=True))
    offset = _unit("SourcePosition", source - position)
    axes = (view, np.cross(up, view), up)
    return np.stack([np.sum(offset * axis, axis=1) for axis in axes], axis=1)


def _left_is_first(file: Hdf5) -> bool:
    """Whether the first receiver is the left ear; it is where the file does not tell where the ears are."""
    if not file.has("ReceiverPosition"):
        return True
    position = _array(file, "ReceiverPosition")
    if position.ndim not in (2, 3) or position.shape[:2] != (2, 3):
        raise Refused(f"ReceiverPosition has the shape {position.shape}; two ears with three numbers are needed")
    left = _cartesian(file, "ReceiverPosition", position.reshape(2, 3, -1)[:, :, 0])[:, 1]
    return bool(left[0] >= left[1])


def _positions(file: Hdf5, name: str, count: int) -> NDArray[np.float64]:
    """A field of positions as Cartesian coordinates (count, 3)."""
    if not file.has(name) and name in _DEFAULTS:
        return np.tile(_DEFAULTS[name], (count, 1))
    values = _array(file, name)
    if values.ndim != 2 or values.shape[0] not in (1, count) or values.shape[1] != 3:
        raise Refused(f"{name} has the shape {values.shape}; ({count}, 3) or (1, 3) is needed")
    if not np.all(np.isfinite(values)):
        raise Refused(f"{name} holds values that are not finite")
    return np.array(np.broadcast_to(_cartesian(file, name, values), (count, 3)))


def _cartesian(file: Hdf5, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates (n, 3) of the field's type and unit as Cartesian ones."""
    # ListenerUp has the type of ListenerView unless it has its own.
    stated = "ListenerView" if name == "ListenerUp" and file.attribute("Type", name) is None else name
    try:
        system = system_of(file.attribute("Type", stated), file.attribute("Units", stated))
    except UnitUnknown as error:
        raise Refused(f"{name}: {error}") from error
    positions = [(float(x), float(y), float(z)) for x, y, z in values]
    wrong = next((why for why in map(system.impossible, positions) if why is not None), None)
    if wrong is not None:
        raise Refused(f"{name} has {wrong}")
    return np.array([system.vector(position) for position in positions])


def _array(file: Hdf5, name: str) -> NDArray[np.float64]:
    found = file.variable(name)
    size_bytes = math.prod(found.shape) * 8
    if size_bytes > MOST_HEAD_BYTES:
        raise Refused(f"{name} takes {size_bytes} bytes, more than {MOST_HEAD_BYTES}")
    with np.errstate(over="ignore"):
        return np.asarray(found[()], dtype=np.float64)


def _unit(name: str, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(np.sum(vectors * vectors, axis=1, keepdims=True))
    if not np.all(lengths > 1e-6):
        raise Refused(f"{name} has no direction")
    return np.asarray(vectors / lengths)
