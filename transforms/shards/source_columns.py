"""The column `sources` of a release: each sound of a row with its clip, its time, its place and its motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from transforms.paths import Point
from transforms.records import MeasuredPlace, Placement, Row, Source

_STRING, _NUMBER = pa.string(), pa.float64()

#: The fields of a point of a path, with their decimals.
PATH_FIELDS = {"time_s": 3, "azimuth_deg": 6, "elevation_deg": 6, "distance_m": 6}
#: The fields of a source that are numbers, with their decimals.
NUMBER_FIELDS = {
    "onset_s": 6,
    "duration_s": 6,
    "gain_db": 6,
    "azimuth_deg": 6,
    "elevation_deg": 6,
    "distance_m": 6,
    "x_m": 6,
    "y_m": 6,
    "z_m": 6,
    "drr_db": 4,
    "speed_m_s": 6,
}

SOURCE_TYPE = pa.struct(
    [
        ("source_id", _STRING),
        ("label", _STRING),
        ("captions", pa.list_(_STRING)),
        ("license", _STRING),
        ("attribution", _STRING),
        ("source_url", _STRING),
        ("source_sha256", _STRING),
        ("onset_s", _NUMBER),
        ("duration_s", _NUMBER),
        ("gain_db", _NUMBER),
        ("azimuth_deg", _NUMBER),
        ("elevation_deg", _NUMBER),
        ("distance_m", _NUMBER),
        ("x_m", _NUMBER),
        ("y_m", _NUMBER),
        ("z_m", _NUMBER),
        ("drr_db", _NUMBER),
        ("direction", _STRING),
        ("elevation", _STRING),
        ("distance", _STRING),
        ("moving", pa.bool_()),
        ("speed_m_s", _NUMBER),
        ("motion", _STRING),
        ("path", pa.list_(pa.struct([(name, _NUMBER) for name in PATH_FIELDS]))),
        ("stem", pa.list_(_STRING)),
    ]
)
SOURCES_TYPE = pa.list_(SOURCE_TYPE)


def sources_of_row(row: Row) -> list[dict[str, Any]]:
    """The column `sources` of a finished row, in the order of onset.

    Raises:
        ValueError: a stage has left something out.
    """
    if row.scene is not None:
        return [source_values(source) for source in row.scene.sources]
    if row.measured is not None:
        return [_measured_source(row, row.measured)]
    return [source_values(only_source(row))]


def _measured_source(row: Row, place: MeasuredPlace) -> dict[str, Any]:
    """The only source of a row in a measured room; what the room's files do not say is None."""
    # Positions of no meaning are put in, and what is known over them.
    nowhere = Placement((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), place.azimuth_deg, place.elevation_deg, 0.0)
    values = source_values(only_source(replace(row, placement=nowhere)))
    known = {"distance_m": place.distance_m, **position_values("", place.source_m)}
    return {**values, **{name: _rounded(name, value) for name, value in known.items()}}


def position_values(prefix: str, position_m: Point | None) -> dict[str, float | None]:
    """The three columns of a position, with what their names begin with; None where it is not known."""
    return {f"{prefix}{axis}_m": value for axis, value in zip("xyz", position_m or (None, None, None), strict=True)}


def _rounded(name: str, value: float | None) -> float | None:
    return None if value is None else round(float(value), NUMBER_FIELDS[name])


def only_source(row: Row) -> Source:
    """The source of a row of one still source; it sounds from the beginning to the end of the row.

    Raises:
        ValueError: a stage has left something out.
    """
    if row.placement is None or row.audio is None or row.acoustics is None or row.words is None:
        raise ValueError(f"row {row.id} is not finished")
    return Source(
        number=0,
        clip=row.clip,
        source_sha256=row.audio.source_sha256,
        placement=row.placement,
        onset_s=0.0,
        duration_s=row.audio.duration_s,
        gain_db=0.0,
        applied_gain_db=0.0,
        drr_db=row.acoustics.drr_db,
        words=row.words,
    )


def source_values(source: Source) -> dict[str, Any]:
    """The fields of a source, numbers rounded to their decimals.

    Raises:
        ValueError: a stage has left something out.
    """
    clip, placement, words = source.clip, source.placement, source.words
    if words is None or source.drr_db is None:
        raise ValueError(f"source {clip.source_id} is not finished")
    x_m, y_m, z_m = placement.source_m
    values: dict[str, Any] = {
        "source_id": clip.source_id,
        "label": clip.label,
        "captions": list(clip.captions),
        "license": clip.license,
        "attribution": clip.attribution,
        "source_url": clip.source_url,
        "source_sha256": source.source_sha256,
        "onset_s": source.onset_s,
        "duration_s": source.duration_s,
        "gain_db": source.gain_db,
        "azimuth_deg": placement.azimuth_deg,
        "elevation_deg": placement.elevation_deg,
        "distance_m": placement.distance_m,
        "x_m": x_m,
        "y_m": y_m,
        "z_m": z_m,
        "drr_db": source.drr_db,
        "direction": words.direction,
        "elevation": words.elevation,
        "distance": words.distance,
        "moving": source.path is not None,
        "speed_m_s": source.path.speed_m_s if source.path is not None else 0.0,
        "motion": source.motion,
        "path": [
            {name: round(float(getattr(point, name)), decimals) for name, decimals in PATH_FIELDS.items()}
            for point in source.points
        ],
        "stem": list(source.stems),
    }
    return {**values, **{name: _rounded(name, values[name]) for name in NUMBER_FIELDS}}


def canonical_source(values: Mapping[str, Any]) -> dict[str, Any]:
    """A source as it is hashed: each number as an integer of its last decimal."""
    numbers = {
        name: None if values[name] is None else round(float(values[name]) * 10**decimals)
        for name, decimals in NUMBER_FIELDS.items()
    }
    path = [
        [round(float(point[name]) * 10**decimals) for name, decimals in PATH_FIELDS.items()] for point in values["path"]
    ]
    return {**values, **numbers, "path": path, "captions": list(values["captions"]), "stem": list(values["stem"])}
