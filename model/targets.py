"""What a model learns about a clip: direction, measures on their scales, and words. This module needs no PyTorch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


#: The attributes of a row that have words (ELSA, section 3.2); the order of the words is that of the classes.
VOCABULARY: dict[str, tuple[str, ...]] = {
    "direction": ("front", "left", "right", "back"),
    "elevation": ("up", "down"),
    "distance": ("near", "far"),
    "room_size": ("small", "large"),
    "reverberation": ("dampened", "reverberant"),
}


@dataclass(frozen=True)
class Measure:
    """A column of a release that a head learns, and the scale of the head: values near 0 with a spread near 1.

    The paper does not state its scaling (ELSA, section 4.3). The centres and spreads are ours, from its ranges.
    """

    column: str
    centre: float
    spread: float
    logarithmic: bool = True

    def to_scale(self, value: Tensor) -> Tensor:
        """Converts from the column's unit to the scale of the head."""
        return ((value / self.centre).log() if self.logarithmic else value - self.centre) / self.spread

    def from_scale(self, value: Tensor) -> Tensor:
        """Converts from the scale of the head to the column's unit."""
        return (value * self.spread).exp() * self.centre if self.logarithmic else value * self.spread + self.centre


DISTANCE = Measure("distance_m", centre=1.4, spread=0.6)
AREA = Measure("floor_area_m2", centre=60.0, spread=0.9)
#: What a spatial branch predicts beside the direction. The paper's branch has volume and third-octave T30 and DRR.
MEASURES = (
    DISTANCE,
    AREA,
    Measure("t30_ms", centre=550.0, spread=0.9),
    Measure("drr_db", centre=0.0, spread=6.0, logarithmic=False),
)


@dataclass(frozen=True)
class Targets:
    """The true values of B clips.

    Attributes:
        direction: (B, 3), unit vectors x, y, z to the source; zero for a clip of several or moving sources, where the
            direction does not count.
        measures: (B, len(MEASURES)), in the columns' units. Values that are not finite do not count.
        is_spatial: (B,), bool. For a clip without space it is false, and direction and measures do not count.
        words: (B, len(VOCABULARY)), int64, the index of each attribute's word; −1 if the clip has none.
    """

    direction: Tensor
    measures: Tensor
    is_spatial: Tensor
    words: Tensor

    @property
    def has_direction(self) -> Tensor:
        """(B,), bool: whether the direction of each clip counts."""
        return self.is_spatial & (self.direction != 0).any(dim=1)

    def to(self, device: torch.device | str) -> Targets:
        """A copy on another device."""
        return Targets(*(getattr(self, entry.name).to(device) for entry in dataclasses.fields(self)))
