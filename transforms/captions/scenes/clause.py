"""What an answer tells of one sound, put together as a caption of its own: its words and its place, not its motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.found import Found
from transforms.captions.scenes.motions import BOUNDS, MOVES, Motion, find_motions
from transforms.captions.scenes.moved import Way
from transforms.captions.scenes.pieces import Piece
from transforms.captions.scenes.tokens import Tokens

# Words that are told with a motion.
_OF_MOTION = frozenset("round way side around across past over first".split())
# Words that stand for a sound, or tell which of two it is.
_REFERRING = frozenset("it they he she which that who is are was were".split())
_WHICH_OF_TWO = frozenset("one first second third other another".split())
_BEGINS = frozenset(("start", "begin"))


def clause_of(
    tokens: Tokens, pieces: Sequence[Piece], way: Way | None, original: str, *, has_double: bool = False
) -> str:
    """What the pieces tell of one sound, without its motion.

    Args:
        way: its motion between two directions, which are not told as its place.
        has_double: whether another sound of the scene has the same original: "a second guitar".
    """
    own = lemmas_of(without_motions(original))
    dropped = _of_motion(tokens, pieces, way, own)
    words: list[str] = []
    last: Piece | None = None
    for piece in pieces:
        if last is not None:
            # A link joins two sounds of one original; before a phrase of place it joins nothing.
            links = [link.word for link in piece.links] if piece.content and last.content else []
            words += [",", *links] if piece.after_comma or not links else links
        is_place = not (piece.content or piece.rooms)
        for position in range(piece.start, piece.end):
            word = tokens.words[position]
            if lemmas(word) & _BEGINS - own and tokens.words[position + 1].endswith("ing"):
                # "A man starts speaking": another sound has gone before.
                continue
            refers = (is_place and word in _REFERRING) or (has_double and word in _WHICH_OF_TWO)
            words.append("," if position in dropped or refers else word)
        last = piece
    return " ".join(words)


def outside_of_phrases(pieces: Sequence[Piece]) -> list[int]:
    """The positions in pieces outside of phrases and motions, and those of links."""
    outside: list[int] = []
    for piece in pieces:
        taken = set(_positions([*piece.spots, *piece.rooms, *piece.motions]))
        outside += [position for position in range(piece.start, piece.end) if position not in taken]
        outside += [link.start for link in piece.links]
    return sorted(outside)


def without_motions(original: str) -> str:
    """An original without the motion that it tells itself."""
    words = canonical_text(original).split()
    for motion in find_motions(words):
        words[motion.start : motion.end] = [","] * (motion.end - motion.start)
    return " ".join(words)


def _of_motion(tokens: Tokens, pieces: Sequence[Piece], way: Way | None, own: frozenset[str]) -> set[int]:
    """The positions of the words of motion, apart from the verbs of the original: "a ball rolls away"."""
    positions = {position for piece in pieces for position in range(piece.start, piece.end)}
    dropped = {position for position in positions if tokens.is_particle(position)}
    dropped |= {
        position
        for piece in pieces
        for position in _positions(piece.motions)
        if not lemmas(tokens.words[position]) & own
    }
    if way is not None:
        empty = {found.end: found for piece in pieces for found in piece.spots if not found.says}
        # "Round to the front": what leads to a direction goes with it.
        told = (*way.starts, *way.ends) if way.starts_alone else way.ends
        dropped |= set(_positions([*told, *(empty[found.start] for found in told if found.start in empty)]))
    if way is not None or any(piece.motions for piece in pieces):
        for position in outside_of_phrases(pieces):
            word = tokens.words[position]
            if (lemmas(word) & (MOVES | BOUNDS) or word in _OF_MOTION) and not lemmas(word) & own:
                dropped.add(position)
    return dropped


def _positions(parts: Sequence[Found | Motion]) -> Iterator[int]:
    """The positions of the words of phrases."""
    for part in parts:
        yield from range(part.start, part.end)


def lemmas_of(text: str) -> frozenset[str]:
    """The lemmas of the words of a text."""
    return frozenset(lemma for word in canonical_text(text).split() if word != "," for lemma in lemmas(word))
