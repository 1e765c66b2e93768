"""Turns and mirrorings of a sound field, which are exact in ambisonics: the labels and the words go with the sound.

A turn about the vertical and the three mirrorings map rooms onto rooms and W, Y, Z, X onto themselves, whatever is in
the field; so what was simulated stays possible. Azimuth counter-clockwise, +90° is left; elevation up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.augmentation.captions import Words, reworded
from model.augmentation.places import direction_word, elevation_word
from model.errors import ConfigurationError

#: How often a turn is drawn that has to keep the word of the direction.
_TRIES = 16


@dataclass(frozen=True)
class Rotation:
    """A turn about the vertical, by up to so many degrees to either side."""

    probability: float = 1.0
    range_deg: float = 180.0

    def __post_init__(self) -> None:
        if not 0 <= self.range_deg <= 180:
            raise ConfigurationError(f"data.augmentation.rotation.range_deg is {self.range_deg}, outside [0, 180]")

    def draw(self, generator: np.random.Generator) -> float:
        """Degrees, counter-clockwise."""
        return float(generator.uniform(-self.range_deg, self.range_deg))


@dataclass(frozen=True)
class Mirror:
    """Left and right, front and back, or up and down exchanged."""

    probability: float = 0.5


@dataclass(frozen=True)
class Move:
    """Signs of X, Y and Z, then a turn about the vertical, counter-clockwise."""

    sign_x: int = 1
    sign_y: int = 1
    sign_z: int = 1
    turn_deg: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """(4, 4), from W, Y, Z, X to the same."""
        turn = math.radians(self.turn_deg)
        matrix = np.zeros((4, 4))
        matrix[0, 0] = 1
        matrix[2, 2] = self.sign_z
        matrix[1, 1], matrix[1, 3] = math.cos(turn) * self.sign_y, math.sin(turn) * self.sign_x
        matrix[3, 1], matrix[3, 3] = -math.sin(turn) * self.sign_y, math.cos(turn) * self.sign_x
        return matrix

    def place(self, azimuth_deg: float, elevation_deg: float) -> tuple[float, float]:
        """Where a source comes to be: azimuth in (−180, 180], elevation."""
        azimuth = azimuth_deg if self.sign_x > 0 else 180 - azimuth_deg
        azimuth = self.sign_y * azimuth + self.turn_deg
        # What is a hair below a whole turn has a rest of 360 in floats, not of 0.
        rest = (180 - azimuth) % 360
        return 180 - (rest if rest < 360 else 0.0), self.sign_z * elevation_deg


@dataclass(frozen=True)
class Moved:
    """A row after a move: what to do to its sound, where it is, what is said of it, and its words."""

    move: Move
    azimuth_deg: float
    elevation_deg: float
    caption: str
    words: Words


def moved(
    wanted: Move,
    turn_again: Callable[[], float],
    *,
    azimuth_deg: float,
    elevation_deg: float,
    words: Words,
    caption: str,
    original: str,
    generator: np.random.Generator,
    sentences: bool = True,
) -> Moved:
    """The move that comes nearest to the one that is wanted and leaves a caption that is true.

    Where the caption cannot be put into other words, the parts of the move that change a word are left out and the turn
    is drawn again until it keeps the word. A row whose words are not those of its angles is not moved.

    Args:
        turn_again: draws a turn in degrees.
        words: of the row, every attribute.
        generator: of the choice of phrases.
        sentences: whether a caption may become another sentence where no phrase in it can be exchanged.
    """
    stays = Moved(Move(), azimuth_deg, elevation_deg, caption, words)
    if words["direction"] != direction_word(azimuth_deg) or words["elevation"] != elevation_word(elevation_deg):
        return stays

    def attempt(move: Move) -> Moved | None:
        azimuth, elevation = move.place(azimuth_deg, elevation_deg)
        new = {**words, "direction": direction_word(azimuth), "elevation": elevation_word(elevation)}
        text = reworded(caption, original, words, new, generator, sentences=sentences)
        return None if text is None else Moved(move, azimuth, elevation, text, new)

    def keeping() -> Move:
        """Within the word of the direction."""
        move = Move()
        for part in (Move(sign_x=wanted.sign_x), Move(sign_y=wanted.sign_y)):
            both = Move(sign_x=move.sign_x * part.sign_x, sign_y=move.sign_y * part.sign_y)
            if direction_word(both.place(azimuth_deg, 0.0)[0]) == words["direction"]:
                move = both
        for _ in range(_TRIES if wanted.turn_deg else 0):
            turned = Move(move.sign_x, move.sign_y, 1, turn_again())
            if direction_word(turned.place(azimuth_deg, 0.0)[0]) == words["direction"]:
                return turned
        return move

    within = keeping()
    level = Move(wanted.sign_x, wanted.sign_y, 1, wanted.turn_deg)
    mirrored = Move(within.sign_x, within.sign_y, wanted.sign_z, within.turn_deg)
    for move in (wanted, level, mirrored, within):
        result = attempt(move)
        if result is not None:
            return result
    return stays
