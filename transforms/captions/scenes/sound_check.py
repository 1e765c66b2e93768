"""The check of what an answer tells of one sound: its own words, its place, its motion."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.captions.check.form import stutters
from transforms.captions.check.place import check_place
from transforms.captions.check.senses import Senses, content_words
from transforms.captions.check.sounds import check_sounds
from transforms.captions.check.text import is_english
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.found import Found
from transforms.captions.scenes.clause import clause_of, lemmas_of, outside_of_phrases, without_motions
from transforms.captions.scenes.moved import Way, check_motion, own_motions, way_of
from transforms.captions.scenes.pieces import Piece
from transforms.captions.scenes.room import ROOM_ATTRIBUTES
from transforms.captions.scenes.tokens import Tokens
from transforms.scene_words import SceneWords
from transforms.words import SpatialWords

_POSITION = ("direction", "elevation", "distance")


def check_sound(
    tokens: Tokens, pieces: Sequence[Piece], number: int, scene: SceneWords, told_before: int | None
) -> list[str]:
    """Why the pieces that tell of one sound tell it wrongly: reasons of SCENE_REASONS, none if they are right.

    Args:
        number: the sound's number in the scene.
        told_before: the sound whose clause stands before, with which it may share a verb.
    """
    source = scene.sources[number]
    spots = [found for piece in pieces for found in piece.spots]
    motions = [motion for piece in pieces for motion in piece.motions]
    outside = outside_of_phrases(pieces)
    way = way_of(tokens.words, spots, [tokens.words[position] for position in outside], lemmas_of(source.caption))
    double = sum(other.caption == source.caption for other in scene.sources) > 1
    clause = clause_of(tokens, pieces, way, source.caption, has_double=double)
    original = without_motions(source.caption)
    # Where it starts is a part of its motion.
    direction = None if way is not None and way.starts_alone else source.direction
    words = SpatialWords(direction, source.elevation, source.distance, scene.room_size, scene.reverberation)
    reasons = []
    of_place = check_place(clause, original, words)
    if of_place is not None and not (of_place.startswith("missing_") and of_place.endswith(ROOM_ATTRIBUTES)):
        reasons.append(_named(of_place, spots, way, number, scene))
    of_motion = check_motion(source.motion, motions, way, own_motions(source.caption))
    if of_motion is not None:
        reasons.append(_named_motion(of_motion, [motion.word for motion in motions], way, number, scene))
    text, before = canonical_text(clause), canonical_text(original)
    if stutters(text, before):
        reasons.append("repeats")
    if is_english(original):
        of_sounds = check_sounds(text, before)
        if of_sounds == "content_lost" and told_before is not None:
            of_sounds = _check_gapped(text, before, scene.sources[told_before].caption)
        if of_sounds is not None:
            reasons.append(of_sounds)
    return reasons


def _check_gapped(clause: str, original: str, told_before: str) -> str | None:
    """The check of a clause that leaves out what the clause before it says: "a violin plays here, a cello there"."""
    said = Senses(content_words(clause.split()))
    known = Senses(content_words(canonical_text(told_before).split()))
    lost = [word for word in content_words(original.split()) if not said.has(word)]
    if not all(known.has(word) for word in lost):
        return "content_lost"
    return check_sounds(f"{clause} {' '.join(lost)} ,", original)


def _named(reason: str, spots: Sequence[Found], way: Way | None, number: int, scene: SceneWords) -> str:
    """The reason, or `place_of_another` where the place is that of another sound."""
    own = scene.sources[number]
    ends = way.ends if way is not None else ()
    for found in spots:
        if found in ends:
            continue
        for attribute, word in found.says:
            if attribute in _POSITION and getattr(own, attribute) != word and reason.endswith(attribute):
                others = (other for index, other in enumerate(scene.sources) if index != number)
                if any(getattr(other, attribute) == word for other in others):
                    return "place_of_another"
    return reason


def _named_motion(reason: str, words: Sequence[str], way: Way | None, number: int, scene: SceneWords) -> str:
    told = {*words, *([way.word] if way is not None else [])}
    others = {other.motion for index, other in enumerate(scene.sources) if index != number}
    return "motion_of_another" if reason != "missing_motion" and told & others else reason
