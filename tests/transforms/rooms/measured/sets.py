"""Sets of responses of known direction, distance and T30, simulated and written in the layouts that people have."""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tests.sofar_process import set_attributes, write_sofar
from transforms.records import Placement, Room
from transforms.rooms.acoustics import t30_ms
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import simulate_response

RATE = 48_000
#: What W, Y, Z, X of SN3D are multiplied by.
GAINS = {"sn3d": (1.0, 1.0), "n3d": (1.0, math.sqrt(3.0)), "fuma": (math.sqrt(0.5), 1.0)}
_DRY = RoomRanges(t30_min_ms=200.0, t30_max_ms=400.0, floor_area_max_m2=60.0)


@dataclass(frozen=True)
class Known:
    """A response of which everything is known: W, Y, Z, X in SN3D at 48 kHz."""

    room: Room
    placement: Placement
    samples: NDArray[np.float32]
    t30_ms: float


@functools.lru_cache(maxsize=64)
def known(number: int, ranges: RoomRanges = _DRY) -> Known:
    """The response of this number, in a room of its own; always the same."""
    room = sample_room(17, "train", number, ranges)
    placement = place_source(500 + number, room, SceneRanges(distance_min_m=1.0))
    response = simulate_response(room, placement, seed=number)
    return Known(room, placement, response.samples, response.acoustics.t30_ms)


def knowns(count: int, first: int = 0) -> list[Known]:
    return [known(number) for number in range(first, first + count)]


def in_convention(samples: NDArray[np.float32], channels: str = "acn", normalisation: str = "sn3d") -> NDArray:
    """W, Y, Z, X of SN3D in another order and normalisation."""
    of_w, of_others = GAINS[normalisation]
    changed = samples * np.array([of_w, of_others, of_others, of_others], dtype=np.float32)[:, None]
    return changed[[0, 3, 1, 2]] if channels == "fuma" else changed


