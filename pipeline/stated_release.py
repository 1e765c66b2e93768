"""What release.json states, with the types that the commands rely on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Stated(BaseModel):
    # Other keys may come with later versions.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class StatedCounts(_Stated):
    """The counts of a release."""

    answers: dict[str, int | float | None] = {}
    """The answers of the language model by outcome, their tokens and their cost."""


class StatedRelease(_Stated):
    """The keys that identify a release and count what is in it; one that is being written may lack some."""

    name: str | None = None
    digest: str | None = None
    recipe_sha256: str | None = None
    input_sha256: str | None = None
    seed: int | None = None
    versions: dict[str, str] = {}
    counts: StatedCounts = StatedCounts()
    caption_variety: Any = None
