"""Answers about a scene that are wrong for certain, as a hostile or a careless endpoint would give them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from transforms.captions.scenes.pieces import LATER
from transforms.captions.scenes.template import draw_caption
from transforms.captions.scenes.timing import joining_claims
from transforms.scene_words import SceneWords, SourceWords, TimeRelation
from transforms.words import VOCABULARY

_POSITION = ("direction", "elevation", "distance")
_REVERSED = {"nearer": "farther", "farther": "nearer", "up": "down", "down": "up"}
_OTHER_SOUNDS = ("a trombone blares", "someone sneezes", "a jackhammer pounds", "a parrot squawks")


def _place(source: SourceWords) -> tuple[str | None, ...]:
    return tuple(getattr(source, name) for name in (*_POSITION, "motion"))


def _with_place(source: SourceWords, place: tuple[str | None, ...]) -> SourceWords:
    return SourceWords(source.caption, *place)


def exchanged_places(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """Two sounds at each other's place."""
    if len(scene.sources) < 2:
        return None
    first, second = draw.sample(range(len(scene.sources)), 2)
    sources = list(scene.sources)
    places = _place(sources[first]), _place(sources[second])
    if places[0] == places[1]:
        return None
    sources[first] = _with_place(sources[first], places[1])
    sources[second] = _with_place(sources[second], places[0])
    return replace(scene, sources=tuple(sources))


def exchanged_word(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """Two sounds with one word of each other's place."""
    if len(scene.sources) < 2:
        return None
    name = draw.choice(_POSITION)
    first, second = draw.sample(range(len(scene.sources)), 2)
    words = getattr(scene.sources[first], name), getattr(scene.sources[second], name)
    if words[0] == words[1] or any(" to " in (scene.sources[at].motion or "") for at in (first, second)):
        return None
    sources = list(scene.sources)
    sources[first] = replace(sources[first], **{name: words[1]})
    sources[second] = replace(sources[second], **{name: words[0]})
    return replace(scene, sources=tuple(sources))


def place_of_another(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """One sound at the place of another."""
    if len(scene.sources) < 2:
        return None
    first, second = draw.sample(range(len(scene.sources)), 2)
    place = _place(scene.sources[second])
    if _place(scene.sources[first]) == place:
        return None
    return _changed(scene, first, _with_place(scene.sources[first], place))


def lost_word(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """One sound without a word of its place."""
    at, name = draw.randrange(len(scene.sources)), draw.choice(_POSITION)
    source = scene.sources[at]
    if getattr(source, name) is None or (name == "direction" and " to " in (source.motion or "")):
        return None
    return _changed(scene, at, replace(source, **{name: None}))


def invented_word(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """One sound with a word that its place does not have, or another word."""
    at, name = draw.randrange(len(scene.sources)), draw.choice(_POSITION)
    source = scene.sources[at]
    if name == "direction" and " to " in (source.motion or ""):
        return None
    other = draw.choice([word for word in VOCABULARY[name] if word != getattr(source, name)])
    return _changed(scene, at, replace(source, **{name: other}))


def changed_motion(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """A motion reversed, lost, or told of another sound."""
    moving = [at for at, source in enumerate(scene.sources) if source.motion]
    if not moving:
        return None
    at = draw.choice(moving)
    source = scene.sources[at]
    assert source.motion is not None
    kind = draw.choice(("reversed", "lost", "of another"))
    start, to, end = source.motion.partition(" to ")
    if kind == "reversed":
        motion = f"{end} to {start}" if to else _REVERSED[source.motion]
        return _changed(scene, at, replace(source, motion=motion, direction=end if to else source.direction))
    without = _changed(scene, at, replace(source, motion=None))
    others = [other for other in range(len(scene.sources)) if other != at and not scene.sources[other].motion]
    if kind == "lost" or not others:
        return without
    other = draw.choice(others)
    return _changed(without, other, replace(scene.sources[other], motion=source.motion))


def invented_motion(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """A motion of a sound that has none."""
    still = [at for at, source in enumerate(scene.sources) if not source.motion]
    if not still:
        return None
    at = draw.choice(still)
    return _changed(scene, at, replace(scene.sources[at], motion=draw.choice(list(_REVERSED))))


def changed_time(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """One thing after another that sounds with it, or with another that it follows."""
    pairs = [(first, first + 1) for first in range(len(scene.sources) - 1)]
    if len(pairs) != 1:
        return None
    (pair,) = pairs
    word = scene.relation(*pair)
    other = draw.choice([each for each in ("then", "while") if each != word])
    return replace(scene, times=(TimeRelation(*pair, other),))


def reversed_order(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """Two sounds, one after the other, in the reversed order."""
    if len(scene.sources) != 2 or scene.relation(0, 1) != "then":
        return None
    return replace(scene, sources=scene.sources[::-1])


def lost_time(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """Nothing of the order in time."""
    if LATER not in joining_claims(scene, range(len(scene.sources))):
        return None
    return replace(scene, times=())


def other_room(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """Another room."""
    name = draw.choice(("room_size", "reverberation"))
    other = draw.choice([word for word in (None, *VOCABULARY[name]) if word != getattr(scene, name)])
    return replace(scene, **{name: other})


def lost_sound(scene: SceneWords, draw: random.Random) -> SceneWords | None:
    """A sound less."""
    if len(scene.sources) < 2:
        return None
    at = draw.randrange(len(scene.sources))
    return replace(scene, sources=(*scene.sources[:at], *scene.sources[at + 1 :]), times=())


def _changed(scene: SceneWords, at: int, source: SourceWords) -> SceneWords:
    return replace(scene, sources=(*scene.sources[:at], source, *scene.sources[at + 1 :]))


#: What is told of a scene in place of the truth; None where it cannot be told of this scene.
CHANGES: tuple[Callable[[SceneWords, random.Random], SceneWords | None], ...] = (
    exchanged_places,
    exchanged_word,
    place_of_another,
    lost_word,
    invented_word,
    changed_motion,
    invented_motion,
    changed_time,
    reversed_order,
    lost_time,
    other_room,
    lost_sound,
)
#: The changes that give a sound the place or the motion of another.
OF_BINDING = frozenset({"exchanged_places", "exchanged_word", "place_of_another", "changed_motion"})


def hostile_answer(scene: SceneWords, draw: random.Random) -> tuple[str, str]:
    """An answer that is wrong, and the name of what is wrong with it."""
    while True:
        if draw.random() < 0.15:
            return "inserted", inserted(scene, draw)
        change = draw.choice(CHANGES)
        told = change(scene, draw)
        if told is not None and told != scene:
            return change.__name__, draw_caption(told, draw.randrange(1 << 32))


def inserted(scene: SceneWords, draw: random.Random) -> str:
    """A right caption with a sound, a place or a doubt put into it."""
    text = draw_caption(scene, draw.randrange(1 << 32)).rstrip(".")
    directions = {source.direction for source in scene.sources}
    moves = {word for source in scene.sources for word in (source.motion or "").split()}
    foreign = [word for word in ("left", "right") if word not in directions | moves]
    additions = [f", and {draw.choice(_OTHER_SOUNDS)}", ", perhaps", f" while {draw.choice(_OTHER_SOUNDS)}"]
    if foreign:
        additions += [f", heard on the {foreign[0]}", f", coming from the {foreign[0]}"]
    commas = [at for at, mark in enumerate(text) if mark in ",;"]
    at = draw.choice([*commas, len(text)])
    return f"{text[:at]}{draw.choice(additions)}{text[at:]}."
