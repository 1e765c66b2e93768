"""What a row says of its sources is held to its numbers, its room and its recipe."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.check.check_sources import check_sources
from pipeline.recipe import load_recipe
from pipeline.release.usable_rows import unusable_row
from tests.transforms.scenes.scenes import noise, placed_row
from transforms.captions.describe_places import describe_place
from transforms.records import Acoustics, Audio, Caption
from transforms.shards.release_rows import is_plain, row_digest, row_values

RECIPE = load_recipe(
    "folder", ("scenes.sources_max=3", "scenes.moving_share=0.5", "scenes.duration_s=6", "caption.writer=template")
)
SOUNDS = {"dog": noise(1, 1.5), "bell": noise(2, 3.0), "rain": noise(3, 9.0)}
ACOUSTICS = Acoustics(500.0, (500.0,) * 8, 450.0, 5.0, 3.0)
Values = dict[str, Any]


def values_of(names: tuple[str, ...], moving_share: float, seed: int = 5) -> Values:
    """The columns of a finished row, whose sound was not made."""
    settings = replace(RECIPE.scene_settings(), moving_share=moving_share)
    row = placed_row({name: SOUNDS[name] for name in names}, seed, settings)
    assert row.scene is not None
    scene = replace(row.scene, sources=tuple(replace(source, drr_db=2.0) for source in row.scene.sources))
    audio = Audio("a.flac", scene.duration_s, 48_000, -12.0, False, row.sounds[0].source_sha256, "b", "c")
    caption = Caption("a", "b", "template")
    row = replace(row, scene=scene, audio=audio, acoustics=replace(ACOUSTICS, drr_db=2.0), captions=(caption,))
    return row_values(describe_place(row), caption_model="template")


MOVING = values_of(("dog", "bell", "rain"), 1.0)
STILL = values_of(("dog", "bell"), 0.0)
ONE = values_of(("dog",), 0.0)
#: A moving source that has a word of motion.
MOTION = next(
    values
    for seed in range(50)
    if (values := values_of(("dog",), 1.0, seed))["sources"][0]["motion"] == "left to front"
)


@pytest.mark.parametrize("values", [MOVING, STILL, ONE, MOTION], ids=["moving", "still", "one", "motion"])
def test_a_row_as_it_was_made_has_no_problem(values: Values) -> None:
    assert unusable_row(values) is None
    assert list(check_sources(values, RECIPE)) == []


def test_a_row_of_several_places_tells_none_at_its_top() -> None:
    for values in (MOVING, STILL, MOTION):
        assert values["azimuth_deg"] is values["source_x_m"] is values["drr_db"] is values["direction"] is None
        assert values["receiver_x_m"] is not None
    assert ONE["azimuth_deg"] == ONE["sources"][0]["azimuth_deg"]


def test_a_place_at_the_top_of_a_row_of_one_still_source_may_not_be_null() -> None:
    assert unusable_row({**ONE, "azimuth_deg": None}) == "azimuth_deg is null"


def _set(number: int, name: str, value: Any) -> Callable[[Values], None]:
    def change(values: Values) -> None:
        source = values["sources"][number]
        source[name] = value(source[name]) if callable(value) else value

    return change


def _path(change: Callable[[list[Values]], None]) -> Callable[[Values], None]:
    return lambda values: change(values["sources"][0]["path"])


def _reversed_path(path: list[Values]) -> None:
    places = [{name: point[name] for name in point if name != "time_s"} for point in reversed(path)]
    for point, place in zip(path, places, strict=True):
        point.update(place)


WRONG: dict[str, tuple[Values, Callable[[Values], None], str]] = {
    "a number of sources": (STILL, lambda v: v.update(n_sources=3), "n_sources is 3"),
    "a lost source": (STILL, lambda v: v["sources"].pop(), "n_sources is 2"),
    "another order": (MOVING, lambda v: v["sources"].reverse(), "not in the order of onset"),
    "the own clip's licence": (ONE, _set(0, "license", "CC0-1.0"), "its own clip is another one"),
    "another own clip": (ONE, _set(0, "source_id", "cat"), "own clip 0 times"),
    "one recording twice": (STILL, lambda v: v["sources"][1].update(source_sha256=v["sources"][0]["source_sha256"]),
                            "have one source_sha256"),
    "a place at the top": (STILL, lambda v: v.update(azimuth_deg=10.0), "one place of a row that has several"),
    "another place at the top": (ONE, lambda v: v.update(distance_m=9.0), "are not those of its source"),
    "a direction": (STILL, _set(0, "direction", "above"), "direction is above"),
    "an azimuth": (STILL, _set(1, "azimuth_deg", lambda a: -a), "are not those of source and receiver"),
    "a position": (STILL, _set(0, "x_m", lambda x: x + 0.001), "are not those of source and receiver"),
    "a late sound": (STILL, _set(1, "duration_s", 60.0), "after the end of the scene"),
    "an early sound": (STILL, _set(0, "onset_s", -1.0), "sounds for no time"),
    "a motion reversed": (MOTION, _set(0, "motion", "front to left"), "its path says left to front"),
    "a motion lost": (MOTION, _set(0, "motion", None), "its path says left to front"),
    "a motion of a still source": (STILL, _set(0, "motion", "nearer"), "stands still, and has"),
    "a still source that moves": (MOTION, _set(0, "moving", False), "stands still, and has"),
    "a path reversed": (MOTION, _path(_reversed_path), "begins at another place"),
    "a path cut": (MOTION, _path(lambda path: path.pop()), "points, and it sounds for"),
    "a path across the wall": (MOTION, _path(lambda path: path[-1].update(distance_m=500.0)), "leaves the room"),
    "a jump": (MOTION, _path(lambda path: path[5].update(distance_m=path[5]["distance_m"] + 0.05)), "its speed is"),
    "a speed": (MOTION, _set(0, "speed_m_s", lambda speed: 1.1 * speed), "its speed is"),
    "points at other times": (MOTION, _path(lambda path: path[3].update(time_s=9.0)), "not 0.1 s apart"),
    "more sources than the recipe has": (
        STILL, lambda v: v["sources"].extend(copy.deepcopy(v["sources"])), "its recipe says 1 to 3"),
    "another length": (STILL, lambda v: v.update(duration_s=7.0), "its recipe says 6.0"),
    "an ambience": (STILL, lambda v: v.update(ambience_snr_db=10.0), "its recipe has none"),
    "a stem": (STILL, _set(0, "stem", ["stems/a-1-wet.flac"]), "stems are not those of its recipe"),
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG)
def test_a_changed_source_is_found_and_named(change: str) -> None:
    values, inflict, text = WRONG[change]
    wrong = copy.deepcopy(values)
    inflict(wrong)
    problems = list(check_sources(wrong, RECIPE))
    assert any(text in problem for problem in problems), problems
    assert all("\n" not in problem for problem in problems)


GAPS: dict[str, tuple[Callable[[Values], None], str]] = {
    "no source": (lambda v: v.update(sources=[]), "sources holds 0, not 1 to 8"),
    "sources without end": (lambda v: v.update(sources=5_000 * v["sources"]), "not 1 to 8"),
    "a sample a second": (lambda v: v.update(sample_rate=1, duration_s=2e7), "sample_rate is 1, not 48000"),
    "a source that is null": (lambda v: v["sources"].append(None), "sources holds None"),
    "an onset": (_set(0, "onset_s", None), "sources.onset_s is null"),
    "a distance that is none": (_set(0, "distance_m", float("nan")), "sources.distance_m holds"),
    "no path": (_set(0, "path", None), "sources.path holds a gap"),
    "a point": (_path(lambda path: path.append({**path[0], "azimuth_deg": None})), "sources.path holds a gap"),
    "a point that is null": (lambda v: v["sources"][0]["path"].append(None), "sources.path holds a gap"),
    "captions": (_set(0, "captions", [None]), "sources.captions holds"),
    "a word that no release has": (_set(0, "direction", "above"), "sources.direction is above"),
    "a motion that no release has": (_set(0, "motion", "left to left"), "sources.motion is left to left"),
}


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_in_sources_makes_a_row_unusable(gap: str) -> None:
    inflict, text = GAPS[gap]
    wrong = copy.deepcopy(MOVING)
    inflict(wrong)
    assert text in str(unusable_row(wrong))


def test_the_digest_of_a_scene_holds_its_sources_and_that_of_a_plain_row_does_not() -> None:
    for values, change in ((MOVING, _set(0, "gain_db", 1.25)), (STILL, _set(0, "label", "Dog"))):
        other = copy.deepcopy(values)
        change(other)
        assert row_digest(other) != row_digest(values)
    whole = {**ONE, "duration_s": ONE["sources"][0]["duration_s"]}
    whole["sources"] = [{**ONE["sources"][0], "onset_s": 0.0}]
    assert is_plain(whole)
    assert not is_plain(MOVING)
    labelled = {**whole, "sources": [{**whole["sources"][0], "label": "Dog"}]}
    assert row_digest(labelled) == row_digest(whole) == row_digest({**whole, "sources": None, "n_sources": None})
