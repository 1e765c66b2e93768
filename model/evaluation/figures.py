"""Figures of evaluations: drawn without a display and without state, saved without metadata that changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120


def figure_of(width: float, height: float) -> Figure:
    """A figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """As PNG, the same bytes for the same figure."""
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
