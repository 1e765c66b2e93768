"""A responses.csv beside AmbiX files: its columns, its rows, and the sound of each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from transforms.errors import one_line, reason_of
from transforms.records import SPLITS, Rejection
from transforms.rooms.measured.files import MOST_RESPONSES, MeasuredFile, MeasuredUnusable
from transforms.rooms.measured.prepare import check_length, check_rate
from transforms.rooms.measured.response import STAGE, RawResponse, ResponseRejected
from transforms.rooms.ranges import LONGEST_SIDE_M
from transforms.sofa.coordinates import System, from_angles
from transforms.sound.open_sound import open_sound
from transforms.storage import folder_files
from transforms.storage.below_folder import NameRefused, plain_name

NEEDED = ("file_name", "room_id", "azimuth_deg", "elevation_deg", "distance_m")
SIZES = ("length_m", "width_m", "height_m", "floor_area_m2")
COLUMNS = (*NEEDED, "split", *SIZES, "license", "attribution")
#: How WAV, its larger sibling and FLAC begin, and what they may hold.
_BEGINNINGS = (b"RIFF", b"RF64", b"fLaC")
_SUBTYPES = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_MOST_CHANNELS = 64
_MOST_CSV_BYTES = 64 << 20


def read_csv_responses(file: MeasuredFile) -> Iterator[RawResponse | Rejection]:
    """Reads each response that a responses.csv lists; a row that cannot be used becomes a rejection.

    Raises:
        MeasuredUnusable: the list cannot be read, its columns are wrong, or an angle is impossible.
    """
    known: set[str] = set()
    for number, (line, record) in enumerate(_rows(file)):
        if number >= MOST_RESPONSES:
            raise MeasuredUnusable(f"{file.name}, line {line}: more than {MOST_RESPONSES} responses in a list")
        where = f"{file.name}, line {line}"
        written = record["file_name"]
        name, split = file.name.removesuffix(file.inner) + file.beside(written), file.split
        try:
            if not written:
                raise ResponseRejected("no_file_name", f"{where}: no file_name")
            if written in known:
                raise ResponseRejected("listed_twice", f"{where}: {written} is listed a second time")
            known.add(written)
            split = _split(record, where) or split
            raw = _raw(file, name, split, record, where)
        except ResponseRejected as error:
            yield Rejection(name if written else file.name, STAGE, error.reason, str(error), split, name)
        else:
            yield raw


def audio_names(file: MeasuredFile) -> list[str]:
    """The sounds that a list names, sorted, each once; names that lead out of the folder are left out."""
    names = set()
    for _, record in _rows(file):
        try:
            names.add(plain_name(record["file_name"]))
        except NameRefused:
            continue
    return sorted(names)


def _rows(file: MeasuredFile) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a list with the number of their line; every column is there, empty where the list has none."""
    try:
        data = folder_files.read_bytes(file.folder, file.inner, _MOST_CSV_BYTES)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise MeasuredUnusable(f"{file.name}, line {line}: not UTF-8; save the list as UTF-8") from error
    except OSError as error:
        raise MeasuredUnusable(f"{file.name} cannot be read: {reason_of(error)}") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(file, header)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise MeasuredUnusable(
                    f"{file.name}, line {reader.line_num}: {len(cells)} cells for {len(header)} columns;"
                    " put a cell that has a comma in quotes"
                )
            record = dict.fromkeys(COLUMNS, "") | {
                name: cell.strip() for name, cell in zip(header, cells, strict=False)
            }
            yield reader.line_num, record
    except csv.Error as error:
        raise MeasuredUnusable(f"{file.name}, line {reader.line_num}: {one_line(error)}") from error


def _check_header(file: MeasuredFile, header: list[str]) -> None:
    where = f"{file.name}, line 1"
    if len(header) == 1 and ";" in header[0]:
        raise MeasuredUnusable(f"{where}: the columns are separated by semicolons; separate them by commas")
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        raise MeasuredUnusable(f"{where}: unknown column {unknown[0][:60]!r}; columns are {', '.join(COLUMNS)}")
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise MeasuredUnusable(f"{where}: two columns are named {twice[0]}")
    lacking = [name for name in NEEDED if name not in header]
    if lacking:
        raise MeasuredUnusable(f"{where}: no column is named {lacking[0]}")


