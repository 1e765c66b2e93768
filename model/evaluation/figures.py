"""Figures of evaluations. They need no display, and the same figure has the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from model.files import PARTS, clear, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120


def figure_of(width: float, height: float) -> Figure:
    """An empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Saves a figure as PNG, without metadata that changes."""
    figure.savefig(clear(path.parent, path.name + PARTS), format="png", dpi=_DPI, metadata={"Software": None})
    finish(path.parent, path.name)
