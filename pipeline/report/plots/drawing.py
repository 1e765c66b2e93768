"""What the plots share: dots, densities, histograms, ticks, and numbers in their captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.patches
import matplotlib.path
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.plots.svg import BAND, FAINT, SPLIT_COLOUR, WIDE_THIRD, Plot, make_plot
from pipeline.report.summary import Summary
from pipeline.report.wording import number
from transforms.records import SPLITS

# Up to this many rows, every row is a dot. More dots would make the page heavy and hide each other.
MOST_DOTS = 800
# So many rows of each smaller split are dots on the density of the largest split.
SAMPLED_DOTS = 200
# Steps of opacity of a density. Each step is one path, so the size of the page does not grow with the rows.
_LEVELS = 8
#: How a dot is drawn.
DOT: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 3.6, "markeredgewidth": 0}


def histogram(
    summary: Summary,
    naming: tuple[str, str, str],
    values: NDArray[np.float64],
    edges: NDArray[np.float64],
    label: str,
    bounds: tuple[float, float],
    inches: tuple[float, float] = WIDE_THIRD,
    counted: str = "rows",
) -> Plot:
    """Rows by value, with the splits stacked, and with bands where the lower and the upper word apply.

    Args:
        summary: the release.
        naming: the key, the title and the caption of the plot.
        values: one value for each row.
        edges: the edges of the bins.
        label: what the values are, with their unit.
        bounds: the lower word applies below the first value, the upper word above the second.
        inches: the size of the plot.
        counted: what each value is of.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.15, 0.19 if inches == WIDE_THIRD else 0.155, 0.81, 0.76))
        axes.axvspan(edges[0], bounds[0], color=BAND, linewidth=0, zorder=0)
        axes.axvspan(bounds[1], edges[-1], color=BAND, linewidth=0, zorder=0)
        bottom = np.zeros(len(edges) - 1)
        for split, mask in split_masks(summary):
            counts, _ = np.histogram(values[mask & np.isfinite(values)], bins=edges)
            axes.bar(
                edges[:-1], counts, np.diff(edges) * 0.92, bottom, align="edge", color=SPLIT_COLOUR[split], zorder=2
            )
            bottom += counts
        axes.set(xlim=(edges[0], edges[-1]), xlabel=label, ylabel=counted, ylim=(0, top_of_axis(bottom)))
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(in_thousands))
        axes.xaxis.set_major_locator(round_steps())
        axes.grid(axis="x", visible=False)

    key, title, text = naming
    return make_plot(key, title, text, inches, draw)


def split_masks(summary: Summary) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each split with a mask of its rows."""
    codes = summary.split_codes
    return [(split, codes == code) for code, split in enumerate(SPLITS)]


def draw_dots_or_density(
    axes: Axes,
    summary: Summary,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    limits: Sequence[float],
) -> None:
    """One dot for each row, in the colour of its split. Of many rows, the largest split becomes a density."""
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() <= MOST_DOTS:
        draw_dots(axes, summary, good, x, y)
        return
    sizes = np.bincount(summary.split_codes[good & (summary.split_codes >= 0)], minlength=len(SPLITS))
    largest = summary.split_codes == sizes.argmax()
    draw_density(axes, x[largest & good], y[largest & good], limits, SPLIT_COLOUR[SPLITS[sizes.argmax()]])
    sampled = np.zeros_like(good)
    for _, mask in split_masks(summary):
        rows = np.flatnonzero(mask & good & ~largest)
        sampled[rows[:: max(1, len(rows) // SAMPLED_DOTS)]] = True
    draw_dots(axes, summary, sampled, x, y)


def draw_dots(
    axes: Axes, summary: Summary, rows: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> None:
    """One dot for each of these rows, in the colour of its split."""
    for split, mask in split_masks(summary):
        axes.plot(x[rows & mask], y[rows & mask], color=SPLIT_COLOUR[split], alpha=0.8, **DOT)


def draw_density(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    limits: Sequence[float],
    colour: str,
    cells: tuple[int, int] = (48, 36),
) -> None:
    """Squares that are the more opaque the more values they hold."""
    good = np.isfinite(x) & np.isfinite(y)
    counts, x_edges, y_edges = np.histogram2d(x[good], y[good], bins=cells, range=(limits[:2], limits[2:]))
    level = np.ceil(_LEVELS * counts / max(1.0, counts.max())).astype(int)
    for step in range(1, _LEVELS + 1):
        corners = [
            [(x_edges[i + a], y_edges[j + b]) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
            for i, j in np.argwhere(level == step)
        ]
        if corners:
            path = matplotlib.path.Path.make_compound_path(*(matplotlib.path.Path(one, closed=True) for one in corners))
            opacity = round(0.1 + 0.9 * step / _LEVELS, 2)
            axes.add_patch(matplotlib.patches.PathPatch(path, facecolor=colour, alpha=opacity, linewidth=0))


def round_steps() -> matplotlib.ticker.Locator:
    """Ticks at round numbers."""
    return matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10])


def in_thousands(value: float, _: int) -> str:
    """The label of a tick: 2000 is `2k`."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def top_of_axis(counts: NDArray[Any]) -> float:
    """The end of an axis that leaves some space above the largest count."""
    return 1.08 * max(1.0, float(np.max(counts, initial=0)))


def few_ticks(counts: NDArray[Any]) -> list[float]:
    """Up to three ticks for an axis of counts."""
    ticks = matplotlib.ticker.MaxNLocator(3, integer=True).tick_values(0, max(1, int(np.max(counts, initial=0))))
    return [tick for tick in ticks if 0 < tick <= top_of_axis(counts)]


def range_text(values: NDArray[np.float64], unit: str, decimals: int) -> str:
    """The range and the median of the finite values, in words."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "no values"
    low, middle, high = (number(value, decimals) for value in np.percentile(finite, [0, 50, 100]))
    return f"{low} to {high}{unit}, median {middle}{unit}"


def sampling_text(summary: Summary) -> str:
    """How to read a plot that has more rows than dots; empty when every row is a dot."""
    if summary.rows.num_rows <= MOST_DOTS:
        return ""
    return f" The largest split is drawn as a density, and about {SAMPLED_DOTS} dots stand for each other split."


def share_text(mask: NDArray[np.bool_]) -> str:
    """The share of true values, in percent."""
    return f"{100.0 * mask.mean():.0f}\u00a0%" if mask.size else "none"


def draw_nothing(figure: Figure) -> None:
    """A plot without data."""
    figure.text(0.5, 0.5, "nothing to show", ha="center", color=FAINT)
