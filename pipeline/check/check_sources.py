"""Checks the sources of a row: places against positions, paths against rooms, words against numbers, and stems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.recipe import Recipe
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.scene_words import POINTS_A_SECOND, PathPoint, motion_word
from transforms.scenes.stem_names import stem_name
from transforms.shards.release_rows import ONE_PLACE_COLUMNS, has_one_place, is_plain
from transforms.words import direction_word, distance_word, elevation_word

# Coordinates have six decimals, and so have angles and distances.
_POSITION_TOLERANCE_M = 1e-5
_TIME_TOLERANCE_S = 1e-6
# A path is told by points; along an arc their distances are a little shorter than the way.
_SPEED_TOLERANCE = 0.02
#: A column of a row of one place → the same in its source.
_SAME_IN_SOURCE = {
    **{name: name for name in ("azimuth_deg", "elevation_deg", "distance_m", "direction", "elevation", "distance")},
    **{f"source_{axis}_m": f"{axis}_m" for axis in "xyz"},
    "drr_db": "drr_db",
}
_OF_CLIP = ("license", "attribution", "source_url", "source_sha256")


def check_sources(values: Mapping[str, Any], recipe: Recipe | None) -> Iterator[str]:
    """A line for each thing that is wrong with the sources of a usable row, without the row's name.

    Args:
        values: the row.
        recipe: the recipe of the release; None if it cannot be read.
    """
    sources: Sequence[Mapping[str, Any]] = values["sources"]
    if values["n_sources"] != len(sources):
        yield f"n_sources is {values['n_sources']}, and sources holds {len(sources)}"
    own = [source for source in sources if source["source_id"] == values["source_id"]]
    if len(own) != 1:
        yield f"sources holds the row's own clip {len(own)} times"
    elif any(own[0][name] != values[name] for name in _OF_CLIP):
        yield "its own clip is another one in sources"
    for name in ("source_id", "source_sha256"):
        if len({source[name] for source in sources}) < len(sources):
            yield f"two of its sources have one {name}"
    onsets_s = [source["onset_s"] for source in sources]
    if onsets_s != sorted(onsets_s):
        yield "its sources are not in the order of onset"
    yield from _check_places(values, sources)
    for number, source in enumerate(sources, start=1):
        for problem in _check_source(values, source):
            yield f"source {number}: {problem}"
    if recipe is not None:
        yield from _check_recipe(values, sources, recipe)


def receiver_and_room_m(values: Mapping[str, Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The position of the receiver, and the size of the room; None for what a measured room does not tell."""
    receiver_m = _known(values[f"receiver_{axis}_m"] for axis in "xyz")
    return receiver_m, _known(values[name] for name in ("room_length_m", "room_width_m", "room_height_m"))


def _known(numbers: Iterable[float | None]) -> np.ndarray | None:
    """Numbers as an array; None if one is not known."""
    found = [number for number in numbers if number is not None]
    return np.array(found) if len(found) == 3 else None


