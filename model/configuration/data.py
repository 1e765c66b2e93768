"""What a model is trained on: the section ``data`` of a configuration."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field

from model.augmentation import Augmentation
from model.settings import Flag, NullIsEmpty, NumberFromZero, Whole, section

#: The turns of an epoch are in memory.
RowsAnEpoch = Annotated[Whole, Field(ge=1, le=100_000_000)]


@section
class DataConfiguration:
    """How releases are mixed and augmented in training."""

    #: each release's share of an epoch, in the order of the releases; None is as many as it has rows
    weights: tuple[NumberFromZero, ...] | None = None
    #: rows in an epoch; None is as many as the releases have
    rows_an_epoch: RowsAnEpoch | None = None
    #: false switches every transform off
    augment: Flag = True
    augmentation: Annotated[Augmentation, NullIsEmpty] = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.weights is not None and not sum(self.weights):
            raise ValueError(f"weights is {list(self.weights)}; at least one number above 0 is expected")

    def as_dict(self) -> dict[str, Any]:
        """Plain data, every field with its value."""
        plain = dataclasses.asdict(self)
        plain["weights"] = None if self.weights is None else list(self.weights)
        return plain

    @property
    def transforms(self) -> Augmentation | None:
        """The augmentation, or None if it is switched off."""
        return self.augmentation if self.augment else None
