"""The check of a release on captions of scenes: a caption tells each sound at the place that the row gives it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.check.check_shard import scene_caption_problems
from transforms.captions.questions import caption_seeds
from transforms.captions.rewriting import scene_version
from transforms.captions.scenes.scene_text import scene_words_of_values
from transforms.shards.release_rows import is_scene

RIGHT = "Close by on your left, a dog barks, then a man speaks far off on your right in a large room."


def _row(caption: str, status: str = "rewritten") -> dict[str, Any]:
    def source(text: str, onset_s: float, direction: str, distance: str) -> dict[str, Any]:
        place = {"direction": direction, "elevation": None, "distance": distance, "motion": None, "moving": False}
        return {"captions": [text], "onset_s": onset_s, "duration_s": 2.0, **place}

    return {
        "sources": [source("A dog barks", 0.0, "left", "near"), source("A man speaks", 3.0, "right", "far")],
        "room_size": "large",
        "reverberation": None,
        "captions": [caption],
        "captions_original": ["A dog barks; A man speaks"],
        "caption_status": [status],
        "seed": 7,
    }


def test_a_right_caption_has_no_problem() -> None:
    assert is_scene(_row(RIGHT))
    assert list(scene_caption_problems(_row(RIGHT), 0, 1, fully=True)) == []


@pytest.mark.parametrize("status", ["rewritten", "template"])
def test_exchanged_places_are_found(status: str) -> None:
    wrong = RIGHT.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
    (problem,) = scene_caption_problems(_row(wrong, status), 0, 1, fully=False)
    assert problem.startswith("caption 0 does not")
    assert "place_of_another" in problem


def test_the_template_s_own_caption_holds_where_the_check_cannot_read_it() -> None:
    row = _row("", "template")
    row["sources"][0]["captions"] = ["犬が吠える"]
    scene = scene_words_of_values(row, 0)
    row |= {"captions_original": [scene.original], "captions": [scene_version(scene, caption_seeds(7, 0, 1))]}
    assert list(scene_caption_problems(row, 0, 1, fully=True)) == []


def test_originals_of_other_sounds_are_found() -> None:
    row = _row(RIGHT) | {"captions_original": ["A man speaks; A dog barks"]}
    assert list(scene_caption_problems(row, 0, 1, fully=True)) == [
        "captions_original 0 does not join the captions of its sources"
    ]


def test_a_row_of_one_still_sound_is_no_scene() -> None:
    row = _row(RIGHT)
    assert not is_scene(row | {"sources": row["sources"][:1]})
    assert is_scene(row | {"sources": [row["sources"][0] | {"moving": True}]})
    # A release from before there were scenes.
    assert not is_scene({"captions": [RIGHT]})


def test_a_word_that_no_room_has_ends_no_check() -> None:
    for name in ("room_size", "reverberation"):
        assert list(scene_caption_problems(_row(RIGHT) | {name: "huge"}, 0, 1, fully=True)) == []
