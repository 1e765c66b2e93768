"""The columns of a release, in one table of names, types and decimals, and the rows that the records give."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from transforms.bounds.parquet_tables import OPTIONAL
from transforms.records import OCTAVE_BANDS_HZ, Acoustics, Answer, MeasuredPlace, Rejection, Room, Row
from transforms.shards.source_columns import SOURCES_TYPE, canonical_source, position_values, sources_of_row


@dataclass(frozen=True)
class Column:
    """A column: its Arrow type, its description, and the decimals that a number is stored and hashed with."""

    name: str
    type: pa.DataType
    text: str
    decimals: int | None = None
    hashed: bool = True
    optional: bool = False
    """Whether older releases lack it."""

    @property
    def type_name(self) -> str:
        """The name of the type in the docs and the card, such as `double` or `list of string`."""
        if not pa.types.is_list(self.type):
            return str(self.type)
        return "list of struct" if pa.types.is_struct(self.type.value_type) else f"list of {self.type.value_type}"


_STRINGS = pa.list_(pa.string())
_NUMBERS = pa.list_(pa.float64())

#: The columns of a row of one still source: all that there were before scenes.
PLAIN_COLUMNS: tuple[Column, ...] = (
    Column("file_name", pa.string(), "the FLAC, relative to the shard"),
    Column("id", pa.string(), "unique in the release: split, source and augmentation"),
    Column("split", pa.string(), "train, validation or test"),
    Column("dataset", pa.string(), "the dataset that the clip is from"),
    Column("source_id", pa.string(), "the clip in that dataset"),
    Column("augmentation", pa.int32(), "0 is the size-matched set without repeats; 1, 2, … are further places"),
    Column("captions", _STRINGS, "the spatial captions"),
    Column("captions_original", _STRINGS, "what they were made from, same order"),
    Column("caption_status", _STRINGS, "rewritten (the model's, checked) or template (no answer held, or no model)"),
    Column("caption_model", pa.string(), "the language model, or template"),
    Column("caption_prompt", pa.string(), "each prompt's name with its hash, in the order of the captions"),
    Column("duration_s", pa.float64(), "length of the FLAC in seconds", 6),
    Column("sample_rate", pa.int32(), "in hertz"),
    Column("gain_db", pa.float64(), "the one gain from clip to FLAC, all channels alike", 6),
    Column("azimuth_deg", pa.float64(), "of the source from the receiver, counter-clockwise, +90 is left", 6),
    Column("elevation_deg", pa.float64(), "of the source from the receiver, up is positive", 6),
    Column("distance_m", pa.float64(), "of the source from the receiver", 6),
    Column("direction", pa.string(), "front, left, right, back or null"),
    Column("elevation", pa.string(), "up, down or null"),
    Column("distance", pa.string(), "near, far or null"),
    Column("room_size", pa.string(), "small, large or null"),
    Column("reverberation", pa.string(), "dampened, reverberant or null"),
    Column("room_id", pa.string(), "the room, in rooms.parquet"),
    Column("room_length_m", pa.float64(), "along x", 6),
    Column("room_width_m", pa.float64(), "along y", 6),
    Column("room_height_m", pa.float64(), "along z", 6),
    Column("floor_area_m2", pa.float64(), "length by width", 6),
    Column("volume_m3", pa.float64(), "length by width by height", 6),
    *(
        Column(f"{who}_{axis}_m", pa.float64(), f"of the {who} in the room, from one lower corner", 6)
        for who in ("receiver", "source")
        for axis in "xyz"
    ),
    Column("t30_ms", pa.float64(), "full-band T30 measured on W of the response that was used", 3),
    Column("t30_bands_ms", _NUMBERS, f"T30 in the octave bands {', '.join(map(str, OCTAVE_BANDS_HZ))} Hz", 3),
    Column("edt_ms", pa.float64(), "early decay time, full band", 3),
    Column("c50_db", pa.float64(), "clarity, early (50 ms) to late energy", 4),
    Column("drr_db", pa.float64(), "direct-to-reverberant ratio", 4),
    Column("seed", pa.uint64(), "enough, with the recipe, to make the row's audio again"),
    Column("license", pa.string(), "of the clip"),
    Column("attribution", pa.string(), "of the clip"),
    Column("source_url", pa.string(), "of the clip"),
    Column("source_sha256", pa.string(), "of the input file"),
    # The bytes of a FLAC depend on the encoder's version, its samples do not.
    Column("sha256", pa.string(), "of the FLAC file", hashed=False),
    Column("pcm_sha256", pa.string(), "of its integer samples"),
)

#: The columns that came with scenes. Releases of before lack them, and a reader finds nulls.
SCENE_COLUMNS: tuple[Column, ...] = (
    Column("n_sources", pa.int32(), "the number of sounds", optional=True),
    Column(
        "sources",
        SOURCES_TYPE,
        "each sound with its clip, time, place and motion, in the order of onset",
        optional=True,
    ),
    Column(
        "ambience_snr_db",
        pa.float64(),
        "of all sounds over the diffuse noise under them, on W, or null",
        2,
        optional=True,
    ),
)
#: The columns that came with measured rooms and with receivers. Releases of before lack them too.
RECEIVER_COLUMNS: tuple[Column, ...] = (
    Column("response_id", pa.string(), "the measured response, or null in a simulated room", optional=True),
    Column("channels", pa.string(), "WYZX (ambisonics, ACN order and SN3D) or LR (two ears)", optional=True),
    Column("degree_files", _STRINGS, "the files of the degrees 2 and 3, beside the first", optional=True),
    Column("degree_sha256", _STRINGS, "of each of these files", hashed=False, optional=True),
    Column("degree_pcm_sha256", _STRINGS, "of the integer samples of each of these files", optional=True),
)
#: What these columns hold in a release of before. A row counts them for its digest only where they hold another value.
RECEIVER_DEFAULTS: Mapping[str, Any] = {
    "response_id": None,
    "channels": "WYZX",
    "degree_files": [],
    "degree_sha256": [],
    "degree_pcm_sha256": [],
}
ROW_COLUMNS = (*PLAIN_COLUMNS, *SCENE_COLUMNS, *RECEIVER_COLUMNS)
#: The columns that may be null in a measured room, whose files may not say them.
UNTOLD_COLUMNS = (
    *("distance_m", "room_length_m", "room_width_m", "room_height_m", "floor_area_m2", "volume_m3"),
    *(f"{who}_{axis}_m" for who in ("receiver", "source") for axis in "xyz"),
)
#: The same of a source in a measured room.
UNTOLD_OF_SOURCE = ("distance_m", "x_m", "y_m", "z_m")
#: The columns of each generation of releases, the newest first.
GENERATIONS = (ROW_COLUMNS, (*PLAIN_COLUMNS, *SCENE_COLUMNS), PLAIN_COLUMNS)
#: The columns of place that are null where a row has more than one place.
ONE_PLACE_COLUMNS = (
    *("azimuth_deg", "elevation_deg", "distance_m", "direction", "elevation", "distance"),
    *("source_x_m", "source_y_m", "source_z_m", "drr_db"),
)

ROOM_COLUMNS: tuple[Column, ...] = (
    Column("room_id", pa.string(), "the room"),
    Column("split", pa.string(), "the one split that uses it"),
    Column("length_m", pa.float64(), "along x", 6),
    Column("width_m", pa.float64(), "along y", 6),
    Column("height_m", pa.float64(), "along z", 6),
    Column("floor_area_m2", pa.float64(), "length by width", 6),
    Column("volume_m3", pa.float64(), "length by width by height", 6),
    Column("materials", _STRINGS, "floor, ceiling, walls: names in pyroomacoustics' database"),
    Column("absorption_scale", pa.float64(), "between the materials' absorption as published and as used", 6),
    *(
        Column(f"absorption_{surface}", _NUMBERS, f"energy absorption of the {surface} by octave band", 6)
        for surface in ("floor", "ceiling", "walls")
    ),
    Column("t30_asked_ms", pa.float64(), "full-band T30 asked for", 3),
    Column("t30_asked_bands_ms", _NUMBERS, "T30 asked for by octave band", 3),
    Column("t30_ms", pa.float64(), "full-band T30 measured at the room's reference position", 3),
    Column("t30_bands_ms", _NUMBERS, "T30 measured there by octave band", 3),
    Column("license", pa.string(), "of the responses of a measured room", optional=True),
    Column("attribution", pa.string(), "of the responses of a measured room", optional=True),
)

ANSWER_SCHEMA = pa.schema(
    [
        ("request_sha256", pa.string()),
        ("row_id", pa.string()),
        ("caption_index", pa.int32()),
        ("attempt", pa.int32()),
        ("text", pa.string()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        ("model", pa.string()),
        ("prompt", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("asked", pa.string()),
    ]
)
#: The columns of answers.parquet before there were judges.
OLDER_ANSWER_SCHEMA = ANSWER_SCHEMA.remove(ANSWER_SCHEMA.get_field_index("asked"))

REJECTION_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("file", "split", "source_id", "stage", "reason", "detail")]
)


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """The Arrow schema of a table of columns, each field with its description."""
    return pa.schema(
        pa.field(c.name, c.type, metadata={"description": c.text, **(OPTIONAL if c.optional else {})}) for c in columns
    )


ROW_SCHEMA = schema_of(ROW_COLUMNS)
ROW_SCHEMAS = tuple(schema_of(columns) for columns in GENERATIONS)
ROOM_SCHEMA = schema_of(ROOM_COLUMNS)
#: The rooms of releases from before there were measured ones.
OLDER_ROOM_SCHEMA = schema_of(column for column in ROOM_COLUMNS if not column.optional)


def number_or_none(number: float | None, decimals: int) -> float | None:
    """A rounded number; None for one that could not be measured."""
    return None if number is None or math.isnan(number) else round(float(number), decimals)


def _rounded(columns: Iterable[Column], values: Mapping[str, Any]) -> dict[str, Any]:
    def keep(column: Column) -> Any:
        value = values[column.name]
        if column.decimals is None or value is None:
            return value
        if isinstance(value, (list, tuple)):
            return [number_or_none(number, column.decimals) for number in value]
        return round(float(value), column.decimals)

    return {column.name: keep(column) for column in columns}


def row_values(row: Row, *, caption_model: str) -> dict[str, Any]:
    """The columns of a finished row, numbers rounded to their decimals.

    Raises:
        ValueError: if a stage left out something that a column needs.
    """
    acoustics, audio, words = row.acoustics, row.audio, row.words
    if acoustics is None or audio is None or words is None or not row.captions:
        raise ValueError(f"row {row.id} is not finished")
    clip = row.clip
    has_one_place = row.scene is None or row.scene.is_one_still_source
    sources = sources_of_row(row)
    values = _rounded(
        ROW_COLUMNS,
        {
            "file_name": audio.file_name,
            "id": row.id,
            "split": clip.split,
            "dataset": clip.dataset,
            "source_id": clip.source_id,
            "augmentation": row.augmentation,
            "captions": [caption.text for caption in row.captions],
            "captions_original": [caption.original for caption in row.captions],
            "caption_status": [caption.status for caption in row.captions],
            "caption_model": caption_model,
            # Each prompt once.
            "caption_prompt": ", ".join(dict.fromkeys(caption.prompt for caption in row.captions if caption.prompt))
            or None,
            "duration_s": audio.duration_s,
            "sample_rate": audio.sample_rate,
            "gain_db": audio.gain_db,
            "direction": words.direction,
            "elevation": words.elevation,
            "distance": words.distance,
            "room_size": words.room_size,
            "reverberation": words.reverberation,
            **_place_values(row),
            "t30_ms": acoustics.t30_ms,
            "t30_bands_ms": acoustics.t30_bands_ms,
            "edt_ms": acoustics.edt_ms,
            "c50_db": acoustics.c50_db,
            "drr_db": acoustics.drr_db,
            "seed": row.seed,
            "license": clip.license,
            "attribution": clip.attribution,
            "source_url": clip.source_url,
            "source_sha256": audio.source_sha256,
            "sha256": audio.sha256,
            "pcm_sha256": audio.pcm_sha256,
            "n_sources": len(sources),
            "sources": sources,
            "ambience_snr_db": row.scene.ambience_snr_db if row.scene is not None else None,
            "response_id": None if row.measured is None else row.measured.response_id,
            "channels": audio.channels,
            "degree_files": [file.file_name for file in audio.degrees],
            "degree_sha256": [file.sha256 for file in audio.degrees],
            "degree_pcm_sha256": [file.pcm_sha256 for file in audio.degrees],
        },
    )
    return values if has_one_place else {**values, **dict.fromkeys(ONE_PLACE_COLUMNS)}


def _place_values(row: Row) -> dict[str, Any]:
    """The columns of a row's room, of the place of its receiver, and of that of its source."""
    measured, room, placement = row.measured, row.room, row.placement
    if measured is not None:
        return {
            "azimuth_deg": measured.azimuth_deg,
            "elevation_deg": measured.elevation_deg,
            "distance_m": measured.distance_m,
            "room_id": measured.room_id,
            "room_length_m": measured.length_m,
            "room_width_m": measured.width_m,
            "room_height_m": measured.height_m,
            "floor_area_m2": measured.floor_area_m2,
            "volume_m3": None,
            **position_values("receiver_", measured.receiver_m),
            **position_values("source_", measured.source_m),
        }
    if room is None or placement is None:
        raise ValueError(f"row {row.id} has no room or no placement")
    return {
        "azimuth_deg": placement.azimuth_deg,
        "elevation_deg": placement.elevation_deg,
        "distance_m": placement.distance_m,
        "room_id": room.room_id,
        "room_length_m": room.length_m,
        "room_width_m": room.width_m,
        "room_height_m": room.height_m,
        "floor_area_m2": room.floor_area_m2,
        "volume_m3": room.volume_m3,
        **position_values("receiver_", placement.receiver_m),
        **position_values("source_", placement.source_m),
    }


