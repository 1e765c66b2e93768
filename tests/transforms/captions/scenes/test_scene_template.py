"""The template of scenes: its claims of time are certain, and any caption and any scene gives a sentence."""

from __future__ import annotations

import random
import re

import pytest

from tests.transforms.captions.scenes.drawn_scenes import draw_scene
from transforms.captions.scenes import scene_caption
from transforms.captions.scenes.pieces import AT_ONCE, LATER
from transforms.captions.scenes.timing import joining_claims
from transforms.scene_words import SceneWords, SourceWords, TimeRelation, time_relations

ODD = (
    "",
    "Un chien aboie dans la rue",
    "犬が吠える 😀",
    'He says "not near"',
    "Where is it?",
    "x" * 3000,
    "<b>{spot}</b>",
)


@pytest.mark.parametrize("caption", ODD)
def test_any_caption_gives_a_text_with_its_place(caption: str) -> None:
    scene = SceneWords((SourceWords(caption, direction="left"), SourceWords("A man speaks", direction="right")))
    text = scene_caption(scene, 3)
    assert "left" in text
    assert "right" in text
    assert text[-1] in ".”"


def test_many_sounds_and_none() -> None:
    sources = tuple(SourceWords(f"A {name} plays", direction="left") for name in "flute harp drum horn bell".split())
    assert all(name in scene_caption(SceneWords(sources), 1) for name in "flute harp drum horn bell".split())
    assert scene_caption(SceneWords(()), 1) == "A sound is heard."


def test_the_room_is_told_once() -> None:
    sources = (SourceWords("A dog barks", direction="left"), SourceWords("A man speaks", direction="right"))
    for seed in range(40):
        text = scene_caption(SceneWords(sources, "large", "dampened"), seed)
        assert len(re.findall(r"\b(?:room|space)\b", text)) == 1, text


def test_captions_vary() -> None:
    scene = draw_scene(random.Random(4))
    assert len({scene_caption(scene, seed) for seed in range(20)}) > 15


@pytest.mark.parametrize(
    ("sounds", "claims"),
    [
        ([(0, 4), (5, 8)], [LATER]),
        ([(0, 4), (1, 5)], [AT_ONCE]),
        ([(0, 4), (3.5, 8)], [None]),
        ([(0, 2), (0.5, 2.5), (3, 4)], [AT_ONCE, LATER]),
        # The third follows the first, and sounds with the second.
        ([(0, 2), (1, 6), (3, 5)], [AT_ONCE, None]),
    ],
)
def test_what_is_certain_of_time(sounds: list[tuple[float, float]], claims: list[str | None]) -> None:
    scene = SceneWords(tuple(SourceWords("A dog barks") for _ in sounds), times=time_relations(sounds))
    assert joining_claims(scene, range(len(sounds))) == claims


def test_then_is_told_where_one_follows_the_other() -> None:
    sources = (SourceWords("A dog barks", direction="left"), SourceWords("A man speaks", direction="right"))
    for seed in range(20):
        text = scene_caption(SceneWords(sources, times=(TimeRelation(0, 1, "then"),)), seed)
        assert any(word in text for word in ("then", "before", "after that", "afterwards")), text
        assert text.index("dog") < text.index("man"), text
