"""SOFA files that sofar writes are read, in every system of coordinates; files that sofar refuses are not needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.sofar_process import verify_with_sofar, write_sofar
from tests.transforms.rooms.measured.sets import (
    at_rate,
    in_convention,
    known,
    knowns,
    offset_m,
    sofa_fields,
    spherical,
    stacked,
    t30_at_rate,
    write_h5py,
    write_sofa_with,
)
from transforms.records import Rejection
from transforms.rooms.measured.files import MeasuredUnusable, measured_files
from transforms.rooms.measured.read_measured import read_measured
from transforms.rooms.measured.response import MeasuredResponse
from transforms.rooms.measured.settings import Conventions

ONES = knowns(3)


def read(path: Path) -> list[Any]:
    return list(read_measured(measured_files([str(path)]), Conventions()))


def assert_known(found: list[Any], ones=ONES) -> None:
    assert len(found) == len(ones)
    for response, one in zip(found, ones, strict=True):
        assert isinstance(response, MeasuredResponse), response
        assert response.azimuth_deg == pytest.approx(one.placement.azimuth_deg, abs=1e-4)
        assert response.elevation_deg == pytest.approx(one.placement.elevation_deg, abs=1e-4)
        assert response.distance_m == pytest.approx(one.placement.distance_m, abs=1e-4)
        assert response.acoustics.t30_ms == pytest.approx(one.t30_ms, rel=0.01)


def turned(vectors: np.ndarray, degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    x, y, z = vectors.T
    return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z], axis=1)


AWAY = np.array([offset_m(one) for one in ONES])
ANGLES = spherical(AWAY)
SYSTEMS = {
    "cartesian": {},
    "centimetres": {"SourcePosition": 100 * AWAY, "SourcePosition_Units": "centimetre"},
    "degrees": {
        "SourcePosition": ANGLES,
        "SourcePosition_Type": "spherical",
        "SourcePosition_Units": "degree, degree, metre",
    },
    "radians": {
        "SourcePosition": np.radians(ANGLES) * [1, 1, 0] + ANGLES * [0, 0, 1],
        "SourcePosition_Type": "spherical",
        "SourcePosition_Units": "radian, radian, metre",
    },
    "listener elsewhere": {
        "SourcePosition": AWAY + np.array([3, 2, 1.5]),
        "ListenerPosition": np.array([[3, 2, 1.5]] * 3),
    },
    "listener turned": {"SourcePosition": turned(AWAY, 90), "ListenerView": np.array([[0, 1, 0]])},
    "listener turned, spherical view": {
        "SourcePosition": turned(AWAY, 30),
        "ListenerView": np.array([[30, 0, 1]]),
        "ListenerView_Type": "spherical",
        "ListenerView_Units": "degree, degree, metre",
    },
    "listener turned differently each time": {
        "SourcePosition": np.concatenate([turned(AWAY[:1], 0), turned(AWAY[1:2], 90), turned(AWAY[2:], 180)]),
        "ListenerView": np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0]]),
        "ListenerUp": np.array([[0, 0, 1]] * 3),
    },
    "listener upside down": {"SourcePosition": AWAY * [1, -1, -1], "ListenerUp": np.array([[0, 0, -1]])},
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_of_coordinates_is_honoured(tmp_path, name):
    assert_known(read(write_sofa_with(tmp_path / "hall.sofa", ONES, SYSTEMS[name])))


@pytest.mark.parametrize("convention", ["SingleRoomSRIR", "GeneralFIR"])
def test_conventions_that_sofar_writes_are_read(tmp_path, convention):
    names = ("Data_IR", "Data_SamplingRate", "Data_Delay", "ReceiverPosition", "SourcePosition")
    fields = {name: value for name, value in sofa_fields(ONES).items() if name in names or convention != "GeneralFIR"}
    if convention == "GeneralFIR":
        fields |= {"SourcePosition": ANGLES}
    assert_known(read(write_sofar(tmp_path / "hall.sofa", convention, **fields)))


def test_emitters_of_a_mimo_file_are_responses_of_their_own(tmp_path):
    emitters = np.moveaxis(stacked(ONES), 0, -1)[None]
    fields = sofa_fields(ONES) | {
        "Data_IR": emitters,
        "Data_Delay": np.zeros((1, 4, 3)),
        "SourcePosition": np.zeros((1, 3)),
        "ListenerPosition": np.zeros((1, 3)),
        "EmitterPosition": AWAY,
        "EmitterPosition_Type": "cartesian",
        "EmitterPosition_Units": "metre",
        **dict.fromkeys(("EmitterDescriptions", "EmitterView", "EmitterUp", "EmitterView_Type", "EmitterView_Units")),
    }
    found = read(write_sofar(tmp_path / "hall.sofa", "SingleRoomMIMOSRIR", **fields))
    assert_known(found)
    assert [response.response_id for response in found] == [f"hall.sofa#{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("delay", [480, 100.5])
def test_a_delay_moves_the_direct_sound(tmp_path, delay):
    without = read(write_sofar(tmp_path / "a.sofa", "SingleRoomSRIR", **sofa_fields(ONES)))
    fields = sofa_fields(ONES) | {"Data_Delay": np.full((1, 4), delay)}
    late = read(write_sofar(tmp_path / "b.sofa", "SingleRoomSRIR", **fields))
    for first, second in zip(without, late, strict=True):
        assert second.direct_sample - first.direct_sample == pytest.approx(delay, abs=0.1)
    assert_known(late)


def test_sampling_rates_other_than_48_khz(tmp_path):
    one = known(0)
    fields = sofa_fields([one]) | {
        "Data_IR": at_rate(one.samples, 24_000)[None].astype(float),
        "Data_SamplingRate": 24_000,
    }
    (response,) = read(write_sofar(tmp_path / "hall.sofa", "SingleRoomSRIR", **fields))
    assert response.acoustics.t30_ms == pytest.approx(t30_at_rate(one, 24_000), rel=0.01)
    assert response.direct_sample == pytest.approx(one.placement.distance_m / 343 * 48_000, abs=1.0)
    assert np.isnan(response.acoustics.t30_bands_ms[-1])
    assert response.response_id == "hall.sofa"


def test_the_size_of_a_room_is_taken_where_the_file_tells_it_and_never_from_a_template(tmp_path):
    one = known(0)
    size = np.array([one.room.length_m, one.room.width_m, one.room.height_m])
    fields = sofa_fields([one]) | {
        "ListenerPosition": np.array([one.placement.receiver_m]),
        "SourcePosition": np.array([one.placement.source_m]),
        "GLOBAL_RoomShortName": "lab",
    }
    (template,) = read(write_sofar(tmp_path / "a.sofa", "SingleRoomSRIR", **fields))
    assert (template.length_m, template.floor_area_m2, template.receiver_m) == (None, None, None)
    (told,) = read(write_sofar(tmp_path / "b.sofa", "SingleRoomSRIR", **(fields | {"RoomCornerB": size[None]})))
    assert (told.length_m, told.width_m, told.height_m) == pytest.approx(size, abs=1e-5)
    assert told.source_m == pytest.approx(one.placement.source_m, abs=1e-5)
    assert told.room_id == "lab"


def test_a_response_without_a_position_is_rejected(tmp_path):
    fields = sofa_fields(ONES)
    fields["SourcePosition"][1] = np.nan
    found = read(write_sofar(tmp_path / "hall.sofa", "SingleRoomSRIR", **fields))
    assert [type(one).__name__ for one in found] == ["MeasuredResponse", "Rejection", "MeasuredResponse"]
    assert isinstance(found[1], Rejection)
    assert (found[1].reason, found[1].source_id) == ("no_position", "hall.sofa#2")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"SourcePosition": ANGLES, "SourcePosition_Type": "spherical", "SourcePosition_Units": "degree, degree, metre"},
        {"SourcePosition": AWAY + np.array([1.0, 2.0, 0.5]), "ListenerPosition": np.tile([[1.0, 2.0, 0.5]], (3, 1))},
    ],
)  # fmt: skip
def test_files_that_are_written_without_sofar_are_read_and_sofar_finds_them_right(tmp_path, changes):
    path = write_h5py(tmp_path / "hall.sofa", ONES, **changes)
    verify_with_sofar(path)
    found = read(path)
    assert_known(found)
    assert (found[0].license, found[0].attribution) == ("CC0-1.0", "hall, a@b.org, lab")


def test_the_deprecated_drir_and_ambisonics_of_a_file_are_honoured(tmp_path):
    path = write_h5py(tmp_path / "hall.sofa", ONES)
    fuma = np.stack([in_convention(one, "fuma", "fuma") for one in stacked(ONES)])
    with h5py.File(path, "a") as file:
        file.attrs["SOFAConventions"] = "SingleRoomDRIR"
        file["Data.IR"][...] = fuma
        file["Data.IR"].attrs.update({"ChannelOrdering": "fuma", "Normalization": "FuMa"})
    assert_known(read(path))


@pytest.mark.parametrize(("kind", "axes"), [("FIR-E", (0, 1, 2, 3)), ("FIRE", (0, 1, 3, 2))])
def test_emitters_are_where_the_type_of_data_has_them(tmp_path, kind, axes):
    path = write_h5py(tmp_path / "hall.sofa", ONES[:1])
    with h5py.File(path, "a") as file:
        del file["Data.IR"], file["EmitterPosition"]
        file.attrs.update({"SOFAConventions": "GeneralFIR-E" if kind == "FIR-E" else "GeneralFIRE", "DataType": kind})
        # Measurements, receivers, samples, emitters.
        by_emitter = np.moveaxis(stacked(ONES), 0, -1)[None]
        file["Data.IR"] = np.transpose(by_emitter, axes)
        file["SourcePosition"][...] = 0.0
        file["EmitterPosition"] = AWAY
        file["EmitterPosition"].attrs.update({"Type": "cartesian", "Units": "metre"})
    assert_known(read(path))


@pytest.mark.parametrize(
    ("owner", "attribute", "value", "expected"),
    [
        (None, "SOFAConventions", "SimpleFreeFieldHRIR", "its convention SimpleFreeFieldHRIR holds no room responses"),
        (None, "Conventions", "CF", "it is no SOFA file"),
        ("SourcePosition", "Units", "furlong", "SourcePosition: unit 'furlong' is not known"),
        ("SourcePosition", "Type", "polar", "SourcePosition: type 'polar' is neither cartesian nor spherical"),
        ("Data.SamplingRate", "Units", "rpm", "Data.SamplingRate has the unit 'rpm', not hertz"),
        ("Data.IR", "Normalization", "maxn", "its channels have the normalisation 'maxn', which is not read"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, owner, attribute, value, expected):
    path = write_h5py(tmp_path / "hall.sofa", ONES)
    with h5py.File(path, "a") as file:
        (file if owner is None else file[owner]).attrs[attribute] = value
    with pytest.raises(MeasuredUnusable, match=re.escape(f"hall.sofa: {expected}")):
        read(path)


def test_the_capsules_of_an_array_are_no_ambisonic_channels(tmp_path):
    capsules = 0.02 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])[..., None]
    path = write_h5py(tmp_path / "hall.sofa", ONES, ReceiverPosition=capsules)
    with pytest.raises(MeasuredUnusable, match=r"^hall\.sofa: its 4 receivers stand apart, as the capsules"):
        read(path)


@pytest.mark.parametrize(
    ("units", "angles", "expected"),
    [
        ("radian, radian, metre", ANGLES, "the numbers fit degrees"),
        ("degree, degree, metre", ANGLES * [1, 0, 1] + np.array([0.0, 120.0, 0.0]), "a colatitude is 0 at the"),
    ],
)
def test_angles_that_cannot_be_are_refused_with_what_fits(tmp_path, units, angles, expected):
    changes = {"SourcePosition": angles, "SourcePosition_Type": "spherical", "SourcePosition_Units": units}
    with pytest.raises(MeasuredUnusable, match=re.escape(expected)):
        read(write_h5py(tmp_path / "hall.sofa", ONES, **changes))
