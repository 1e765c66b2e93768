"""Which pieces of an answer tell of which sound of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transforms.captions.check.paraphrases import plain_words
from transforms.captions.check.senses import Senses, content_words
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.scenes.moved import directions_of
from transforms.captions.scenes.pieces import Piece
from transforms.captions.scenes.tokens import Tokens

# What it costs to begin another sound, to come back to one, to leave one out.
_BEGINS, _RETURNS, _LEFT_OUT = 0.2, 1.5, 1.5
_WRONG = 0.6
# More sounds are compared one after the other, and not in every order.
_MOST_SOUNDS = 8
_SURE = 0.05


@dataclass(frozen=True)
class Run:
    """Neighbouring pieces that tell of one sound."""

    source: int
    pieces: tuple[int, ...]
    """Their numbers among all pieces. Pieces of place alone, which may belong to a neighbour, are not among them."""


class Matcher:
    """The sounds of a scene, by their words."""

    def __init__(self, originals: Sequence[str]) -> None:
        self._senses = [Senses(content_words(plain_words(canonical_text(text)).split())) for text in originals]

    def sources_of(self, word: str) -> frozenset[int]:
        """The sounds whose originals have this word or one that says the same."""
        return frozenset(number for number, senses in enumerate(self._senses) if senses.has(word))


def content_scores(pieces: Sequence[Piece], tokens: Tokens, matcher: Matcher, count: int) -> dict[int, list[float]]:
    """How well each piece fits each sound, by the piece's number; only pieces with words of sounds."""
    scores: dict[int, list[float]] = {}
    for number, piece in enumerate(pieces):
        score = [0.0] * count
        telling = False
        if not piece.content and (piece.motions or len(directions_of(piece.spots)) > 1):
            # "Passing from the left to the right" tells a motion, also where a sound of the scene passes.
            continue
        for position in range(piece.start, piece.end):
            word = tokens.words[position]
            known = position in piece.content
            if not known and not _is_free(position, piece, word):
                continue
            sources = matcher.sources_of(word)
            telling = telling or bool(sources) or known
            for source in range(count):
                if source in sources:
                    score[source] += 1 / len(sources)
                elif sources:
                    score[source] -= _WRONG
        if telling:
            scores[number] = score
    return scores


def _is_free(position: int, piece: Piece, word: str) -> bool:
    """Whether a word is one of motion or of hearing, which tells of a sound where its original has it."""
    inside = any(found.start <= position < found.end for found in (*piece.spots, *piece.rooms)) or any(
        motion.start <= position < motion.end for motion in piece.motions
    )
    return not inside and word != "," and bool(lemmas(word)) and bool(content_words([word]))


def find_runs(scores: dict[int, list[float]], count: int) -> list[Run] | None:
    """The runs of pieces that fit the sounds best; None where another way to share them fits as well.

    Every piece with words of sounds belongs to one sound. Neighbours of the same sound are one run.
    """
    if count > _MOST_SOUNDS:
        return _greedy(scores)
    # The best sum and the labels so far, by the sound of the last piece and the set of sounds begun.
    best: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {(-1, 0): (0.0, ())}
    for score in scores.values():
        following: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        for (last, begun), (total, labels) in best.items():
            for source in range(count):
                cost = 0.0
                if source != last:
                    cost = _RETURNS if begun >> source & 1 else _BEGINS
                key, sum_now = (source, begun | 1 << source), total + score[source] - cost
                if key not in following or sum_now > following[key][0]:
                    following[key] = (sum_now, (*labels, source))
        best = following
    ends = sorted(
        ((total - _LEFT_OUT * (count - begun.bit_count()), labels) for (_, begun), (total, labels) in best.items()),
        reverse=True,
    )
    return _runs(list(scores), ends[0][1]) if ends else None


def _greedy(scores: dict[int, list[float]]) -> list[Run]:
    return _runs(list(scores), [max(range(len(score)), key=score.__getitem__) for score in scores.values()])


def _runs(numbers: Sequence[int], labels: Sequence[int]) -> list[Run]:
    runs: list[Run] = []
    for number, source in zip(numbers, labels, strict=True):
        if runs and runs[-1].source == source:
            runs[-1] = Run(source, (*runs[-1].pieces, number))
        else:
            runs.append(Run(source, (number,)))
    return runs


def is_doubtful(runs: Sequence[Run], scores: dict[int, list[float]], same: Sequence[int]) -> bool:
    """Whether two runs of different sounds would fit as well with their sounds exchanged.

    Args:
        same: for each sound, a number that it shares with those that have the same original.
    """
    for first in range(len(runs)):
        for second in range(first + 1, len(runs)):
            one, other = runs[first], runs[second]
            if same[one.source] == same[other.source]:
                continue
            now = _fit(one, one.source, scores) + _fit(other, other.source, scores)
            exchanged = _fit(one, other.source, scores) + _fit(other, one.source, scores)
            if exchanged > now - _SURE:
                return True
    return False


def _fit(run: Run, source: int, scores: dict[int, list[float]]) -> float:
    return sum(scores[number][source] for number in run.pieces)
