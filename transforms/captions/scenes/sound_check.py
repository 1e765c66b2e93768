"""The check of what an answer tells of one sound: its own words, its place, its motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from transforms.captions.check.form import stutters
from transforms.captions.check.place import check_place
from transforms.captions.check.senses import Senses, content_words
from transforms.captions.check.sounds import check_sounds
from transforms.captions.check.text import is_english
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.found import Found
from transforms.captions.scenes.motions import BOUNDS, MOVES, Motion, find_motions
from transforms.captions.scenes.moved import Way, check_motion, own_motions, way_of
from transforms.captions.scenes.pieces import Piece
from transforms.captions.scenes.room import ROOM_ATTRIBUTES
from transforms.captions.scenes.tokens import Tokens
from transforms.scene_words import SceneWords
from transforms.words import SpatialWords

_POSITION = ("direction", "elevation", "distance")
_REFERRING = frozenset("it they he she which that who is are was were".split())
_WHICH_OF_TWO = frozenset("one first second third other another".split())
_OF_MOTION = frozenset("round way side around across past over first".split())


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
    outside = _outside(pieces)
    way = way_of(tokens.words, spots, [tokens.words[position] for position in outside])
    double = sum(other.caption == source.caption for other in scene.sources) > 1
    clause = _clause(tokens, pieces, way, source.caption, has_double=double)
    original = _without_motions(source.caption)
    words = SpatialWords(source.direction, source.elevation, source.distance, scene.room_size, scene.reverberation)
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


def _outside(pieces: Sequence[Piece]) -> list[int]:
    """The positions in pieces outside of phrases and motions, and those of links."""
    outside: list[int] = []
    for piece in pieces:
        taken = set(_positions([*piece.spots, *piece.rooms, *piece.motions]))
        outside += [position for position in range(piece.start, piece.end) if position not in taken]
        outside += [link.start for link in piece.links]
    return sorted(outside)


def _positions(parts: Sequence[Found | Motion]) -> Iterator[int]:
    """The positions of the words of phrases."""
    for part in parts:
        yield from range(part.start, part.end)


def _clause(
    tokens: Tokens, pieces: Sequence[Piece], way: Way | None, original: str, *, has_double: bool = False
) -> str:
    """What the pieces tell of one sound, without its motion.

    Args:
        has_double: whether another sound of the scene has the same original: "a second guitar".
    """
    own = _lemmas_of(_without_motions(original))
    dropped = {
        position
        for piece in pieces
        for position in _positions(piece.motions)
        # "A ball rolls away": the verb is the original's.
        if not lemmas(tokens.words[position]) & own
    }
    dropped |= {
        position for piece in pieces for position in range(piece.start, piece.end) if tokens.is_particle(position)
    }
    if way is not None:
        empty = {found.end: found for piece in pieces for found in piece.spots if not found.says}
        # "Round to the front": what leads to the end goes with it.
        ends = [*way.ends, *(empty[found.start] for found in way.ends if found.start in empty)]
        dropped |= set(_positions(ends))
    if way is not None or any(piece.motions for piece in pieces):
        for position in _outside(pieces):
            found = lemmas(tokens.words[position])
            of_motion = bool(found & (MOVES | BOUNDS)) or tokens.words[position] in _OF_MOTION
            if of_motion and not found & own:
                dropped.add(position)
    words: list[str] = []
    last: Piece | None = None
    for piece in pieces:
        if last is not None:
            # A link joins two sounds of one original; before a phrase of place it joins nothing.
            links = [link.word for link in piece.links] if piece.content and last.content else []
            words += [",", *links] if piece.after_comma or not links else links
        for position in range(piece.start, piece.end):
            word = tokens.words[position]
            refers = (not (piece.content or piece.rooms) and word in _REFERRING) or (
                has_double and word in _WHICH_OF_TWO
            )
            words.append("," if position in dropped or refers else word)
        last = piece
    return " ".join(words)


def _lemmas_of(text: str) -> frozenset[str]:
    return frozenset(lemma for word in canonical_text(text).split() if word != "," for lemma in lemmas(word))


def _without_motions(original: str) -> str:
    words = canonical_text(original).split()
    for motion in find_motions(words):
        words[motion.start : motion.end] = [","] * (motion.end - motion.start)
    return " ".join(words)
