"""The check of an answer about a scene: each sound has its own place and motion, the times hold, the room is told."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from transforms.captions.check.form import is_one_sentence, is_ungrammatical, leaks
from transforms.captions.check.place import PLACE_REASONS
from transforms.captions.check.text import is_english
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.scenes.pieces import Piece, pieces_of
from transforms.captions.scenes.readings import readings_of
from transforms.captions.scenes.room import check_room
from transforms.captions.scenes.sound_check import check_sound
from transforms.captions.scenes.sources import Matcher, Run, content_scores, find_runs, is_doubtful
from transforms.captions.scenes.timing import check_times, told_times
from transforms.captions.scenes.tokens import Tokens, tokens_of
from transforms.scene_words import SceneWords
from transforms.words import VOCABULARY

__all__ = ["FORM_AND_CONTENT", "SCENE_REASONS", "check_scene_caption"]

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
#: The reasons that are about the sounds' own words and the form, and not about place, motion, time or room.
FORM_AND_CONTENT: frozenset[str] = frozenset(
    "too_long leak not_one_sentence not_english repeats ungrammatical number_changed roles_changed order_changed "
    "content_lost content_added unbound_place".split()
)
_RANK = {reason: rank for rank, reason in enumerate(SCENE_REASONS)}
_LONGEST_ANSWER_CHARS = 1500
_WORDS_OF_A_PLACE = 20
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
    if runs is None or not told or len(told) < len(originals):
        yield "content_lost"
        return
    if is_ungrammatical(answer, ", ".join(originals)):
        yield "ungrammatical"
    same = _same_numbers(originals)
    if is_doubtful(runs, scores, same):
        yield "unbound_place"
        return
    given = [_reasons(tokens, pieces, labelled, scene) for labelled in _labellings(runs, same)]
    # Of two sounds with one original nobody can tell which is which, so the way that fits best counts.
    yield max(given, key=lambda reason: len(SCENE_REASONS) if reason is None else _RANK[reason])


def _labellings(runs: Sequence[Run], same: Sequence[int]) -> Iterator[list[Run]]:
    """The runs, and the same with sounds of one original exchanged, of which nobody can tell which is which."""
    groups = [[source for source in range(len(same)) if same[source] == number] for number in dict.fromkeys(same)]
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
    known: dict[tuple[int, tuple[int, ...]], list[str]] = {}
    found: list[str] = []
    originals = [canonical_text(source.caption).split() for source in scene.sources]
    for reading in readings:
        for source, numbers in reading.items():
            if (source, numbers) not in known:
                own = [pieces[number] for number in numbers]
                known[source, numbers] = check_sound(tokens, own, source, scene, _told_before(runs, source))
            found += known[source, numbers]
        of_time = check_times(scene, told_times(pieces, runs, reading, originals))
        found += [of_time] if of_time is not None else []
        if found:
            break
    return min(found, key=_RANK.__getitem__, default=None)


def _told_before(runs: Sequence[Run], source: int) -> int | None:
    """The sound that is told right before this one."""
    at = next(index for index, run in enumerate(runs) if run.source == source)
    return runs[at - 1].source if at else None
