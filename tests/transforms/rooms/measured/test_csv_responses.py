"""A folder of AmbiX files with a responses.csv: what its rows become, and what is refused with file and line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.transforms.rooms.measured.sets import at_rate, csv_row, in_convention, known, knowns, t30_at_rate, write_csv
from transforms.records import Rejection
from transforms.rooms.measured.files import MeasuredUnusable, measured_files
from transforms.rooms.measured.read_measured import files_sha256, read_measured
from transforms.rooms.measured.response import MeasuredResponse
from transforms.rooms.measured.settings import Conventions


def read(path: Path, conventions: Conventions = Conventions()) -> list[MeasuredResponse | Rejection]:  # noqa: B008
    return list(read_measured(measured_files([str(path)]), conventions))


@pytest.mark.parametrize(
    ("rate", "name"), [(24_000, "a.wav"), (44_100, "sub/a.flac"), (48_000, "a.wav"), (96_000, "a.wav")]
)
def test_a_row_has_the_direction_distance_and_t30_of_its_response(tmp_path, rate, name):
    one = known(1)
    write_csv(
        tmp_path, [csv_row(name, one, length_m=5, width_m=4, license="CC0")], {name: (at_rate(one.samples, rate), rate)}
    )
    (response,) = read(tmp_path)
    assert isinstance(response, MeasuredResponse)
    assert (response.response_id, response.room_id, response.license) == (name, one.room.room_id, "CC0")
    assert response.azimuth_deg == pytest.approx(one.placement.azimuth_deg, abs=1e-5)
    assert response.elevation_deg == pytest.approx(one.placement.elevation_deg, abs=1e-5)
    assert response.distance_m == one.placement.distance_m
    assert (response.length_m, response.floor_area_m2, response.height_m) == (5, 20, None)
    assert response.acoustics.t30_ms == pytest.approx(t30_at_rate(one, rate), rel=0.01)
    assert response.direct_sample == pytest.approx(one.placement.distance_m / 343.0 * 48_000, abs=1.0)


def test_samples_of_48_khz_are_those_of_the_file(tmp_path):
    one = known(1)
    write_csv(tmp_path, [csv_row("a.wav", one)], {"a.wav": (in_convention(one.samples, "fuma", "fuma"), 48_000)})
    (response,) = read(tmp_path, Conventions("fuma"))
    assert np.allclose(response.samples, one.samples, atol=1e-6)


def refusal(path: Path) -> str:
    with pytest.raises(MeasuredUnusable) as refused:
        read(path)
    return str(refused.value)


HEAD = "file_name,room_id,azimuth_deg,elevation_deg,distance_m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "responses.csv, line 1: no column is named file_name"),
        (f"{HEAD},colour\n", "responses.csv, line 1: unknown column 'colour'; columns are file_name, room_id, "),
        (f"{HEAD},room_id\n", "responses.csv, line 1: two columns are named room_id"),
        (HEAD.replace("room_id,", ""), "responses.csv, line 1: no column is named room_id"),
        (HEAD.replace(",", ";"), "responses.csv, line 1: the columns are separated by semicolons"),
        (f"{HEAD}\na.wav,r,0,0,1,,,\n", "responses.csv, line 2: 8 cells for 5 columns"),
        (f"{HEAD}\na.wav,r,10,135,1\n", "responses.csv, line 2: elevation_deg 135 is not between -90 and 90; if"),
        (f"{HEAD}\n\na.wav,r,4000,0,1\n", "responses.csv, line 3: azimuth_deg 4000 is not between -360 and 360"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, expected):
    (tmp_path / "responses.csv").write_text(text, encoding="utf-8")
    assert refusal(tmp_path).startswith(expected)


def test_a_list_that_is_no_text_is_refused_with_its_line(tmp_path):
    (tmp_path / "responses.csv").write_bytes(f"{HEAD}\na.wav,caf\xe9,0,0,1\n".encode("latin-1"))
    assert refusal(tmp_path) == "responses.csv, line 2: not UTF-8; save the list as UTF-8"


@pytest.mark.parametrize(
    ("changes", "reason", "expected"),
    [
        ({"azimuth_deg": ""}, "no_position", "no azimuth_deg"),
        ({"elevation_deg": "nan"}, "not_a_number", "elevation_deg 'nan' is not a number"),
        ({"azimuth_deg": "12,5"}, "not_a_number", "azimuth_deg '12,5' is not a number"),
        ({"distance_m": "-1"}, "out_of_range", "distance_m -1 is not above 0 and at most 1000"),
        ({"room_id": ""}, "no_room", "no room_id"),
        ({"split": "dev"}, "unknown_split", "split 'dev' is none of train, validation, test"),
        ({"file_name": ""}, "no_file_name", "no file_name"),
        ({"file_name": "c.wav"}, "missing", "c.wav is not there"),
        ({"file_name": "b.wav"}, "listed_twice", "b.wav is listed a second time"),
        ({"file_name": "text.wav"}, "format", "text.wav is no WAV and no FLAC"),
        ({"file_name": "cut.wav"}, "unreadable", "cut.wav cannot be read"),
        ({"file_name": "adpcm.wav"}, "format", "adpcm.wav is MS_ADPCM; write PCM or FLOAT"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_line_and_the_others_are_read(
    tmp_path, changes, reason, expected
):
    one = known(1)
    rows = [csv_row("b.wav", one), csv_row("a.wav", one, split="") | changes]
    write_csv(tmp_path, rows, dict.fromkeys(("a.wav", "b.wav"), (one.samples, 48_000)))
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "cut.wav").write_bytes(b"RIFF\0\0")
    soundfile.write(tmp_path / "adpcm.wav", one.samples[:1].T, 48_000, subtype="MS_ADPCM")
    taken, rejected = read(tmp_path)
    assert taken.response_id == "b.wav"
    assert (rejected.reason, rejected.stage) == (reason, "measured room")
    assert rejected.detail.startswith(f"responses.csv, line 3: {expected}")


def test_splits_come_from_the_list_and_else_from_folders(tmp_path):
    one = known(1)
    for folder in ("train/halls", "test"):
        row = csv_row("a.wav", one) | {"room_id": folder}
        write_csv(tmp_path / folder, [row], {"a.wav": (one.samples, 48_000)})
    row = csv_row("a.wav", one, split="validation") | {"room_id": "third"}
    write_csv(tmp_path / "test" / "inner", [row], {"a.wav": (one.samples, 48_000)})
    found = {response.response_id: response.split for response in read(tmp_path)}
    assert found == {"test/a.wav": "test", "test/inner/a.wav": "validation", "train/halls/a.wav": "train"}
    assert [response.split for response in read(tmp_path / "test" / "responses.csv")] == ["test"]


def test_a_room_in_two_splits_is_refused(tmp_path):
    one = known(1)
    rows = [csv_row(f"{split}.wav", one, split=split) for split in ("train", "test")]
    write_csv(tmp_path, rows, {f"{split}.wav": (one.samples, 48_000) for split in ("train", "test")})
    assert refusal(tmp_path) == f"room {one.room.room_id!r} is in train and in test; a room has one split"


def test_a_folder_of_wrong_directions_is_refused_after_its_last_response(tmp_path):
    ones = knowns(4)
    rows = [csv_row(f"{n}.wav", one) | {"azimuth_deg": -one.placement.azimuth_deg} for n, one in enumerate(ones)]
    write_csv(tmp_path, rows, {f"{n}.wav": (one.samples, 48_000) for n, one in enumerate(ones)})
    responses = read_measured(measured_files([str(tmp_path)]), Conventions())
    assert [next(responses).response_id for _ in ones] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    with pytest.raises(MeasuredUnusable, match=r"^responses of responses\.csv: azimuth runs clockwise here; change"):
        next(responses)


def test_what_is_given_has_to_be_there_and_to_hold_responses(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    for path, expected in (
        (tmp_path / "gone", "no such file or folder"),
        (tmp_path, "holds no .sofa, no .mat and no responses.csv"),
        (tmp_path / "notes.txt", "is no .sofa, no .mat and no responses.csv"),
    ):
        with pytest.raises(MeasuredUnusable, match=re.escape(expected)):
            measured_files([str(path)])


def test_two_folders_with_one_name_of_a_file_have_ids_of_their_own(tmp_path):
    one = known(1)
    for folder in ("first", "second"):
        write_csv(tmp_path / folder, [csv_row("a.wav", one)], {"a.wav": (one.samples, 48_000)})
    files = measured_files([str(tmp_path / "first"), str(tmp_path / "second")])
    found = [response.response_id for response in read_measured(files, Conventions())]
    assert found == ["a.wav", "second/a.wav"]
    assert len(measured_files([str(tmp_path / "first"), str(tmp_path / "first")])) == 1


def test_the_hash_covers_the_list_and_each_sound(tmp_path):
    one = known(1)
    write_csv(tmp_path, [csv_row("a.wav", one)], {"a.wav": (one.samples, 48_000)})
    files = measured_files([str(tmp_path)])
    first = files_sha256(files)
    assert files_sha256(files) == first
    write_csv(tmp_path, [csv_row("a.wav", one)], {"a.wav": (0.5 * one.samples, 48_000)})
    second = files_sha256(files)
    (tmp_path / "a.wav").unlink()
    assert len({first, second, files_sha256(files)}) == 3