def room_values(room: Room, measured: Acoustics) -> dict[str, Any]:
    """The columns of a room in rooms.parquet; `measured` holds at its reference position."""
    return _rounded(
        ROOM_COLUMNS,
        {
            "room_id": room.room_id,
            "split": room.split,
            "length_m": room.length_m,
            "width_m": room.width_m,
            "height_m": room.height_m,
            "floor_area_m2": room.floor_area_m2,
            "volume_m3": room.volume_m3,
            "materials": list(room.materials),
            "absorption_scale": room.absorption_scale,
            "absorption_floor": room.absorption[0],
            "absorption_ceiling": room.absorption[1],
            "absorption_walls": room.absorption[2],
            "t30_asked_ms": room.t30_ms,
            "t30_asked_bands_ms": room.t30_bands_ms,
            "t30_ms": measured.t30_ms,
            "t30_bands_ms": measured.t30_bands_ms,
            "license": None,
            "attribution": None,
        },
    )


def measured_room_values(
    responses: Sequence[tuple[MeasuredPlace, Acoustics]], license: str | None, attribution: str | None
) -> dict[str, Any]:
    """The columns of a measured room; its T30 is that of the response with the median, which stands for the room.

    Args:
        responses: all responses of the room.
        license: of the responses.
        attribution: of the responses.
    """
    ordered = sorted(responses, key=lambda one: (one[1].t30_ms, one[0].response_id))
    place, acoustics = ordered[(len(ordered) - 1) // 2]
    values = dict.fromkeys(column.name for column in ROOM_COLUMNS)
    sizes = ("length_m", "width_m", "height_m", "floor_area_m2")
    return _rounded(
        ROOM_COLUMNS,
        {
            **values,
            "room_id": place.room_id,
            "split": place.split,
            **{name: getattr(place, name) for name in sizes},
            "t30_ms": acoustics.t30_ms,
            "t30_bands_ms": acoustics.t30_bands_ms,
            "license": license,
            "attribution": attribution,
        },
    )


def answer_values(answer: Answer) -> dict[str, Any]:
    """The columns of an answer in answers.parquet."""
    return {name: getattr(answer, name) for name in ANSWER_SCHEMA.names}


def as_answers(table: pa.Table) -> pa.Table:
    """A table of answers with all columns; every answer of an older table is a writer's.

    Raises:
        ValueError, KeyError: when it lacks other columns, or they are of other types.
    """
    if "asked" not in table.schema.names:
        table = table.append_column("asked", pa.array(["writer"] * table.num_rows, pa.string()))
    return table.cast(ANSWER_SCHEMA)


def rejection_values(rejection: Rejection) -> dict[str, Any]:
    """The columns of a rejected input in rejected.parquet."""
    return {name: getattr(rejection, name) for name in REJECTION_SCHEMA.names}


def has_one_place(sources: Sequence[Mapping[str, Any] | None]) -> bool:
    """Whether the sources of a row are one that stands still."""
    return len(sources) == 1 and sources[0] is not None and not sources[0]["moving"]


def is_scene(values: Mapping[str, Any]) -> bool:
    """Whether a row has several sounds, or one that moves; a row of an older release has neither."""
    sources = values.get("sources")
    return sources is not None and not has_one_place(sources)


def is_plain(values: Mapping[str, Any]) -> bool:
    """Whether a row is one still source from its beginning to its end, which its other columns tell whole."""
    sources = values.get("sources")
    if sources is None:
        return True
    if not has_one_place(sources) or values["ambience_snr_db"] is not None:
        return False
    (only,) = sources
    return not only["onset_s"] and not only["stem"] and only["duration_s"] == values["duration_s"]


def with_newer_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The row with all columns; one of an older release is one still source, heard in first-order ambisonics."""
    added = {name: default for name, default in RECEIVER_DEFAULTS.items() if values.get(name) is None}
    if values.get("sources") is not None:
        return {**values, **added}
    source = {name: values[name] for name in ("source_id", "license", "attribution", "source_url", "source_sha256")}
    source |= {name: values[name] for name in ONE_PLACE_COLUMNS if not name.startswith("source_")}
    source |= {f"{axis}_m": values[f"source_{axis}_m"] for axis in "xyz"}
    source |= {"label": None, "captions": values["captions_original"], "onset_s": 0.0, "gain_db": 0.0}
    source |= {"duration_s": values["duration_s"], "moving": False, "speed_m_s": 0.0, "motion": None}
    sources = [{**source, "path": [], "stem": []}]
    return {**values, "n_sources": 1, "sources": sources, "ambience_snr_db": None, **added}


def hashed_columns(values: Mapping[str, Any]) -> list[Column]:
    """The columns that count for a row's digest.

    A row of one still source has the digest that it had before there were scenes; a scene's sources count too. A
    measured response, other channels and further files count where there are some.
    """
    columns = PLAIN_COLUMNS if is_plain(values) else (*PLAIN_COLUMNS, *SCENE_COLUMNS)
    newer = [
        column
        for column in RECEIVER_COLUMNS
        if values.get(column.name) is not None and values[column.name] != RECEIVER_DEFAULTS[column.name]
    ]
    return [column for column in (*columns, *newer) if column.hashed]


def row_digest(values: Mapping[str, Any]) -> bytes:
    """SHA-256 of a row as Parquet holds it: canonical JSON, each number as an integer of its last decimal."""

    def canonical(column: Column) -> Any:
        value = values[column.name]
        if column.type == SOURCES_TYPE:
            return [canonical_source(source) for source in value]
        if value is None or column.decimals is None:
            return list(value) if column.type == _STRINGS and value is not None else value
        if column.type == _NUMBERS:
            return [None if number is None else round(float(number) * 10**column.decimals) for number in value]
        return round(float(value) * 10**column.decimals)

    hashed = {column.name: canonical(column) for column in hashed_columns(values)}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, ensure_ascii=True, allow_nan=False).encode()).digest()