def _check_places(values: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not has_one_place(sources):
        stated = [name for name in ONE_PLACE_COLUMNS if values[name] is not None]
        if stated:
            yield f"{', '.join(stated)} tell one place of a row that has several"
        return
    differing = [name for name, in_source in _SAME_IN_SOURCE.items() if values[name] != sources[0][in_source]]
    if differing:
        yield f"{', '.join(differing)} are not those of its source"


def _check_source(values: Mapping[str, Any], source: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "direction": direction_word(source["azimuth_deg"]),
        "elevation": elevation_word(source["elevation_deg"]),
        "distance": distance_word(source["distance_m"]),
    }
    for name, word in words.items():
        if source[name] != word:
            yield f"{name} is {source[name]}, its numbers say {word}"
    receiver_m, size_m = receiver_and_room_m(values)
    position_m = _known(source[f"{axis}_m"] for axis in "xyz")
    if position_m is not None and receiver_m is not None and not _fits(source, position_m - receiver_m):
        yield "azimuth, elevation and distance are not those of source and receiver"
    if position_m is not None and size_m is not None and not _inside(position_m, size_m):
        yield "it is outside of the room"
    if source["onset_s"] < 0 or source["duration_s"] <= 0:
        yield "it sounds for no time"
    if source["onset_s"] + source["duration_s"] > values["duration_s"] + _TIME_TOLERANCE_S:
        yield "it sounds after the end of the scene"
    if source["moving"]:
        if receiver_m is None or size_m is None:
            yield "it moves in a measured room"
            return
        yield from _check_path(source, receiver_m, size_m)
    elif source["path"] or source["speed_m_s"] or source["motion"] is not None:
        yield "it stands still, and has a path, a speed or a motion"


def _check_path(source: Mapping[str, Any], receiver_m: np.ndarray, size_m: np.ndarray) -> Iterator[str]:
    path = source["path"]
    expected = int(source["duration_s"] * POINTS_A_SECOND + _TIME_TOLERANCE_S) + 1
    if len(path) != expected:
        yield f"its path has {len(path)} points, and it sounds for {expected}"
        return
    times_s = np.array([point["time_s"] for point in path])
    # Times have three decimals.
    if np.abs(times_s - source["onset_s"] - np.arange(len(path)) / POINTS_A_SECOND).max() > 1e-3:
        yield "the points of its path are not 0.1 s apart"
    if any(path[0][name] != source[name] for name in ("azimuth_deg", "elevation_deg", "distance_m")):
        yield "its path begins at another place"
    positions_m = receiver_m + np.stack([_offset_m(point) for point in path])
    if not _inside(positions_m, size_m):
        yield "its path leaves the room"
    if len(path) > 1:
        steps_m = np.linalg.norm(np.diff(positions_m, axis=0), axis=1)
        fastest, slowest = float(steps_m.max()) * POINTS_A_SECOND, float(steps_m.min()) * POINTS_A_SECOND
        speed = source["speed_m_s"]
        if not (1 - _SPEED_TOLERANCE) * speed - 1e-3 <= slowest <= fastest <= (1 + _SPEED_TOLERANCE) * speed + 1e-3:
            yield f"its speed is {speed} m/s, its path says {slowest:.3f} to {fastest:.3f} m/s"
    motion = motion_word([PathPoint(**point) for point in path])
    if source["motion"] != motion:
        yield f"motion is {source['motion']}, its path says {motion}"


def _check_recipe(values: Mapping[str, Any], sources: Sequence[Mapping[str, Any]], recipe: Recipe) -> Iterator[str]:
    if values["response_id"] is not None and recipe.rooms.measured is None:
        yield "it has a measured response, and its recipe has no measured rooms"
    scenes = recipe.scene_settings()
    if scenes.are_on and not scenes.draws_scene(values["seed"]):
        if not is_plain(values):
            yield "it is a scene, and by its seed and recipe it is none"
        return
    if not scenes.sources_min <= len(sources) <= scenes.sources_max:
        yield f"it has {len(sources)} sources, its recipe says {scenes.sources_min} to {scenes.sources_max}"
    if scenes.duration_s is not None and abs(values["duration_s"] - scenes.duration_s) > 1e-4:
        yield f"it is {values['duration_s']} s long, its recipe says {scenes.duration_s}"
    if not scenes.moving_share and any(source["moving"] for source in sources):
        yield "a source moves, and nothing moves by its recipe"
    snr_db, low, high = values["ambience_snr_db"], scenes.ambience_snr_min_db, scenes.ambience_snr_max_db
    if low is None or high is None:
        if snr_db is not None:
            yield "it has an ambience, and its recipe has none"
    elif snr_db is None or not low <= snr_db <= high:
        yield f"ambience_snr_db is {snr_db}, its recipe says {low} to {high}"
    kinds = [kind for kind, wanted in (("wet", scenes.has_wet_stems), ("direct", scenes.has_direct_stems)) if wanted]
    for number, source in enumerate(sources, start=1):
        expected = [stem_name(values["file_name"], number, kind) for kind in kinds] if scenes.are_on else []
        if source["stem"] != expected:
            yield f"source {number}: its stems are not those of its recipe"


def _offset_m(place: Mapping[str, Any]) -> np.ndarray:
    unit = direction_to_unit_vector(place["azimuth_deg"], place["elevation_deg"])
    return np.asarray(place["distance_m"] * unit)


def _fits(source: Mapping[str, Any], offset_m: np.ndarray) -> bool:
    """Whether a source is in its direction, and at its distance if that is known."""
    distance_m = source["distance_m"]
    if distance_m is None:
        distance_m = float(np.linalg.norm(offset_m))
    expected_m = _offset_m({**source, "distance_m": distance_m})
    return bool(np.abs(offset_m - expected_m).max() <= _POSITION_TOLERANCE_M)


def _inside(positions_m: np.ndarray, size_m: np.ndarray) -> bool:
    return bool(((positions_m > 0.0) & (positions_m < size_m)).all())
