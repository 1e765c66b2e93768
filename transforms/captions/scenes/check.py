"""The check of an answer about a scene: each sound has its own place and motion, the times hold, the room is told."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from transforms.captions.check.form import is_one_sentence, is_ungrammatical, leaks, stutters
from transforms.captions.check.place import PLACE_REASONS, check_place
from transforms.captions.check.sounds import check_sounds
from transforms.captions.check.text import is_english
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.scenes.motions import BOUNDS, MOVES, find_motions
from transforms.captions.scenes.moved import Way, check_motion, directions_of, own_motions, way_of
from transforms.captions.scenes.pieces import Piece, pieces_of
from transforms.captions.scenes.readings import Reading, readings_of
from transforms.captions.scenes.room import ROOM_ATTRIBUTES, check_room
from transforms.captions.scenes.sources import Matcher, Run, content_scores, find_runs, is_doubtful
from transforms.captions.scenes.timing import check_times, told_times
from transforms.captions.scenes.tokens import Tokens, tokens_of
from transforms.scene_words import SceneWords, SourceWords
from transforms.words import VOCABULARY, SpatialWords

__all__ = ["SCENE_REASONS", "check_scene_caption"]

#: Every reason of `check_scene_caption`, the gravest first.
SCENE_REASONS: tuple[str, ...] = (
    "empty",
    "too_long",
    "leak",
    "not_one_sentence",
    "not_english",
    *PLACE_REASONS,
    "motion_of_another",
    "motion_reversed",
    *(f"contradicts_{attribute}" for attribute in VOCABULARY),
    *(f"invents_{attribute}" for attribute in VOCABULARY),
    "motion_added",
    "order_reversed",
    "time_wrong",
    "unbound_place",
    "repeats",
    "ungrammatical",
    "number_changed",
    "roles_changed",
    "order_changed",
    *(f"missing_{attribute}" for attribute in VOCABULARY),
    "missing_motion",
    "missing_order",
    "content_lost",
    "content_added",
)
_RANK = {reason: rank for rank, reason in enumerate(SCENE_REASONS)}
_POSITION = ("direction", "elevation", "distance")
_LONGEST_ANSWER_CHARS = 1500
_WORDS_OF_A_PLACE = 20
_OF_MOTION = frozenset("round way side around across past over first".split())
_SENTENCE_END = re.compile(r"(?<=\w)[.!?]\s+(?=[A-Z])")


def check_scene_caption(answer: str, scene: SceneWords) -> str | None:
    """Why `answer` is no caption of the scene: one of SCENE_REASONS; None if it is one.

    It has one sentence or two. Every sound is told with its own place and motion, the room once, and no order in time
    that is not certain. Where the answer can be read in more than one way, every way has to be right.
    """
    reason = _check_form(answer, scene)
    if reason is not None:
        return reason
    tokens = tokens_of(answer)
    found = [check_room(tokens, scene), *_check_sounds(answer, tokens, scene)]
    return min((reason for reason in found if reason is not None), key=_RANK.__getitem__, default=None)


def _check_form(answer: str, scene: SceneWords) -> str | None:
    originals = "; ".join(source.caption for source in scene.sources)
    if not answer.strip():
        return "empty"
    words = len(answer.split())
    longest = 1.5 * len(originals.split()) + 20 + _WORDS_OF_A_PLACE * len(scene.sources)
    if len(answer) > _LONGEST_ANSWER_CHARS + 2 * len(originals) or words > longest:
        return "too_long"
    if leaks(answer, originals):
        return "leak"
    first, *others = _SENTENCE_END.split(answer.strip())
    if len(others) > 1 or not all(is_one_sentence(part) for part in (first, *others)):
        return "not_one_sentence"
    return None if is_english(answer) else "not_english"


def _check_sounds(answer: str, tokens: Tokens, scene: SceneWords) -> Iterator[str | None]:
    """The reasons that sounds give: how they are told, where, and when."""
    originals = [source.caption for source in scene.sources]
    pieces = pieces_of(tokens)
    scores = content_scores(pieces, tokens, Matcher(originals), len(originals))
    runs = find_runs(scores, len(originals))
    told = {run.source for run in runs or ()}
    if runs is None or len(told) < len(originals):
        yield "content_lost"
        return
    if is_ungrammatical(answer, ", ".join(originals)):
        yield "ungrammatical"
    same = _same_numbers(originals)
    if is_doubtful(runs, scores, same):
        yield "unbound_place"
        return
    given = [_reasons(tokens, pieces, labelled, scene) for labelled in _labellings(runs, same)]
    yield next((None for reason in given if reason is None), given[0])


def _labellings(runs: Sequence[Run], same: Sequence[int]) -> Iterator[list[Run]]:
    """The runs, and the same with sounds of one original exchanged, of which nobody can tell which is which."""
    groups = [
        [source for source in range(len(same)) if same[source] == number] for number in dict.fromkeys(same)
    ]
    orders = itertools.product(*(itertools.permutations(group) for group in groups))
    for order in itertools.islice(orders, 120):
        names = dict(zip(itertools.chain(*groups), itertools.chain(*order), strict=True))
        yield [Run(names[run.source], run.pieces) for run in runs]


def _same_numbers(originals: Sequence[str]) -> list[int]:
    texts = [canonical_text(original) for original in originals]
    return [texts.index(text) for text in texts]


def _reasons(tokens: Tokens, pieces: Sequence[Piece], runs: Sequence[Run], scene: SceneWords) -> str | None:
    """The gravest reason of an answer whose pieces tell of these sounds; None where all of its readings are right."""
    readings = readings_of(tokens, pieces, runs, scene)
    if readings is None:
        return "unbound_place"
    known: dict[tuple[int, tuple[int, ...]], str | None] = {}
    found: list[str] = []
    for reading in readings:
        for source, numbers in reading.items():
            if (source, numbers) not in known:
                known[source, numbers] = _check_source(tokens, [pieces[number] for number in numbers], source, scene)
            reason = known[source, numbers]
            if reason is not None:
                found.append(reason)
        if found:
            break
    times = told_times(pieces, runs, lambda source: frozenset(canonical_text(scene.sources[source].caption).split()))
    of_time = check_times(scene, times)
    return min((*found, *([of_time] if of_time else [])), key=_RANK.__getitem__, default=None)


def _check_source(tokens: Tokens, pieces: Sequence[Piece], number: int, scene: SceneWords) -> str | None:
    """Why the pieces that tell of one sound tell it wrongly; None if they are right."""
    source = scene.sources[number]
    spots = [found for piece in pieces for found in piece.spots]
    motions = [motion for piece in pieces for motion in piece.motions]
    outside = _outside(tokens, pieces)
    way = way_of(tokens.words, spots, [tokens.words[position] for position in outside])
    clause = _clause(tokens, pieces, way, source.caption)
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
        if of_sounds is not None:
            reasons.append(of_sounds)
    return min(reasons, key=_RANK.__getitem__, default=None)


def _named(reason: str, spots: Sequence, way: Way | None, number: int, scene: SceneWords) -> str:
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


def _outside(tokens: Tokens, pieces: Sequence[Piece]) -> list[int]:
    """The positions in pieces outside of phrases and motions."""
    outside = []
    for piece in pieces:
        taken = {
            position
            for part in (*piece.spots, *piece.rooms, *piece.motions)
            for position in range(part.start, part.end)
        }
        outside += [position for position in range(piece.start, piece.end) if position not in taken]
        outside += [link.start for link in piece.links]
    return sorted(outside)


def _clause(tokens: Tokens, pieces: Sequence[Piece], way: Way | None, original: str) -> str:
    """What the pieces tell of one sound, without its motion."""
    own = {lemma for word in canonical_text(original).split() if word != "," for lemma in lemmas(word)}
    dropped = {position for piece in pieces for part in piece.motions for position in range(part.start, part.end)}
    if way is not None:
        dropped |= {position for found in way.ends for position in range(found.start, found.end)}
        for position in _outside(tokens, pieces):
            found = lemmas(tokens.words[position])
            of_motion = bool(found & (MOVES | BOUNDS)) or tokens.words[position] in _OF_MOTION
            if of_motion and not found & own:
                dropped.add(position)
    words: list[str] = []
    last: Piece | None = None
    for piece in pieces:
        if last is not None:
            links = [link.word for link in piece.links]
            words += [",", *links] if piece.after_comma else links
        for position in range(piece.start, piece.end):
            words.append("," if position in dropped else tokens.words[position])
        last = piece
    return " ".join(words)


def _without_motions(original: str) -> str:
    words = canonical_text(original).split()
    for motion in find_motions(words):
        words[motion.start : motion.end] = [","] * (motion.end - motion.start)
    return " ".join(words)
