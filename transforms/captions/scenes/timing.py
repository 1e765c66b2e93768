"""What an answer claims of the order in time of the sounds, and whether the scene bears it out."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.captions.scenes.pieces import ADVERBS, AT_ONCE, EARLIER, LATER, NO_TIME, SUBORDINATE, Link, Piece
from transforms.captions.scenes.sources import Run
from transforms.scene_words import SceneWords

#: Claims by the links of clauses: None where they say nothing of time.
Claim = str | None


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
    if claim == LATER and not is_later(scene, group, sound):
        return "order_reversed" if "earlier" in found else "time_wrong"
    if claim == EARLIER and found[-1] != "earlier":
        return "order_reversed" if found[-1] == "then" else "time_wrong"
    if claim == AT_ONCE and not is_at_once(scene, group, sound):
        return "time_wrong"
    return None


def told_times(
    pieces: Sequence[Piece], runs: Sequence[Run], originals: Sequence[Sequence[str]]
) -> list[tuple[int, Claim]]:
    """The sounds in the order of an answer, each with the claim of its time.

    Args:
        originals: the words of each sound's original, whose own "then" claims nothing of another sound.
    """
    told: list[tuple[int, Claim]] = []
    forward: Claim = None
    last = -1
    seen: set[int] = set()
    for run in runs:
        first = run.pieces[0]
        between = pieces[last + 1 : first + 1]
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
            elif link.claim != NO_TIME and claim is None:
                claim = link.claim
        if claim is None:
            claim = _by_adverb(pieces, run, frozenset(own))
        if claim is None and forward is not None:
            claim = forward
        if run.source not in seen:
            told.append((run.source, claim))
        forward, last = opens, run.pieces[-1]
        seen.add(run.source)
    return _with_last_words(told, pieces[last + 1 :])


def _forward(link: Link) -> Claim:
    """What a clause that opens with "after" says of the clause behind it."""
    return {EARLIER: LATER, LATER: EARLIER}.get(link.claim, link.claim)


def _by_adverb(pieces: Sequence[Piece], run: Run, own: frozenset[str]) -> Claim:
    """What an adverb inside a clause claims: "a buzzer then sounds"."""
    for number in run.pieces[1:]:
        for link in pieces[number].links:
            if link.word in ADVERBS and link.word not in own and pieces[number].content:
                return link.claim
    return None


def _with_last_words(told: list[tuple[int, Claim]], rest: Sequence[Piece]) -> list[tuple[int, Claim]]:
    """The claims with what the end of the answer adds: "… at the same time", "… afterwards"."""
    claims = [link.claim for piece in rest for link in piece.links if link.claim != NO_TIME]
    if claims and len(told) > 1 and told[-1][1] is None:
        return [*told[:-1], (told[-1][0], claims[-1])]
    return told