def _raw(file: MeasuredFile, name: str, split: str | None, record: Mapping[str, str], where: str) -> RawResponse:
    if not record["room_id"]:
        raise ResponseRejected("no_room", f"{where}: no room_id")
    azimuth = _number(record, "azimuth_deg", where)
    elevation = _number(record, "elevation_deg", where)
    if azimuth is None or elevation is None:
        lacking = "azimuth_deg" if azimuth is None else "elevation_deg"
        raise ResponseRejected("no_position", f"{where}: no {lacking}")
    if abs(azimuth) > 360.0:
        raise MeasuredUnusable(f"{where}: azimuth_deg {azimuth:g} is not between -360 and 360")
    if abs(elevation) > 90.0:
        raise MeasuredUnusable(
            f"{where}: elevation_deg {elevation:g} is not between -90 and 90;"
            " if it is a colatitude, which is 0 at the top, write 90 minus it"
        )
    lengths = {column: _number(record, column, where) for column in ("distance_m", *SIZES)}
    for column, value in lengths.items():
        most = LONGEST_SIDE_M**2 if column == "floor_area_m2" else LONGEST_SIDE_M
        if value is not None and not 0.0 < value <= most:
            raise ResponseRejected("out_of_range", f"{where}: {column} {value:g} is not above 0 and at most {most:g}")
    length, width = lengths["length_m"], lengths["width_m"]
    if lengths["floor_area_m2"] is None and length is not None and width is not None:
        lengths["floor_area_m2"] = round(length * width, 6)
    samples, rate = _read_sound(file, record["file_name"], where)
    return RawResponse(
        file=file.name,
        response_id=name,
        room_id=record["room_id"],
        split=split,
        direction=from_angles(azimuth, elevation),
        samples=samples,
        sample_rate=rate,
        other_directions={
            meaning: other.vector((azimuth, elevation, 1.0)) for meaning, other in System(True).others().items()
        },
        license=record["license"] or None,
        attribution=record["attribution"] or None,
        distance_m=lengths["distance_m"],
        length_m=length,
        width_m=width,
        height_m=lengths["height_m"],
        floor_area_m2=lengths["floor_area_m2"],
    )


def _split(record: Mapping[str, str], where: str) -> str | None:
    split = record["split"]
    if split and split not in SPLITS:
        raise ResponseRejected("unknown_split", f"{where}: split {split[:40]!r} is none of {', '.join(SPLITS)}")
    return split or None


def _number(record: Mapping[str, str], column: str, where: str) -> float | None:
    text = record[column]
    if not text:
        return None
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ResponseRejected("not_a_number", f"{where}: {column} {text[:40]!r} is not a number")
    return value


def _read_sound(file: MeasuredFile, written: str, where: str) -> tuple[NDArray[np.float32], float]:
    """The samples (channels, n) of a sound beside the list, and their rate."""
    try:
        plain_name(written)
        with folder_files.open_file(file.folder, file.beside(written)) as opened:
            # No other decoder of libsndfile gets to see a file of a stranger.
            if opened.read(4) not in _BEGINNINGS:
                raise ResponseRejected("format", f"{where}: {written} is no WAV and no FLAC")
            with open_sound(opened) as sound:
                if sound.subtype not in _SUBTYPES:
                    raise ResponseRejected("format", f"{where}: {written} is {sound.subtype}; write PCM or FLOAT")
                if sound.channels > _MOST_CHANNELS:
                    raise ResponseRejected("channels", f"{where}: {written} has {sound.channels} channels")
                check_rate(sound.samplerate)
                check_length(sound.frames, sound.samplerate, sound.channels)
                samples = sound.read(sound.frames, dtype="float32", always_2d=True).T
                return np.ascontiguousarray(samples), float(sound.samplerate)
    except NameRefused as error:
        raise ResponseRejected("outside", f"{where}: {written!r} {error.strerror}") from error
    except FileNotFoundError as error:
        raise ResponseRejected("missing", f"{where}: {written} is not there") from error
    except ResponseRejected:
        raise
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise ResponseRejected("unreadable", f"{where}: {written} cannot be read: {one_line(error)}") from error
