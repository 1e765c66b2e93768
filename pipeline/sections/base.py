"""The base of the sections of a recipe, and what several of them have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a recipe; unknown keys and numbers without end are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


class SplitCounts(Section):
    """A number for each split."""

    train: Count = 0
    validation: Count = 0
    test: Count = 0

    def of(self, split: str) -> int:
        count: int = getattr(self, split)
        return count


class SplitShares(Section):
    """A share for each split; a split that is not named has 0, and the sum is 1."""

    train: Share = 0.0
    validation: Share = 0.0
    test: Share = 0.0

    @model_validator(mode="after")
    def _whole(self) -> SplitShares:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of train, validation and test are {total:g} together, not 1")
        return self
