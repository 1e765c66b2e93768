"""The section `scenes`: positions, the sounds of a scene, and the ambience under them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.sections.base import Section
from pipeline.sections.own_files import AMBIENCE, name_own_files, recordings_sha256
from pipeline.sections.ranges import ranges_of
from transforms.rooms.ranges import SceneRanges
from transforms.scenes.settings import SceneSettings


class Scenes(Section):
    """The ranges that positions of receiver and sources are drawn from, and the sounds of a scene.

    With the defaults each row is one still source.
    """

    ranges: dict[str, float] = Field(default_factory=dict, validate_default=True)
    """Values over the defaults of transforms.rooms.ranges.SceneRanges: distance_max_m, elevation_min_deg, …"""
    share: float = 1.0
    """The share of the rows that are scenes; the others are one still source, as if there were no scenes."""
    sources_min: int = 1
    sources_max: int = 1
    """How many clips sound in a scene; the first is the row's own, the others are of the same split."""
    moving_share: float = 0.0
    """The share of the sources that move, from 0 to 1."""
    speed_min_m_s: float = 0.3
    speed_max_m_s: float = 1.5
    duration_s: float | None = None
    """The length of a scene; None is as long as its only source, and then there may be but one."""
    level_min_db: float = -6.0
    level_max_db: float = 6.0
    """The level of a source against the scene's, before distance and room."""
    ambience_snr_min_db: float | None = None
    ambience_snr_max_db: float | None = None
    """The level of all sources over that of the ambience under them, on W; None for no ambience."""
    ambience: str | None = None
    """A folder of recordings that the ambience is made of, in place of noise. The resolved recipe holds its name."""
    ambience_sha256: str | None = None
    """The SHA-256 of these recordings; the resolved recipe has it."""

    @model_validator(mode="before")
    @classmethod
    def _name_ambience(cls, values: Any, info: ValidationInfo) -> Any:
        return name_own_files(values, AMBIENCE, info, recordings_sha256)

    @model_validator(mode="after")
    def _possible(self) -> Scenes:
        self.settings("none")
        if self.ambience is not None and self.ambience_snr_min_db is None:
            raise ValueError("ambience: needs ambience_snr_min_db and ambience_snr_max_db")
        return self

    def settings(self, stems: str) -> SceneSettings:
        """The settings of scenes, with the stems that are written."""
        values = self.model_dump(exclude={"ranges", "ambience", "ambience_sha256"})
        return SceneSettings(**values, stems=stems)

    @field_validator("ranges")
    @classmethod
    def _all_ranges(cls, values: dict[str, float]) -> dict[str, float]:
        return ranges_of(SceneRanges, values)
