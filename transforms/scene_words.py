"""What a caption of a scene may say: each sound with its place and motion, the order in time, and the room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.words import VOCABULARY, direction_word

#: A sound comes nearer, or goes farther away, where its distance changes by this factor.
DISTANCE_FACTOR = 2.0
#: A sound rises or sinks where its elevation changes by so much.
ELEVATION_CHANGE_DEG = 30.0
#: Two sounds are at one time where they overlap by this share of the shorter one.
WHILE_OVERLAP = 0.5
#: The words of motion.
MOTIONS = (
    *(f"{start} to {end}" for start in VOCABULARY["direction"] for end in VOCABULARY["direction"] if start != end),
    "nearer",
    "farther",
    "up",
    "down",
)
#: The points of a path in a second, as a release tells it.
POINTS_A_SECOND = 10


@dataclass(frozen=True)
class SourceWords:
    """One sound of a scene: its original caption, the words of its place at its onset, and its motion."""

    caption: str
    direction: str | None = None
    elevation: str | None = None
    distance: str | None = None
    motion: str | None = None
    """`left to front` and the like, `nearer`, `farther`, `up` or `down`; None if nothing is certain."""

    def present(self) -> dict[str, str]:
        """The attributes that have a word."""
        names = ("direction", "elevation", "distance", "motion")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True)
class TimeRelation:
    """Two sounds, by their numbers in the order of onset, and the word that is certain about them."""

    earlier: int
    later: int
    word: str
    """`while` or `then`."""


@dataclass(frozen=True)
class SceneWords:
    """All that a caption of a scene has to say, and all that it may."""

    sources: tuple[SourceWords, ...]
    """In the order of onset."""
    room_size: str | None = None
    reverberation: str | None = None
    times: tuple[TimeRelation, ...] = ()
    """Every pair of sounds about whose order in time something is certain."""

    def record(self) -> dict[str, Any]:
        """All of it as plain values, which a hash is taken of and a table holds as JSON."""
        return {
            "sources": [{"caption": source.caption, **source.present()} for source in self.sources],
            "room": {
                name: word
                for name, word in (("room_size", self.room_size), ("reverberation", self.reverberation))
                if word is not None
            },
            "times": [[each.earlier, each.later, each.word] for each in self.times],
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> SceneWords:
        """The inverse of `record`.

        Raises:
            ValueError: when it is no record of a scene.
        """
        try:
            scene = cls(
                tuple(SourceWords(**source) for source in record["sources"]),
                record["room"].get("room_size"),
                record["room"].get("reverberation"),
                tuple(TimeRelation(*each) for each in record["times"]),
            )
            # The dictionaries of a stranger may hold anything.
            known = all(map(_is_known, scene.sources)) and all(
                0 <= each.earlier < each.later < len(scene.sources) and each.word in ("while", "then")
                for each in scene.times
            )
            room = {"room_size": scene.room_size, "reverberation": scene.reverberation}
            if not known or any(word not in (None, *VOCABULARY[name]) for name, word in room.items()):
                raise ValueError("a scene has a word or a number that no scene has")
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("a scene is not written as one") from error
        return scene

    @property
    def original(self) -> str:
        """The originals of the sounds as a release tells them, joined with "; "."""
        return "; ".join(source.caption for source in self.sources)

    def relation(self, earlier: int, later: int) -> str | None:
        """The word of time for two sounds by their numbers; None where nothing is certain."""
        return next((each.word for each in self.times if (each.earlier, each.later) == (earlier, later)), None)


@dataclass(frozen=True)
class PathPoint:
    """Where a moving source is at one time of the scene, from the receiver."""

    time_s: float
    azimuth_deg: float
    elevation_deg: float
    distance_m: float


def _is_known(source: SourceWords) -> bool:
    """Whether a sound has a caption and words that a sound may have."""
    places = ((name, getattr(source, name)) for name in ("direction", "elevation", "distance"))
    return (
        isinstance(source.caption, str)
        and all(word in (None, *VOCABULARY[name]) for name, word in places)
        and source.motion in (None, *MOTIONS)
    )


def motion_word(path: Sequence[PathPoint]) -> str | None:
    """The word for a motion, from the points of its path: the first that holds of direction, distance and elevation.

    A direction is told from the word at the start to another one at the end. A sound comes nearer or goes farther away
    where its distance changes by a factor of 2, and goes up or down where its elevation changes by 30°.
    """
    if len(path) < 2:
        return None
    start, end = path[0], path[-1]
    words = direction_word(start.azimuth_deg), direction_word(end.azimuth_deg)
    if None not in words and words[0] != words[1]:
        return f"{words[0]} to {words[1]}"
    if end.distance_m * DISTANCE_FACTOR <= start.distance_m:
        return "nearer"
    if end.distance_m >= start.distance_m * DISTANCE_FACTOR:
        return "farther"
    rise_deg = end.elevation_deg - start.elevation_deg
    if abs(rise_deg) >= ELEVATION_CHANGE_DEG:
        return "up" if rise_deg > 0 else "down"
    return None


def time_word(earlier: tuple[float, float], later: tuple[float, float]) -> str | None:
    """The word of time for two sounds, each as its onset and its end in seconds; None where nothing is certain.

    `while` holds where they overlap by half of the shorter one or more, `then` where the later begins after the earlier
    has ended.
    """
    if later[0] >= earlier[1]:
        return "then"
    overlap_s = min(earlier[1], later[1]) - max(earlier[0], later[0])
    shorter_s = min(earlier[1] - earlier[0], later[1] - later[0])
    return "while" if overlap_s >= WHILE_OVERLAP * shorter_s else None


def time_relations(sounds: Sequence[tuple[float, float]]) -> tuple[TimeRelation, ...]:
    """All that is certain about the times of sounds, each as its onset and its end, in the order of onset."""
    pairs = ((first, second) for first in range(len(sounds)) for second in range(first + 1, len(sounds)))
    found = ((first, second, time_word(sounds[first], sounds[second])) for first, second in pairs)
    return tuple(TimeRelation(first, second, word) for first, second, word in found if word is not None)