def at_rate(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The samples (channels, n) of a filter at another rate; the gain at each frequency stays."""
    if rate == RATE:
        return samples
    return np.ascontiguousarray(soxr.resample(samples.T, RATE, rate, quality="VHQ").T * (RATE / rate), np.float32)


def t30_at_rate(known: Known, rate: int) -> float:
    """The T30 of what a file of this rate can hold, in ms."""
    return t30_ms(at_rate(known.samples[:1], rate)[0], rate)


def write_csv(
    folder: Path, rows: Sequence[Mapping[str, Any]], sounds: Mapping[str, tuple[NDArray, int]], subtype: str = "FLOAT"
) -> Path:
    """A responses.csv with these rows and a sound for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (samples, rate) in sounds.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        kind = "PCM_24" if name.endswith(".flac") and subtype == "FLOAT" else subtype
        soundfile.write(folder / name, samples.T, rate, subtype=kind)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    (folder / "responses.csv").write_text(text.getvalue(), encoding="utf-8")
    return folder


def csv_row(name: str, known: Known, **more: Any) -> dict[str, Any]:
    return {
        "file_name": name,
        "room_id": known.room.room_id,
        "azimuth_deg": known.placement.azimuth_deg,
        "elevation_deg": known.placement.elevation_deg,
        "distance_m": known.placement.distance_m,
        **more,
    }


def stacked(known_ones: Sequence[Known]) -> NDArray[np.float64]:
    """The responses as Data.IR (measurements, 4, samples), padded to one length."""
    longest = max(one.samples.shape[1] for one in known_ones)
    padded = [np.pad(one.samples, ((0, 0), (0, longest - one.samples.shape[1]))) for one in known_ones]
    return np.stack(padded).astype(np.float64)


def offset_m(one: Known) -> NDArray[np.float64]:
    """From the listener to the source, in metres."""
    return np.array(one.placement.source_m) - np.array(one.placement.receiver_m)


def spherical(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Azimuth and elevation in degrees, and radius, of vectors (n, 3)."""
    x, y, z = vectors.T
    return np.stack(
        [np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y))), np.hypot(np.hypot(x, y), z)], 1
    )


def sofa_fields(known_ones: Sequence[Known], receivers: int = 4) -> dict[str, Any]:
    """The fields of a SingleRoomSRIR whose listener stands at the origin and looks along x."""
    return {
        "Data_IR": stacked(known_ones),
        "Data_SamplingRate": RATE,
        "Data_Delay": np.zeros((1, receivers)),
        "ReceiverPosition": np.zeros((receivers, 3)),
        "SourcePosition": np.array([offset_m(one) for one in known_ones]),
        "ReceiverDescriptions": None,
        "EmitterDescriptions": None,
        "ReceiverView": None,
        "ReceiverUp": None,
        "ReceiverView_Type": None,
        "ReceiverView_Units": None,
        "ListenerPosition": np.zeros((len(known_ones), 3)),
        "MeasurementDate": None,
    }


def write_sofa_with(path: Path, ones: Sequence[Known], fields: Mapping[str, Any]) -> Path:
    """A SingleRoomSRIR by sofar, and then with types and units that sofar would replace by its own."""
    plain = {name: value for name, value in fields.items() if not name.endswith(("_Units", "_Type"))}
    write_sofar(path, "SingleRoomSRIR", **(sofa_fields(ones) | plain))
    parts = {name: name.rpartition("_") for name in fields}
    named = {(parts[name][0], parts[name][2]): value for name, value in fields.items()}
    set_attributes(path, {key: value for key, value in named.items() if key[1] in ("Units", "Type")})
    return path


def write_tau(
    folder: Path, cells: Sequence[Sequence[Sequence[Known]]], room: str = "gym", tables: str = "7.3", number: int = 2
) -> Path:
    """A folder of TAU-SRIR with one room: responses by trajectory and height, and the tables in either version of MAT.

    Each trajectory has one distance around the microphone, as its first response has it.
    """
    import h5py
    import scipy.io

    folder.mkdir(parents=True, exist_ok=True)
    away = [[np.array([offset_m(one) for one in height]) for height in trajectory] for trajectory in cells]
    with h5py.File(folder / f"rirs_{number:02d}_{room}.mat", "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        rirs = file.create_group("rirs")
        foa = rirs.create_dataset("foa", (len(cells[0]), len(cells)), h5py.ref_dtype)
        for trajectory, heights in enumerate(cells):
            for height, ones in enumerate(heights):
                matrix = np.zeros((len(ones), 4, 7200))
                for place, one in zip(matrix, ones, strict=True):
                    held = at_rate(one.samples, 24_000)[:, :7200]
                    place[:, : held.shape[1]] = held
                cell = references.create_dataset(f"{trajectory}{height}", data=matrix, compression="gzip")
                foa[height, trajectory] = cell.ref
    vectors = np.empty((len(cells), len(cells[0])), dtype=object)
    for trajectory, height in np.ndindex(*vectors.shape):
        here = away[trajectory][height]
        vectors[trajectory, height] = here / np.linalg.norm(here, axis=1, keepdims=True)
    around = np.array([[np.hypot(*heights[0][0][:2]) for heights in away]])
    name, size = room, np.array([[9.0, 7.0, 3.0]])
    if tables == "5":
        rooms = np.empty((1, 1), dtype=[("name", object), ("year", object), ("doas", object)])
        rooms[0, 0] = (name, 2019, vectors)
        described = np.empty((1, 1), dtype=[("room", object), ("dimensions", object), ("distances", object)])
        described[0, 0] = (name, size, around)
        scipy.io.savemat(folder / "rirdata.mat", {"rirdata": {"fs": 24_000, "room": rooms}}, do_compression=True)
        scipy.io.savemat(folder / "measinfo.mat", {"measinfo": described})
        return folder
    with h5py.File(folder / "rirdata.mat", "w", userblock_size=512) as file:
        record = file.create_group("rirdata/room")
        _write_text(record, "name", name)
        cell = record.create_dataset("doas", vectors.shape[::-1], h5py.ref_dtype)
        for place, value in np.ndenumerate(vectors):
            cell[place[::-1]] = file.create_dataset(f"#refs#/{place[0]}{place[1]}", data=value.T).ref
    with h5py.File(folder / "measinfo.mat", "w", userblock_size=512) as file:
        record = file.create_group("measinfo")
        _write_text(record, "room", name)
        record["dimensions"], record["distances"] = size.T, around.T
    return folder


def _write_text(group: Any, name: str, text: str) -> None:
    codes = group.create_dataset(name, data=np.array([[ord(letter)] for letter in text], dtype=np.uint16))
    codes.attrs["MATLAB_class"] = np.bytes_("char")


def write_h5py(path: Path, known_ones: Sequence[Known], **changes: Any) -> Path:
    """A SingleRoomSRIR by h5py alone, as netCDF-4 lays it out: dimension scales, and attributes as bytes.

    A change replaces a variable; with `_Type` or `_Units` at its end, an attribute.
    """
    import h5py

    samples, many = stacked(known_ones), len(known_ones)
    sizes = {"M": many, "R": 4, "N": samples.shape[2], "E": 1, "I": 1, "C": 3}
    upwards = np.tile([[[0.0], [0.0], [1.0]]], (1, 1, 1))
    variables: dict[str, tuple[str, Any, str | None, str | None]] = {
        "Data.IR": ("MRN", samples, None, None),
        "Data.SamplingRate": ("I", [48_000.0], None, "hertz"),
        "Data.Delay": ("IR", np.zeros((1, 4)), None, None),
        "ListenerPosition": ("MC", np.zeros((many, 3)), "cartesian", "metre"),
        "ListenerView": ("IC", [[1.0, 0, 0]], "cartesian", "metre"),
        "ListenerUp": ("IC", [[0.0, 0, 1]], None, None),
        "ReceiverPosition": ("RCI", np.zeros((4, 3, 1)), "cartesian", "metre"),
        "SourcePosition": ("MC", [offset_m(one) for one in known_ones], "cartesian", "metre"),
        "SourceView": ("IC", [[1.0, 0, 0]], "cartesian", "metre"),
        "SourceUp": ("IC", [[0.0, 0, 1]], None, None),
        "EmitterPosition": ("ECI", np.zeros((1, 3, 1)), "cartesian", "metre"),
        "EmitterView": ("ECI", np.tile([[[1.0], [0.0], [0.0]]], (1, 1, 1)), "cartesian", "metre"),
        "EmitterUp": ("ECI", upwards, None, None),
        "MeasurementDate": ("M", np.zeros(many), None, None),
    }
    texts = {
        **{"Conventions": "SOFA", "Version": "2.1", "SOFAConventions": "SingleRoomSRIR", "DataType": "FIR"},
        **{"SOFAConventionsVersion": "1.0", "RoomType": "reverberant", "RoomDescription": "a hall", "Title": "hall"},
        **dict.fromkeys(("DateCreated", "DateModified"), "2026-01-01 00:00:00"),
        **{"APIName": "h5py", "APIVersion": "3", "AuthorContact": "a@b.org", "Organization": "lab"},
        **{"License": "CC0-1.0", "DatabaseName": "halls"},
    }
    with h5py.File(path, "w", track_order=True) as file:
        for name, text in texts.items():
            file.attrs[name] = np.bytes_(text)
        for name, size in sizes.items():
            scale = file.create_dataset(name, (size,), ">f4")
            scale.make_scale(f"This is a netCDF dimension but not a netCDF variable. {size:9d}")
        for name, (dimensions, values, kind, units) in variables.items():
            values = np.asarray(changes.get(name, values), dtype=np.float64)
            variable = file.create_dataset(name, data=values)
            for number, dimension in enumerate(dimensions):
                if values.shape[number] == sizes[dimension]:
                    variable.dims[number].attach_scale(file[dimension])
                else:
                    variable.dims[number].attach_scale(file["M"])
            kind, units = changes.get(f"{name}_Type", kind), changes.get(f"{name}_Units", units)
            for attribute, text in (("Type", kind), ("Units", units)):
                if text is not None:
                    variable.attrs[attribute] = np.bytes_(text)
    return path
