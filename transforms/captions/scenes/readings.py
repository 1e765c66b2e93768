"""The ways to read an answer: which sound each phrase of place or motion that stands by itself belongs to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from transforms.captions.scenes.clause import lemmas_of
from transforms.captions.scenes.moved import directions_of, way_of
from transforms.captions.scenes.pieces import NO_TIME, Piece
from transforms.captions.scenes.sources import Run
from transforms.captions.scenes.tokens import Tokens
from transforms.scene_words import SceneWords

#: For each sound the numbers of its pieces.
Reading = Mapping[int, tuple[int, ...]]

_MOST_READINGS = 256


def readings_of(
    tokens: Tokens, pieces: Sequence[Piece], runs: Sequence[Run], scene: SceneWords
) -> list[Reading] | None:
    """The readings that hold together: no sound is in two places, and each has one if the scene has one for it.

    Where none holds together it is the first reading alone. None if there are too many.
    """
    owner = {number: run.source for run in runs for number in run.pieces}
    groups = _groups(pieces, owner)
    options = [_options(group, pieces, owner, len(scene.sources)) for group in groups]
    if math.prod(map(len, options)) > _MOST_READINGS:
        return None
    readings: list[Reading] = []
    for chosen in itertools.product(*options):
        shared = {number: told for group, told in zip(groups, chosen, strict=True) for number in group}
        reading: dict[int, list[int]] = {run.source: [] for run in runs}
        for number in range(len(pieces)):
            for source in (owner[number],) if number in owner else shared[number]:
                reading[source].append(number)
        readings.append({source: tuple(own) for source, own in reading.items()})
    held = [reading for reading in readings if _holds_together(tokens, pieces, reading, scene)]
    return held or readings[:1]


def _groups(pieces: Sequence[Piece], owner: Mapping[int, int]) -> list[list[int]]:
    """The pieces without words of sounds; those that an "and" joins are one group: "far away and coming nearer"."""
    groups: list[list[int]] = []
    for number, piece in enumerate(pieces):
        if number in owner:
            continue
        joined = piece.links and not piece.after_comma and all(link.claim == NO_TIME for link in piece.links)
        if joined and groups and groups[-1][-1] == number - 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _options(
    group: Sequence[int], pieces: Sequence[Piece], owner: Mapping[int, int], count: int
) -> list[tuple[int, ...]]:
    """The sounds that a group of pieces without words of sounds may belong to."""
    own = [pieces[number] for number in group]
    before = next((owner[other] for other in range(group[0] - 1, -1, -1) if other in owner), None)
    after = next((owner[other] for other in range(group[-1] + 1, len(pieces)) if other in owner), None)
    is_place = any(piece.spots or piece.motions for piece in own)
    everything = [tuple(range(count))] if is_place and count > 1 and any(piece.of_all for piece in own) else []
    if before is None or after is None:
        only = after if before is None else before
        assert only is not None
        return everything or [(only,)]
    if everything:
        # "A dog barks while a man speaks, both far away, and a bell rings" may be one sound of the scene, or two.
        return [*everything, (before,)]
    if before == after or not is_place or own[0].refers_back:
        return [(before,)]
    # A link or a strong mark between the group and a neighbour parts it from that neighbour.
    from_before, from_after = _parted(group, pieces, owner)
    if from_before and not from_after:
        return [(after,)]
    if from_after and not from_before:
        return [(before,)]
    return [(before,), (after,)]


def _parted(group: Sequence[int], pieces: Sequence[Piece], owner: Mapping[int, int]) -> tuple[bool, bool]:
    """Whether a strong mark or a link stands between a group and the sound before it, and the sound behind it."""
    first = max(other for other in range(group[0]) if other in owner)
    second = min(other for other in range(group[-1] + 1, len(pieces)) if other in owner)
    before = [pieces[other] for other in range(first + 1, group[0] + 1)]
    after = [pieces[other] for other in range(group[-1] + 1, second + 1)]
    strong_before = any(piece.after_strong for piece in before)
    strong_after = any(piece.after_strong for piece in after)
    if strong_before != strong_after:
        return strong_before, strong_after
    links_before, links_after = ([link for piece in side for link in piece.links] for side in (before, after))
    if links_before and links_after:
        # "… and rising, then a bell rings": an "and" parts less than a word of time.
        timed = [any(link.claim != NO_TIME for link in links) for links in (links_before, links_after)]
        if timed[0] != timed[1]:
            return timed[0], timed[1]
    return bool(links_before), bool(links_after)


def _holds_together(tokens: Tokens, pieces: Sequence[Piece], reading: Reading, scene: SceneWords) -> bool:
    for source, numbers in reading.items():
        own = [pieces[number] for number in numbers]
        spots = [found for piece in own for found in piece.spots]
        said = {said for found in spots if not found.of_another for said in found.says}
        motions = any(piece.motions for piece in own)
        demanded = scene.sources[source].present()
        if demanded and not said and not motions:
            return False
        for attribute in ("elevation", "distance"):
            if len({word for name, word in said if name == attribute}) > 1:
                return False
        if len({word for word, _ in directions_of(spots)}) > 1:
            words = [
                tokens.words[position]
                for piece in own
                for position in range(piece.start, piece.end)
                if not any(found.start <= position < found.end for found in piece.spots)
            ]
            links = [link.word for piece in own for link in piece.links]
            original = lemmas_of(scene.sources[source].caption)
            if way_of(tokens.words, spots, [*words, *links], original) is None:
                return False
    return True
