"""What a model learns of a clip: the words of its attributes, its measures and their scales, and both as a batch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

#: The attributes of a row that have words (ELSA, section 3.2), with the words in the order of the classes.
VOCABULARY: dict[str, tuple[str, ...]] = {
    "direction": ("front", "left", "right", "back"),
    "elevation": ("up", "down"),
    "distance": ("near", "far"),
    "room_size": ("small", "large"),
    "reverberation": ("dampened", "reverberant"),
}


@dataclass(frozen=True)
class Measure:
    """A number of a row that a head is trained on, and the scale on which it is predicted: near 0, spread near 1.

    The paper does not state its scaling (ELSA, section 4.3); centres and spreads are ours, from its ranges.
    """

    column: str
    centre: float
    spread: float
    logarithmic: bool = True

    def to_scale(self, value: Tensor) -> Tensor:
        """The column's unit → the scale of the head."""
        return ((value / self.centre).log() if self.logarithmic else value - self.centre) / self.spread

    def from_scale(self, value: Tensor) -> Tensor:
        """The scale of the head → the column's unit."""
        return (value * self.spread).exp() * self.centre if self.logarithmic else value * self.spread + self.centre


DISTANCE = Measure("distance_m", centre=1.4, spread=0.6)
AREA = Measure("floor_area_m2", centre=60.0, spread=0.9)
#: What a spatial branch predicts beside the direction. The paper's has volume and third-octave T30 and DRR instead.
MEASURES = (
    DISTANCE,
    AREA,
    Measure("t30_ms", centre=550.0, spread=0.9),
    Measure("drr_db", centre=0.0, spread=6.0, logarithmic=False),
)


@dataclass(frozen=True)
class Targets:
    """What is true of B clips.

    Attributes:
        direction: (B, 3), unit vectors x, y, z to the source.
        measures: (B, len(MEASURES)), in the columns' units; what is not finite is not counted.
        is_spatial: (B,), bool; false where the sound has no place and every other entry is ignored.
        words: (B, A), int64; of each attribute of VOCABULARY which of its words, −1 where the clip has none.
    """

    direction: Tensor
    measures: Tensor
    is_spatial: Tensor
    words: Tensor

    def to(self, device: torch.device | str) -> Targets:
        """The same on another device."""
        return Targets(*(getattr(self, entry.name).to(device) for entry in dataclasses.fields(self)))
