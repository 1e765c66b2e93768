"""The sections `select` and `augmentations`: which clips are taken, and how many versions each has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline.sections.base import Section, SplitCounts, SplitShares
from pipeline.sections.own_files import reading_of
from transforms.sources.freesound_ids import freesound_id_of, read_ids
from transforms.sources.licences import normal_licence
from transforms.sources.splits import DEFAULT_SHARES

#: All versions of a clip are in one shard, which a worker holds in memory.
Versions = Annotated[int, Field(ge=0, le=10_000)]


class Select(Section):
    """Which clips of the input are taken; rejected.parquet names each other clip with its reason."""

    exclude: list[str] = Field(default_factory=list)
    """Freesound ids of clips to leave out, or paths of lists and folders of ids, such as Clotho's metadata. The
    resolved recipe holds the sorted ids, so that a release can be reproduced without the lists."""
    licenses: list[str] = Field(default_factory=list)
    """Accepted licences in any spelling (CC0, CC-BY-4.0, CC-BY for any version of it). The resolved recipe holds their
    normal names. An empty list accepts all; otherwise a clip without a known licence is left out."""
    splits: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    """Name of a folder of the input → its split, in addition to train, valid, test and similar names; "" is the top
    folder."""
    split_shares: SplitShares = SplitShares(**DEFAULT_SHARES)
    """The shares by which clips are distributed over the splits, by a hash of their names, if neither list nor folders
    state the split of any clip. `{train: 1}` keeps all in train. A split without augmentations or rooms gets none."""

    @field_validator("exclude", mode="before")
    @classmethod
    def _resolve_lists(cls, values: Any, info: ValidationInfo) -> Any:
        values = [values] if isinstance(values, str | int) else values
        if not isinstance(values, list):
            return values
        ids: set[str] = set()
        for value in values:
            number = freesound_id_of(value)
            if number is None and not reading_of(info).may_read:
                raise ValueError("names a list of ids; the recipe of a release holds the ids themselves")
            ids |= read_ids(str(value)) if number is None else {number}
        return sorted(ids, key=int)

    @field_validator("licenses", mode="before")
    @classmethod
    def _normal_names(cls, values: Any) -> Any:
        values = [values] if isinstance(values, str) else values
        if not isinstance(values, list):
            return values
        return sorted({normal_licence(value) or "" for value in values if isinstance(value, str)})


class Augmentations(SplitCounts):
    """The number of spatial versions of each clip, by split (ELSA, section 3: at least two for training)."""

    train: Versions = 2
    validation: Versions = 1
    test: Versions = 1
