"""What an answer claims of the order in time of the sounds, and whether the scene bears it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transforms.captions.scenes.pieces import (
    ADVERBS,
    AT_ONCE,
    EARLIER,
    LAST_WORDS,
    LATER,
    NO_TIME,
    SUBORDINATE,
    Link,
    Piece,
)
from transforms.captions.scenes.sources import Run
from transforms.scene_words import SceneWords

#: What links of clauses claim of time: LATER, EARLIER, AT_ONCE, UNCLEAR, or None.
Claim = str | None
#: Two claims that differ.
UNCLEAR = "unclear"


def relation(scene: SceneWords, first: int, second: int) -> str | None:
    """`while`, `then` where the second begins after the first has ended, `earlier` for the reverse, None if unsure."""
    if first < second:
        return scene.relation(first, second)
    found = scene.relation(second, first)
    return "earlier" if found == "then" else found


def is_later(scene: SceneWords, group: Sequence[int], sound: int) -> bool:
    """Whether "then" may stand before a sound: it follows one of the group for certain, and sounds with none of it."""
    found = [relation(scene, other, sound) for other in group]
    return "then" in found and not {"while", "earlier"} & set(found)


def is_at_once(scene: SceneWords, group: Sequence[int], sound: int) -> bool:
    """Whether "while" may stand before a sound: it sounds with one of the group for certain, and apart from none."""
    found = [relation(scene, other, sound) for other in group]
    return "while" in found and not {"then", "earlier"} & set(found)


def joining_claims(scene: SceneWords, order: Sequence[int]) -> list[Claim]:
    """For each sound after the first, what may be said of its time where the sounds are told in this order."""
    claims: list[Claim] = []
    group = list(order[:1])
    for sound in order[1:]:
        if is_later(scene, group, sound):
            claims.append(LATER)
            group = [sound]
        else:
            claims.append(AT_ONCE if is_at_once(scene, group, sound) else None)
            group.append(sound)
    return claims


def check_times(scene: SceneWords, told: Sequence[tuple[int, Claim]]) -> str | None:
    """Why the times of an answer are wrong; None if they hold.

    Args:
        told: the sounds in the order of the answer, each with what is claimed of its time against those before it.
    """
    group: list[int] = []
    for sound, claim in told:
        if group:
            reason = _check(scene, group, sound, claim)
            if reason is not None:
                return reason
        group = [*(group if claim in (AT_ONCE, NO_TIME, None) else group[-1:] if claim == EARLIER else []), sound]
    ordered = any(claim in (LATER, EARLIER) for _, claim in told)
    can_be_told = LATER in joining_claims(scene, range(len(scene.sources)))
    return "missing_order" if can_be_told and not ordered else None


def _check(scene: SceneWords, group: Sequence[int], sound: int, claim: Claim) -> str | None:
    found = [relation(scene, other, sound) for other in group]
    if claim == UNCLEAR:
        return "time_wrong"
    if claim == LATER and not is_later(scene, group, sound):
        return "order_reversed" if "earlier" in found else "time_wrong"
    if claim == EARLIER and found[-1] != "earlier":
        return "order_reversed" if found[-1] == "then" else "time_wrong"
    if claim == AT_ONCE and not is_at_once(scene, group, sound):
        return "time_wrong"
    return None


def told_times(
    pieces: Sequence[Piece],
    runs: Sequence[Run],
    reading: Mapping[int, Sequence[int]],
    originals: Sequence[Sequence[str]],
) -> list[tuple[int, Claim]]:
    """The sounds in the order of an answer, each with the claim of its time.

    Args:
        reading: for each sound its pieces. A link before a piece of the sound that is told before joins nothing: the
            "as" of "a car passes as it comes nearer".
        originals: the words of each sound's original, whose own "then" claims nothing of another sound.
    """
    told: list[tuple[int, Claim]] = []
    forward: Claim = None
    last, before = -1, -1
    seen: set[int] = set()
    for run in runs:
        first = run.pieces[0]
        told_already = set(reading.get(before, ())) - {first}
        between = [pieces[number] for number in range(last + 1, first + 1) if number not in told_already]
        links = [link for piece in between for link in piece.links]
        own = [word for word in originals[run.source] if word != ","]
        if links and own[:1] == links[-1].word.split()[:1]:
            # "As the wind blows, children talk" is one original.
            links.pop()
        claim, opens = None, None
        for link in links:
            piece = next(piece for piece in between if link in piece.links)
            opening = link.word in SUBORDINATE and (
                not told or piece.after_strong or (claim == LATER and link.claim == AT_ONCE)
            )
            if opening:
                opens = _forward(link)
            elif link.claim != NO_TIME:
                claim = link.claim if claim in (None, link.claim) else UNCLEAR
        if claim is None:
            claim = _by_adverb(pieces, reading[run.source], frozenset(own))
        if claim is None and forward is not None:
            claim = forward
        if run.source not in seen:
            told.append((run.source, claim))
        forward, last, before = opens, run.pieces[-1], run.source
        seen.add(run.source)
    return _with_last_words(told, pieces[last + 1 :])


def _forward(link: Link) -> Claim:
    """What a clause that opens with "after" says of the clause behind it."""
    return {EARLIER: LATER, LATER: EARLIER}.get(link.claim, link.claim)


def _by_adverb(pieces: Sequence[Piece], numbers: Sequence[int], own: frozenset[str]) -> Claim:
    """What an adverb inside a clause claims: "a buzzer then sounds", but not "first on the left, then behind you"."""
    for number in numbers[1:]:
        piece = pieces[number]
        for link in piece.links if not piece.after_comma and len(piece.links) == 1 else ():
            if link.word in ADVERBS and link.word not in own:
                return link.claim
    return None


def _with_last_words(told: list[tuple[int, Claim]], rest: Sequence[Piece]) -> list[tuple[int, Claim]]:
    """The claims with what the end of the answer adds: "… at the same time", "… afterwards"."""
    bare = (piece for piece in rest if not (piece.spots or piece.motions or piece.content))
    claims = [link.claim for piece in bare for link in piece.links if link.word in LAST_WORDS]
    if claims and len(told) > 1:
        sound, claim = told[-1]
        return [*told[:-1], (sound, claims[-1] if claim in (None, claims[-1]) else UNCLEAR)]
    return told
