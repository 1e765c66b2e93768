"""The section `rooms`: sampled rooms, the user's own, and measured ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.sections.base import SplitCounts
from pipeline.sections.own_files import MEASURED, measured_sha256, name_own_files, reading_of
from pipeline.sections.ranges import ranges_of
from transforms.rooms.own_rooms import own_rooms_of, read_own_rooms
from transforms.rooms.ranges import RoomRanges

#: Every room that a row uses is measured, which takes some tens of milliseconds.
RoomCount = Annotated[int, Field(ge=0, le=1_000_000)]


class Rooms(SplitCounts):
    """The number of rooms of each split, and the ranges that rooms are drawn from; no room is in two splits."""

    train: RoomCount = 512
    validation: RoomCount = 64
    test: RoomCount = 128
    ranges: dict[str, float] = Field(default_factory=dict, validate_default=True)
    """Values over the defaults of transforms.rooms.ranges.RoomRanges: floor_area_min_m2, t30_max_ms, …"""
    own: list[dict[str, Any]] = Field(default_factory=list)
    """The user's own rooms (room_id, split, length_m, width_m, height_m, t30_ms, floor, ceiling, walls)."""
    file: str | None = None
    """A CSV file of own rooms; the resolved recipe holds them in `own`."""
    measured: str | list[str] | None = None
    """Files or folders of measured room responses; a split that has some samples no rooms. The resolved recipe holds
    their names."""
    measured_sha256: str | None = None
    """The SHA-256 of these files; the resolved recipe has it."""
    measured_channels: Literal["acn", "fuma"] | None = None
    """The order of their channels, where they do not say it; None is ACN."""
    measured_normalisation: Literal["sn3d", "n3d", "fuma"] | None = None
    """Their normalisation, where they do not say it; None is SN3D, or FuMa's for FuMa's order."""

    @model_validator(mode="before")
    @classmethod
    def _name_measured(cls, values: Any, info: ValidationInfo) -> Any:
        return name_own_files(values, MEASURED, info, measured_sha256)

    @model_validator(mode="before")
    @classmethod
    def _read_file(cls, values: Any, info: ValidationInfo) -> Any:
        if isinstance(values, dict) and values.get("file"):
            if not reading_of(info).may_read:
                raise ValueError("file names a list of rooms; the recipe of a release holds the rooms in own")
            return {**values, "own": [*values.get("own", []), *read_own_rooms(str(values["file"]))], "file": None}
        return values

    @field_validator("ranges")
    @classmethod
    def _all_ranges(cls, values: dict[str, float]) -> dict[str, float]:
        return ranges_of(RoomRanges, values)

    @field_validator("own")
    @classmethod
    def _usable_rooms(cls, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        own_rooms_of(values)
        return values
