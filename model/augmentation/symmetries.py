"""Rotations and reflections of a sound field, with the labels, the words and the caption that belong to the result.

A rotation about the vertical axis and the three reflections are exact in ambisonics. They turn a possible room into a
possible room, so the result is still a recording that could exist. Azimuth is counter-clockwise, +90° is left;
elevation is up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model.augmentation.captions import Words, reword_caption
from model.settings import Number, Share, section
from model.words import direction_word, elevation_word

#: How often a rotation that must keep the word of the direction is drawn before the row stays unrotated.
_TRIES = 16


@section
class Rotation:
    """A rotation about the vertical axis, by up to ``range_deg`` to either side."""

    probability: Share = 1.0
    range_deg: Annotated[Number, Field(ge=0, le=180)] = 180.0

    def draw(self, generator: np.random.Generator) -> float:
        """An angle in degrees, counter-clockwise."""
        return float(generator.uniform(-self.range_deg, self.range_deg))


@section
class Mirror:
    """A reflection that exchanges left and right, front and back, or up and down."""

    probability: Share = 0.5


@dataclass(frozen=True)
class Move:
    """Signs of X, Y and Z, then a counter-clockwise rotation about the vertical axis."""

    sign_x: int = 1
    sign_y: int = 1
    sign_z: int = 1
    rotation_deg: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """A matrix (4, 4) that maps W, Y, Z, X to W, Y, Z, X."""
        angle = math.radians(self.rotation_deg)
        matrix = np.zeros((4, 4))
        matrix[0, 0] = 1
        matrix[2, 2] = self.sign_z
        matrix[1, 1], matrix[1, 3] = math.cos(angle) * self.sign_y, math.sin(angle) * self.sign_x
        matrix[3, 1], matrix[3, 3] = -math.sin(angle) * self.sign_y, math.cos(angle) * self.sign_x
        return matrix

    def direction(self, azimuth_deg: float, elevation_deg: float) -> tuple[float, float]:
        """The direction of a source after the move: azimuth in (−180, 180], and elevation, in degrees."""
        azimuth = azimuth_deg if self.sign_x > 0 else 180 - azimuth_deg
        azimuth = self.sign_y * azimuth + self.rotation_deg
        # Just below a full turn, the remainder is 360 in floating point, not 0.
        rest = (180 - azimuth) % 360
        return 180 - (rest if rest < 360 else 0.0), self.sign_z * elevation_deg


@dataclass(frozen=True)
class Moved:
    """A row after a move: the move of its sound, its new direction, caption and words."""

    move: Move
    azimuth_deg: float | None
    elevation_deg: float | None
    caption: str
    words: Words


def move_row(
    wanted: Move,
    draw_rotation: Callable[[], float],
    *,
    azimuth_deg: float | None,
    elevation_deg: float | None,
    words: Words,
    caption: str,
    original: str,
    generator: np.random.Generator,
    sentences: bool = True,
) -> Moved:
    """Moves a row as wanted, or as far as its caption can follow.

    If the caption cannot be reworded, the parts of the move that change a word are left out, and the rotation is drawn
    again until it keeps the word. A row whose words do not match its angles is not moved, nor is one without angles:
    the caption of several or moving sources tells several places.

    Args:
        wanted: the move that was drawn.
        draw_rotation: draws another rotation in degrees.
        words: the row's word for every attribute, or None.
        generator: chooses the phrases.
        sentences: whether the caption may be replaced by a new sentence if no phrase in it can be exchanged.
    """
    unmoved = Moved(Move(), azimuth_deg, elevation_deg, caption, words)
    if azimuth_deg is None or elevation_deg is None:
        return unmoved
    if words["direction"] != direction_word(azimuth_deg) or words["elevation"] != elevation_word(elevation_deg):
        return unmoved

    def attempt(move: Move) -> Moved | None:
        azimuth, elevation = move.direction(azimuth_deg, elevation_deg)
        new = {**words, "direction": direction_word(azimuth), "elevation": elevation_word(elevation)}
        text = reword_caption(caption, original, words, new, generator, sentences=sentences)
        return None if text is None else Moved(move, azimuth, elevation, text, new)

    def keep_word() -> Move:
        """The parts of the move that keep the word of the direction."""
        move = Move()
        for part in (Move(sign_x=wanted.sign_x), Move(sign_y=wanted.sign_y)):
            combined = Move(sign_x=move.sign_x * part.sign_x, sign_y=move.sign_y * part.sign_y)
            if direction_word(combined.direction(azimuth_deg, 0.0)[0]) == words["direction"]:
                move = combined
        for _ in range(_TRIES if wanted.rotation_deg else 0):
            rotated = Move(move.sign_x, move.sign_y, 1, draw_rotation())
            if direction_word(rotated.direction(azimuth_deg, 0.0)[0]) == words["direction"]:
                return rotated
        return move

    same_word = keep_word()
    same_height = Move(wanted.sign_x, wanted.sign_y, 1, wanted.rotation_deg)
    flipped = Move(same_word.sign_x, same_word.sign_y, wanted.sign_z, same_word.rotation_deg)
    for move in (wanted, same_height, flipped, same_word):
        result = attempt(move)
        if result is not None:
            return result
    return unmoved
