"""Ranges that a recipe changes, laid over the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

from transforms.rooms.ranges import RoomRanges, SceneRanges


def ranges_of(kind: type[RoomRanges] | type[SceneRanges], values: Mapping[str, float]) -> dict[str, float]:
    """All ranges of a kind: the given ones over the defaults, checked."""
    known = {entry.name for entry in fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"no range is named {name}; there is {', '.join(sorted(known))}")
    return asdict(kind(**values))
