"""The sounds of a row as the page shows them; a row of a stranger may lack any value of them, or have millions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.wording import number, source_in_words
from transforms.escaping import web_link
from transforms.words import VOCABULARY

#: A card draws so many sounds of a row, and so many points of a path; the page says how many sounds it leaves out.
MOST_SOUNDS = 12
MOST_POINTS = 48
#: A card has players of so many stems of a sound.
MOST_STEMS = 2
#: Texts of a sound other than its captions, such as its label, are cut to so many characters.
_MOST_CHARACTERS = 200
_MOTIONS = {"nearer": "comes nearer", "farther": "goes farther away", "up": "rises", "down": "sinks"}
#: What is farther away than this is not drawn; no room is so large.
_FARTHEST_M = 1_000.0
#: From the receiver to a point: metres ahead, to the left, and up.
Offset = tuple[float, float, float]


@dataclass(frozen=True)
class ShownSound:
    """One sound of a row; numbers are None where the row lacks them."""

    number: int
    """Its number on the page, from 1 in the order of onset."""
    captions: tuple[str, ...]
    label: str | None
    onset_s: float | None
    end_s: float | None
    moving: bool
    speed_m_s: float | None
    motion: str | None
    words: tuple[str, ...]
    place: str
    """Where it is at its onset, in words and numbers."""
    offsets_m: tuple[Offset, ...]
    """Where it is from the receiver: one point, or points along its path; empty where that is unknown."""
    stems: tuple[str, ...]
    credit: str
    """The author and the licence of its clip; empty where the input names none."""
    link: str | None
    """The page of its clip."""

    @property
    def times(self) -> str:
        """When it sounds."""
        return f"{number(self.onset_s, 1)}–{number(self.end_s, 1)} s"

    @property
    def said(self) -> tuple[str, ...]:
        """The words that a caption may say of it: those of its place, and of the directions that it moves between."""
        between = (self.motion or "").split(" to ")
        return (*self.words, *(word for word in VOCABULARY["direction"] if word in between))

    @property
    def movement(self) -> str:
        """How it moves, in words; empty for a sound that stands still."""
        if not self.moving:
            return ""
        start, _, end = (self.motion or "").partition(" to ")
        said = _MOTIONS.get(start) or (f"moves from the {start} to the {end}" if end else "moves")
        return f"{said} at {number(self.speed_m_s, 1)} m/s"


def counted(sounds: int, moving: int) -> str:
    """How many sounds there are and how many of them move, as in `2 sounds, 1 moving`."""
    return f"{number(sounds)} sound{'' if sounds == 1 else 's'}{f', {number(moving)} moving' if moving else ''}"


def sounds_in_words(row: Mapping[str, Any]) -> str:
    """How many sounds a scene has and how many of them move."""
    sources = row["sources"]
    return counted(len(sources), sum(bool(source and source["moving"]) for source in sources))


def shown_sounds(row: Mapping[str, Any]) -> tuple[ShownSound, ...]:
    """The first sounds of a scene."""
    return tuple(
        _shown(position, source or {}) for position, source in enumerate(row["sources"][:MOST_SOUNDS], start=1)
    )


def _shown(position: int, source: Mapping[str, Any]) -> ShownSound:
    onset_s, duration_s = _finite(source.get("onset_s")), _finite(source.get("duration_s"))
    moving = bool(source.get("moving"))
    place = {name: _finite(source.get(name)) for name in ("azimuth_deg", "elevation_deg", "distance_m")}
    points = _thinned(source.get("path") or ()) if moving else ()
    return ShownSound(
        number=position,
        captions=tuple(text for text in (source.get("captions") or ())[:3] if text),
        label=_shortened(source.get("label")),
        onset_s=onset_s,
        end_s=None if onset_s is None or duration_s is None else onset_s + duration_s,
        moving=moving,
        speed_m_s=_finite(source.get("speed_m_s")),
        motion=_shortened(source.get("motion")),
        words=tuple(word for name in ("direction", "elevation", "distance") if (word := _shortened(source.get(name)))),
        place=source_in_words(place),
        offsets_m=tuple(offset for point in (points or (place,)) if (offset := _offset_m(point)) is not None),
        stems=tuple(name for name in (source.get("stem") or ())[:MOST_STEMS] if name),
        credit=", ".join(text for name in ("attribution", "license") if (text := _shortened(source.get(name)))),
        link=web_link(source.get("source_url")),
    )


def _shortened(text: str | None) -> str | None:
    return text if text is None or len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _thinned(path: Sequence[Any]) -> tuple[Any, ...]:
    """At most MOST_POINTS of the points, the first and the last among them."""
    if len(path) <= MOST_POINTS:
        return tuple(path)
    return tuple(path[round(at * (len(path) - 1) / (MOST_POINTS - 1))] for at in range(MOST_POINTS))


def _offset_m(point: Mapping[str, Any] | None) -> Offset | None:
    values = [_finite((point or {}).get(name)) for name in ("azimuth_deg", "elevation_deg", "distance_m")]
    azimuth_deg, elevation_deg, distance_m = values
    if azimuth_deg is None or elevation_deg is None or distance_m is None or abs(distance_m) > _FARTHEST_M:
        return None
    ground_m = distance_m * math.cos(math.radians(elevation_deg))
    return (
        ground_m * math.cos(math.radians(azimuth_deg)),
        ground_m * math.sin(math.radians(azimuth_deg)),
        distance_m * math.sin(math.radians(elevation_deg)),
    )


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
