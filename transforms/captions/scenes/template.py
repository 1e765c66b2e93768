"""The template of a scene: a clause for each sound with its place and motion, joined by what is certain of time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

from transforms.captions.check.sound_words import FUNCTION_WORDS
from transforms.captions.lexicon.base_forms import base_forms, may_be
from transforms.captions.phrases.prose import place_prose
from transforms.captions.scenes.check import FORM_AND_CONTENT, check_scene_caption
from transforms.captions.scenes.motion_prose import motion_prose
from transforms.captions.scenes.pieces import AT_ONCE, LATER
from transforms.captions.scenes.timing import joining_claims
from transforms.captions.template.mend import mend
from transforms.captions.template.plain import capital, is_plain_english, keeps_capital, plain_caption
from transforms.scene_words import SceneWords, SourceWords
from transforms.seeds import keyed_generator
from transforms.words import SpatialWords

__all__ = ["draw_caption", "scene_caption"]

_Draw = Callable[[int], int]

# Sentences that are drawn before one is taken whose captions the check does not understand.
_TRIES = 20
_SEVERAL = re.compile(r"\b(?:and|as|while|with|then|followed|before|after|over|when)\b|,|;")
_BE = frozenset("is are was were has have".split())
# Names that are words too.
_NAMES = frozenset(
    "john jack mark bill bob rob tom nick will frank grace rose may june april victor art ray dick".split()
)

# Clauses of one sound. {spot} is distance, height and side, {origin} the same behind "from".
_ONE_SOUND = (
    "{caption} {spot}",
    "{caption} {spot}",
    "{spot}, {caption}",
    "{spot}, {caption}",
    "{caption}, {spot}",
    "from {origin}, {caption}",
    "{caption}, heard {spot}",
)
# For a caption of several sounds the place comes first, so that it is told of all of them.
_SEVERAL_SOUNDS = ("{spot}, {caption}", "from {origin}, {caption}")
_WITHOUT_CAPTION = ("a sound is heard {spot}",)
_QUOTED = ("{spot}, you hear “{caption}”",)

_JOINERS: dict[str | None, tuple[str, ...]] = {
    LATER: (", then ", ", and then ", "; then ", ", before ", "; after that, ", "; afterwards, "),
    AT_ONCE: (" while ", ", while ", ", as ", "; meanwhile, ", "; at the same time, "),
    None: (", and ", "; "),
}
_SENTENCES = ("{Room}, {body}.", "{Body}, {room}.", "{Body}; the room is {kind}.", "{Body}. The room is {kind}.")
_OF_SEVERAL = ("{Body}, all {room}.",)


def scene_caption(scene: SceneWords, seed: int) -> str:
    """A sentence or two with every sound of a scene at its place, its motion, the certain times and the room.

    The sounds are told in the order of onset. The same seed gives the same caption.
    """
    if not scene.sources:
        return "A sound is heard."
    draw = _draw_of(seed)
    doubtful = ""
    for _ in range(_TRIES):
        text = _sentence(scene, draw)
        reason = check_scene_caption(text, scene)
        if reason is None:
            return text
        # The check cannot follow captions in another language, or with marks or grammar of their own.
        if reason in FORM_AND_CONTENT and not doubtful:
            doubtful = text
            if not all(map(_is_plain, scene.sources)):
                break
    return doubtful or _surest(scene)


def draw_caption(scene: SceneWords, seed: int) -> str:
    """The first sentence that the template draws, which nothing has checked."""
    return _sentence(scene, _draw_of(seed))


def _draw_of(seed: int) -> _Draw:
    generator = keyed_generator(seed, "scene-template")
    return lambda options: int(generator.integers(1 << 32)) % options


def _is_plain(source: SourceWords) -> bool:
    return is_plain_english(source.caption, plain_caption(source.caption))


def _sentence(scene: SceneWords, draw: _Draw) -> str:
    clauses = [_clause(source, draw) for source in scene.sources]
    body = clauses[0] if clauses else "a sound is heard"
    for claim, clause in zip(joining_claims(scene, range(len(clauses))), clauses[1:], strict=True):
        joiners = _JOINERS[claim]
        if clause.startswith("you "):
            # "Before you" is a place, and "as you" begins what a model says to its user.
            joiners = tuple(joiner for joiner in joiners if joiner not in (", before ", ", as "))
        body += joiners[draw(len(joiners))] + clause
    room = place_prose(SpatialWords(room_size=scene.room_size, reverberation=scene.reverberation), draw)
    if not room.room:
        return f"{capital(body)}."
    shapes = (*_SENTENCES, *(_OF_SEVERAL if len(clauses) > 1 else ()))
    return shapes[draw(len(shapes))].format(
        Room=capital(room.room), room=room.room, Body=capital(body), body=body, kind=room.kind
    )


def _clause(source: SourceWords, draw: _Draw) -> str:
    """One sound with its place at its onset and its motion, which begins with the word of direction."""
    moves_around = source.motion is not None and " to " in source.motion
    words = SpatialWords(None if moves_around else source.direction, source.elevation, source.distance)
    place = place_prose(words, draw)
    caption = plain_caption(source.caption)
    shapes: tuple[str, ...]
    if not caption:
        shapes, told = _WITHOUT_CAPTION, ""
    elif not is_plain_english(source.caption, caption):
        shapes, told = _QUOTED, caption
    else:
        told = _as_clause(mend(caption))
        shapes = _SEVERAL_SOUNDS if _SEVERAL.search(told) else _ONE_SOUND
    if told.startswith("you "):
        # Not "you hear rain, heard far away", and not "behind you, you hear rain".
        shapes = tuple(shape for shape in shapes if "heard" not in shape)
        if place.spot.endswith("you"):
            shapes = tuple(shape for shape in shapes if shape.startswith("{caption}")) or ("{caption}, {spot}",)
    shape = shapes[draw(len(shapes))] if place.spot else shapes[0].replace("{spot}", "").strip(" ,")
    text = shape.replace("{spot}", place.spot).replace("{origin}", place.origin).replace("{caption}", told)
    return f"{text}, {motion_prose(source.motion, draw)}" if source.motion else text


def _as_clause(caption: str) -> str:
    """The caption as a clause: "loud humming" is "you hear loud humming", and "a dog barks" is a clause itself."""
    words = [word.strip(",;").lower() for word in caption.split()]
    within = caption if _begins_with_a_name(caption) else caption[:1].lower() + caption[1:]
    return within if _is_finite(words) else f"you hear {within}"


def _is_finite(words: Sequence[str]) -> bool:
    """Whether words have a finite verb: "a dog barks", "birds are singing", "coins jingle", not "a dog barking"."""
    if _BE & set(words):
        return True
    for word, following in itertools.pairwise((*words, "")):
        forms = base_forms(word).get("VERB", ())
        finite = word.endswith("s") and forms and word not in forms and not following.endswith("ing")
        if finite and (word != words[0] or (may_be(following, "VERB") and following not in FUNCTION_WORDS)):
            return True
    return False


def _begins_with_a_name(caption: str) -> bool:
    first = caption.split(maxsplit=1)[0].strip(",;")
    known = bool(base_forms(first.lower())) or first.lower() in FUNCTION_WORDS
    return keeps_capital(caption) and (not known or first.lower() in _NAMES or not first[1:].islower())


def _surest(scene: SceneWords) -> str:
    """The plainest caption: each sound in quotes behind its place."""

    def draw(options: int) -> int:
        return 0

    parts = []
    claims = [None, *joining_claims(scene, range(len(scene.sources)))]
    for claim, source in zip(claims, scene.sources, strict=True):
        moves_around = source.motion is not None and " to " in source.motion
        words = SpatialWords(None if moves_around else source.direction, source.elevation, source.distance)
        place = place_prose(words, draw).spot
        motion = motion_prose(source.motion, draw) if source.motion else ""
        time = {LATER: "then", AT_ONCE: "meanwhile"}.get(claim or "", "")
        where = ", ".join(part for part in (time, place, motion) if part)
        quote = f"“{plain_caption(source.caption)}”"
        parts.append(f"{where}, {quote}" if where else quote)
    room = place_prose(SpatialWords(room_size=scene.room_size, reverberation=scene.reverberation), draw).room
    return capital("; ".join([*([room] if room else []), *parts])) + "."
