"""A plot as SVG that stands in the page and takes its colours from the page's style sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from transforms.records import SPLITS

# The page replaces these colours by its own, so that one drawing serves light and dark.
COLOURS = {
    "#010203": "var(--ink)",
    "#040506": "var(--faint)",
    "#070809": "var(--line)",
    "#0a0b0c": "var(--band)",
    "#0d0e0f": "var(--train)",
    "#101112": "var(--validation)",
    "#131415": "var(--test)",
    "#161718": "var(--accent)",
}
INK, FAINT, LINE, BAND, TRAIN, VALIDATION, TEST, ACCENT = COLOURS
SPLIT_COLOUR = dict(zip(SPLITS, (TRAIN, VALIDATION, TEST), strict=True))
# Inches: 3.4 is a third of the page and 5.2 is half of it, so that all text has one size.
SQUARE, WIDE_THIRD, HALF = (3.4, 3.2), (3.4, 2.6), (5.2, 2.9)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "xtick.major.pad": 5.0,
    "ytick.major.pad": 5.0,
    "font.size": 9.0,
    "text.color": FAINT,
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Plot:
    """A plot ready for the page: its SVG, its title, and a text that says what it shows."""

    key: str
    title: str
    text: str
    svg: str


def make_plot(key: str, title: str, text: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> Plot:
    """Draw a plot and make it ready for the page."""
    # Without pyplot, which would keep the figure in memory.
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=inches)
        draw(figure)
        source = io.StringIO()
        figure.savefig(source, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Plot(key, title, text, _for_the_page(source.getvalue(), key))


def _for_the_page(svg: str, key: str) -> str:
    """The SVG as a part of the page: without prolog and fixed size, with unique ids, and with the page's colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>", r'<svg viewBox="\1" aria-hidden="true" focusable="false">', svg
    )
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)([^")]+)', rf"\1{key}-\2", svg)
    svg = svg.replace("xlink:href", "href")
    # Two decimals of a coordinate are finer than a pixel.
    svg = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found.group()):.2f}", svg)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    for stand_in, colour in COLOURS.items():
        svg = svg.replace(stand_in, colour)
    return svg.strip()
