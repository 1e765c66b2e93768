"""What a recipe says about scenes: how many sounds, how they move, how loud they are, and the noise under them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from transforms.seeds import derive_seed

#: Above this a walker becomes a vehicle, and the simulated reflections would have to follow faster than they do.
FASTEST_M_S = 10.0
MOST_SOURCES = 8
LONGEST_SCENE_S = 600.0

STEMS = ("none", "wet", "direct", "both")


@dataclass(frozen=True)
class SceneSettings:
    """The settings of scenes; the defaults give rows of one still source.

    Raises:
        ValueError: a value is impossible; the message begins with the name of the setting.
    """

    share: float = 1.0
    """The share of the rows that are scenes; each other row is one still source, as if there were no scenes."""
    sources_min: int = 1
    sources_max: int = 1
    moving_share: float = 0.0
    """The share of the sources that move."""
    speed_min_m_s: float = 0.3
    speed_max_m_s: float = 1.5
    duration_s: float | None = None
    """The length of a scene in seconds; None is as long as its only source."""
    level_min_db: float = -6.0
    level_max_db: float = 6.0
    """The level of a source against the scene's, before distance and room."""
    ambience_snr_min_db: float | None = None
    ambience_snr_max_db: float | None = None
    """The level of all sources over that of diffuse noise, on W; None for no noise."""
    stems: str = "none"
    """Which sounds of single sources are written: none, wet (with the room), direct, or both."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share: {self.share}; from 0 to 1")
        if not 1 <= self.sources_min <= self.sources_max <= MOST_SOURCES:
            raise ValueError(
                f"sources_min, sources_max: {self.sources_min}, {self.sources_max}; from 1 to {MOST_SOURCES}"
            )
        if not 0.0 <= self.moving_share <= 1.0:
            raise ValueError(f"moving_share: {self.moving_share}; from 0 to 1")
        if not 0.0 < self.speed_min_m_s <= self.speed_max_m_s <= FASTEST_M_S:
            raise ValueError(
                f"speed_min_m_s, speed_max_m_s: {self.speed_min_m_s}, {self.speed_max_m_s}; at most {FASTEST_M_S:g}"
            )
        if self.duration_s is not None and not 0.1 <= self.duration_s <= LONGEST_SCENE_S:
            raise ValueError(f"duration_s: {self.duration_s}; from 0.1 to {LONGEST_SCENE_S:g}")
        if self.duration_s is None and self.sources_max > 1:
            raise ValueError("duration_s: scenes of several sources need a length in seconds")
        if not -60.0 <= self.level_min_db <= self.level_max_db <= 60.0:
            raise ValueError(f"level_min_db, level_max_db: {self.level_min_db}, {self.level_max_db}; from -60 to 60")
        low, high = self.ambience_snr_min_db, self.ambience_snr_max_db
        if (low is None) != (high is None):
            raise ValueError("ambience_snr_min_db and ambience_snr_max_db: give both, or neither")
        if low is not None and high is not None and not (math.isfinite(low) and -60.0 <= low <= high <= 120.0):
            raise ValueError(f"ambience_snr_min_db, ambience_snr_max_db: {low}, {high}; from -60 to 120")
        if self.stems not in STEMS:
            raise ValueError(f"stems: {self.stems!r}; one of {', '.join(STEMS)}")

    @property
    def are_on(self) -> bool:
        """Whether some rows are scenes; otherwise each is one still source, as long as its clip."""
        if not self.share:
            return False
        several_or_moving = self.sources_max > 1 or self.moving_share > 0.0
        return several_or_moving or self.duration_s is not None or self.ambience_snr_min_db is not None

    def mean_length_s(self, clip_s: float) -> float:
        """The mean length of the rows of a clip that is so long, in seconds."""
        return clip_s if self.duration_s is None else self.share * self.duration_s + (1.0 - self.share) * clip_s

    def draws_scene(self, row_seed: int) -> bool:
        """Whether the row with this seed is a scene."""
        return derive_seed(row_seed, "scene or not") % 10**6 < round(self.share * 10**6)

    @property
    def has_wet_stems(self) -> bool:
        """Whether the sound of each source with its room is written."""
        return self.stems in ("wet", "both")

    @property
    def has_direct_stems(self) -> bool:
        """Whether the direct sound of each source is written."""
        return self.stems in ("direct", "both")
