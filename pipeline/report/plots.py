"""The plots of a report, as SVG that stands in the page and takes its colours from the page's style sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import matplotlib.patches
import matplotlib.path
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.samples import number
from pipeline.report.summary import Summary, column_numbers
from transforms.records import SPLITS
from transforms.words import (
    BACK_FROM_DEG,
    DAMPENED_BELOW_MS,
    DOWN_BELOW_DEG,
    FAR_ABOVE_M,
    FRONT_WITHIN_DEG,
    NEAR_BELOW_M,
    REVERBERANT_ABOVE_MS,
    SIDE_FROM_DEG,
    SIDE_TO_DEG,
    UP_ABOVE_DEG,
)

# Stand-ins that the page replaces by its own colours, so that one drawing serves light and dark.
_COLOURS = {
    "#010203": "var(--ink)",
    "#040506": "var(--faint)",
    "#070809": "var(--line)",
    "#0a0b0c": "var(--band)",
    "#0d0e0f": "var(--train)",
    "#101112": "var(--validation)",
    "#131415": "var(--test)",
    "#161718": "var(--accent)",
}
_INK, _FAINT, _LINE, _BAND, _TRAIN, _VALIDATION, _TEST, _ACCENT = _COLOURS
_OF_SPLIT = dict(zip(SPLITS, (_TRAIN, _VALIDATION, _TEST), strict=True))
# Up to here every row is a dot; above, a page of dots is heavy and hides what it shows.
_MOST_DOTS = 800
# Of the smaller splits so many rows are dots on the density of the largest.
_SAMPLED_DOTS = 200
# Steps of opacity of a density; each is one path, so that a million rows weigh as much as a thousand.
_LEVELS = 8
# Inches; a third of the page is 3.4 wide, a half 5.2, so that text has one size wherever it stands.
_SQUARE, _WIDE_THIRD, _HALF = (3.4, 3.2), (3.4, 2.6), (5.2, 2.9)
_DOT: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 3.6, "markeredgewidth": 0}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "xtick.major.pad": 5.0,
    "ytick.major.pad": 5.0,
    "font.size": 9.0,
    "text.color": _FAINT,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _FAINT,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _FAINT,
    "ytick.labelcolor": _FAINT,
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
    """A plot ready for the page: SVG source, a title, and what it shows in words for those who do not see it."""

    key: str
    title: str
    text: str
    svg: str


def all_plots(summary: Summary) -> dict[str, Plot]:
    """Every plot of the page by its key; rows without a finite value are left out of the plot that needs it."""
    train = summary.split_codes == SPLITS.index("train")
    plots = [
        _rose(summary),
        _top_view(summary),
        _coverage(summary, "train", "train", train, _TRAIN),
        _coverage(summary, "evaluation", "validation and test", ~train, _TEST),
        _distance(summary),
        _t30(summary),
        _t30_volume(summary),
        _asked_measured(summary),
        _caption_lengths(summary),
    ]
    return {plot.key: plot for plot in plots}


# --- The data of each plot, without drawing ------------------------------------------------------------------------


def azimuth_counts(azimuth_deg: NDArray[np.float64], bins: int = 24) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Centres in degrees and counts of equal bins around the circle; one bin is centred on the front."""
    width = 360.0 / bins
    finite = azimuth_deg[np.isfinite(azimuth_deg)]
    index = np.round(finite / width).astype(int) % bins
    return np.arange(bins, dtype=np.float64) * width, np.bincount(index, minlength=bins).astype(np.intp)


def from_above(
    azimuth_deg: NDArray[np.float64], elevation_deg: NDArray[np.float64], distance_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres to the right of and before the receiver, as a page with front up shows them: +90° is to the left."""
    ground = distance_m * np.cos(np.radians(elevation_deg))
    return -ground * np.sin(np.radians(azimuth_deg)), ground * np.cos(np.radians(azimuth_deg))


def t30_deviation_percent(asked_ms: NDArray[np.float64], measured_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each measured T30 is from the one asked for, in percent of it, signed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100.0 * (measured_ms / asked_ms - 1.0)


def _range_text(values: NDArray[np.float64], unit: str, decimals: int) -> str:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "no values"
    low, middle, high = (number(value, decimals) for value in np.percentile(finite, [0, 50, 100]))
    return f"{low} to {high}{unit}, median {middle}{unit}"


def _sampling_text(summary: Summary) -> str:
    """How to read a plot of too many rows for a dot each."""
    if summary.rows.num_rows <= _MOST_DOTS:
        return ""
    return f" The largest split is a density, of the others about {_SAMPLED_DOTS} rows each are dots."


def _share(mask: NDArray[np.bool_]) -> str:
    return f"{100.0 * mask.mean():.0f} %" if mask.size else "none"


# --- The drawings --------------------------------------------------------------------------------------------------


def _rose(summary: Summary) -> Plot:
    azimuth = summary.numbers("azimuth_deg")
    centres, counts = azimuth_counts(azimuth)
    rings = _few_ticks(counts)

    def draw(figure: Figure) -> None:
        axes: Any = figure.add_axes((0.14, 0.1, 0.72, 0.8), projection="polar")
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(1)
        for middle, half in _word_sectors():
            axes.bar(np.radians(middle), _top(counts), width=np.radians(2 * half), color=_BAND, linewidth=0, zorder=0)
        axes.bar(np.radians(centres), counts, width=np.radians(360 / len(centres)) * 0.9, color=_ACCENT, zorder=2)
        axes.set_ylim(0, _top(counts))
        axes.set_thetagrids([0, 90, 180, 270], ["front", "left", "back", "right"])
        axes.set_yticks(rings, [""] * len(rings))
        axes.tick_params(axis="x", labelsize=10, labelcolor=_INK)
        axes.spines["polar"].set_visible(False)

    quarter = "; ".join(
        f"{name} {_share(mask)}"
        for name, mask in (
            ("front half", np.abs(azimuth) < 90),
            ("left half", azimuth > 0),
        )
    )
    text = (
        f"Sources around the receiver, front up and left on the left, in sectors of 15°: {quarter}. A ring every "
        f"{number(rings[0] if rings else 1)} rows."
    )
    return _plot("rose", "Direction", text, _SQUARE, draw)


def _word_sectors() -> list[tuple[float, float]]:
    side, half = (SIDE_FROM_DEG + SIDE_TO_DEG) / 2, (SIDE_TO_DEG - SIDE_FROM_DEG) / 2
    return [(0.0, FRONT_WITHIN_DEG), (side, half), (-side, half), (180.0, 180.0 - BACK_FROM_DEG)]


def _top_view(summary: Summary) -> Plot:
    distance = summary.numbers("distance_m")
    right, ahead = from_above(summary.numbers("azimuth_deg"), summary.numbers("elevation_deg"), distance)
    reach = max(2.5, 1.05 * float(np.nanmax(np.hypot(right, ahead), initial=0.0)))

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.14, 0.13, 0.82, 0.8))
        around = np.linspace(0, 2 * np.pi, 73)
        for metres in (NEAR_BELOW_M, FAR_ABOVE_M):
            ring: dict[str, Any] = {"color": _FAINT, "linewidth": 0.8, "linestyle": (0, (3, 3))}
            axes.plot(metres * np.sin(around), metres * np.cos(around), **ring)
        _dots_or_density(axes, summary, right, ahead, (-reach, reach, -reach, reach))
        axes.plot([0], [0], marker="^", color=_INK, markersize=7, linewidth=0)
        axes.set_aspect("equal")
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="left – right (m)", ylabel="back – front (m)")
        _metres_both_ways(axes)

    reached, sampled = _range_text(distance, " m", 2), _sampling_text(summary)
    text = f"Sources from above, the receiver in the middle facing up, rings at 1 m and 2 m: {reached} away.{sampled}"
    return _plot("top", "From above", text, _SQUARE, draw)


def _metres_both_ways(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(_round_steps())
        axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{abs(value):g}"))


def _coverage(summary: Summary, key: str, title: str, rows: NDArray[np.bool_], colour: str) -> Plot:
    azimuth, elevation = summary.numbers("azimuth_deg"), summary.numbers("elevation_deg")

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.16, 0.87, 0.79))
        axes.axhspan(UP_ABOVE_DEG, 90, color=_BAND, linewidth=0, zorder=0)
        axes.axhspan(-90, DOWN_BELOW_DEG, color=_BAND, linewidth=0, zorder=0)
        if rows.sum() <= _MOST_DOTS:
            _dots(axes, summary, rows, azimuth, elevation)
        else:
            _density(axes, azimuth[rows], elevation[rows], (-180, 180, -90, 90), colour, cells=(36, 24))
        # Left is on the left of the page, so azimuth runs backwards.
        axes.set(xlim=(180, -180), ylim=(-90, 90), ylabel="elevation (°)", xlabel="azimuth (°)")
        axes.set_xticks([180, 90, 0, -90, -180], ["180", "+90 left", "0 front", "−90 right", "−180"])
        axes.set_yticks([-90, -40, 0, 40, 90], ["−90", "−40", "0", "+40", "+90"])

    up, down = _share(elevation[rows] > UP_ABOVE_DEG), _share(elevation[rows] < DOWN_BELOW_DEG)
    text = (
        f"{number(rows.sum())} sources by azimuth and elevation, left on the left; elevation "
        f"{_range_text(elevation[rows], '°', 0)}; {up} up, {down} down. The bands are the words up and down."
    )
    return _plot(key, f"Azimuth and elevation: {title}", text, _HALF, draw)


def _distance(summary: Summary) -> Plot:
    distance = summary.numbers("distance_m")
    text = f"Distance of the sources: {_range_text(distance, ' m', 2)}. The bands are the words near and far."
    edges = np.linspace(0.0, max(4.0, float(np.nanmax(distance, initial=0.0))), 25)
    bounds = (NEAR_BELOW_M, FAR_ABOVE_M)
    return _histogram(summary, ("distance", "Distance", text), distance, edges, "distance (m)", bounds, _SQUARE)


def _t30(summary: Summary) -> Plot:
    t30 = summary.numbers("t30_ms") / 1000.0
    measured = _range_text(t30, " s", 2)
    text = f"Measured on each response: {measured}. The bands are the words dampened and reverberant."
    edges = np.linspace(0.0, max(1.5, float(np.nanmax(t30, initial=0.0))), 25)
    bounds = (DAMPENED_BELOW_MS / 1000.0, REVERBERANT_ABOVE_MS / 1000.0)
    return _histogram(summary, ("t30", "T30", text), t30, edges, "T30 (s)", bounds)


def _histogram(
    summary: Summary,
    naming: tuple[str, str, str],
    values: NDArray[np.float64],
    edges: NDArray[np.float64],
    label: str,
    bounds: tuple[float, float],
    inches: tuple[float, float] = _WIDE_THIRD,
) -> Plot:
    """Rows by value, the splits on each other, with bands where the lower and the upper word apply."""

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.15, 0.19 if inches == _WIDE_THIRD else 0.155, 0.81, 0.76))
        axes.axvspan(edges[0], bounds[0], color=_BAND, linewidth=0, zorder=0)
        axes.axvspan(bounds[1], edges[-1], color=_BAND, linewidth=0, zorder=0)
        bottom = np.zeros(len(edges) - 1)
        for split, mask in _splits(summary):
            counts, _ = np.histogram(values[mask & np.isfinite(values)], bins=edges)
            axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, bottom, align="edge", color=_OF_SPLIT[split], zorder=2)
            bottom += counts
        axes.set(xlim=(edges[0], edges[-1]), xlabel=label, ylabel="rows", ylim=(0, _top(bottom)))
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(_in_thousands))
        axes.xaxis.set_major_locator(_round_steps())
        axes.grid(axis="x", visible=False)

    key, title, text = naming
    return _plot(key, title, text, inches, draw)


def _t30_volume(summary: Summary) -> Plot:
    volume, t30 = summary.numbers("volume_m3"), summary.numbers("t30_ms") / 1000.0

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.16, 0.19, 0.8, 0.76))
        good = (volume > 0) & (t30 > 0)
        limits = _log_limits(volume[good], (10.0, 1000.0)) + _log_limits(t30[good], (0.1, 2.0))
        x, y = np.log10(np.where(good, volume, np.nan)), np.log10(np.where(good, t30, np.nan))
        _dots_or_density(axes, summary, x, y, limits)
        axes.set(xlim=limits[:2], ylim=limits[2:], xlabel="volume of the room (m³)", ylabel="T30 (s)")
        _log_ticks(axes)

    text = (
        f"T30 against the volume of the room, both logarithmic, in the colour of the split: "
        f"{_range_text(volume, ' m³', 0)}.{_sampling_text(summary)}"
    )
    return _plot("volume", "T30 and volume", text, _WIDE_THIRD, draw)


def _log_limits(values: NDArray[np.float64], otherwise: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if values.size else otherwise
    return float(np.log10(low)) - 0.08, float(np.log10(high)) + 0.08


def _log_ticks(axes: Axes) -> None:
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        steps = [m * 10.0**e for e in range(-2, 6) for m in (1, 2, 5)]
        inside = [step for step in steps if limits[0] <= np.log10(step) <= limits[1]]
        axis.set_ticks([float(np.log10(step)) for step in inside], [f"{step:g}" for step in inside])


def _asked_measured(summary: Summary) -> Plot:
    title = "T30 asked and measured"
    if summary.rooms is None or summary.rooms.num_rows == 0:
        return _plot("rooms", title, "There is no table of rooms.", _WIDE_THIRD, _say_nothing)
    asked, measured = (column_numbers(summary.rooms, name) / 1000.0 for name in ("t30_asked_ms", "t30_ms"))
    off = t30_deviation_percent(asked, measured)
    off = off[np.isfinite(off)]

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.16, 0.19, 0.8, 0.76))
        top = 1.05 * float(np.nanmax([*asked, *measured], initial=0.5))
        axes.plot([0, top], [0, top], color=_FAINT, linewidth=0.8)
        if len(asked) <= _MOST_DOTS:
            axes.plot(asked, measured, color=_ACCENT, alpha=0.75, **_DOT)
        else:
            _density(axes, asked, measured, (0, top, 0, top), _ACCENT)
        axes.set(xlim=(0, top), ylim=(0, top), xlabel="asked (s)", ylabel="measured (s)")
        axes.xaxis.set_major_locator(_round_steps())
        axes.yaxis.set_major_locator(_round_steps())

    worst = f"{np.abs(off).max():.2f} %" if off.size else "–"
    mean = f"{np.abs(off).mean():.2f} %" if off.size else "–"
    text = f"{number(len(asked))} rooms: the measured T30 is off by {mean} on average and {worst} at worst."
    return _plot("rooms", title, text, _WIDE_THIRD, draw)


def _caption_lengths(summary: Summary) -> Plot:
    lengths = summary.lengths
    both = (("before", lengths.original, _FAINT), ("after", lengths.spatial, _ACCENT))

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.16, 0.87, 0.79))
        longest = int(np.flatnonzero(lengths.original + lengths.spatial).max(initial=10))
        words = np.arange(longest + 2)
        shares = [100.0 * counts[: longest + 1] / max(1, counts.sum()) for _, counts, _ in both]
        for (name, _, colour), share in zip(both, shares, strict=True):
            axes.fill_between(words, [*share, share[-1]], step="post", color=colour, alpha=0.28, linewidth=0)
            axes.stairs(share, words, color=colour, linewidth=1.6)
            axes.text(int(share.argmax()) + 0.5, share.max(), name, ha="center", va="bottom", color=_INK)
        ends = {"xlim": (0, longest + 1), "ylim": (0, 1.15 * max(1.0, *(share.max() for share in shares)))}
        axes.set(**ends, xlabel="words in the caption", ylabel="captions (%)")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
        axes.grid(axis="x", visible=False)

    before, after = (lengths.median(counts) for _, counts, _ in both)
    text = (
        f"Share of captions by their number of words, before and after the place was added. Median before "
        f"{number(before)}, after {number(after)}."
    )
    return _plot("lengths", "Length of captions", text, _HALF, draw)


def _say_nothing(figure: Figure) -> None:
    figure.text(0.5, 0.5, "nothing to show", ha="center", color=_FAINT)


def _splits(summary: Summary) -> list[tuple[str, NDArray[np.bool_]]]:
    codes = summary.split_codes
    return [(split, codes == code) for code, split in enumerate(SPLITS)]


def _dots_or_density(
    axes: Axes,
    summary: Summary,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    limits: Sequence[float],
) -> None:
    """A dot a row in the colour of its split; of many rows the largest split is a density, the others some dots."""
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() <= _MOST_DOTS:
        _dots(axes, summary, good, x, y)
        return
    sizes = np.bincount(summary.split_codes[good & (summary.split_codes >= 0)], minlength=len(SPLITS))
    largest = summary.split_codes == sizes.argmax()
    _density(axes, x[largest & good], y[largest & good], limits, _OF_SPLIT[SPLITS[sizes.argmax()]])
    sampled = np.zeros_like(good)
    for _, mask in _splits(summary):
        rows = np.flatnonzero(mask & good & ~largest)
        sampled[rows[:: max(1, len(rows) // _SAMPLED_DOTS)]] = True
    _dots(axes, summary, sampled, x, y)


def _dots(
    axes: Axes, summary: Summary, rows: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> None:
    for split, mask in _splits(summary):
        axes.plot(x[rows & mask], y[rows & mask], color=_OF_SPLIT[split], alpha=0.8, **_DOT)


def _density(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    limits: Sequence[float],
    colour: str,
    cells: tuple[int, int] = (48, 36),
) -> None:
    """Squares whose opacity is the number of values in them."""
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


def _round_steps() -> matplotlib.ticker.Locator:
    return matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10])


def _in_thousands(value: float, _: int) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _top(counts: NDArray[Any]) -> float:
    return 1.08 * max(1.0, float(np.max(counts, initial=0)))


def _few_ticks(counts: NDArray[Any]) -> list[float]:
    ticks = matplotlib.ticker.MaxNLocator(3, integer=True).tick_values(0, max(1, int(np.max(counts, initial=0))))
    return [tick for tick in ticks if 0 < tick <= _top(counts)]


def _plot(key: str, title: str, text: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> Plot:
    # A Figure of its own, without pyplot: nothing is left behind in the process.
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=inches)
        draw(figure)
        source = io.StringIO()
        figure.savefig(source, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Plot(key, title, text, _for_the_page(source.getvalue(), key))


def _for_the_page(svg: str, key: str) -> str:
    """An SVG as it may stand in HTML: no prolog, no fixed size, ids of its own, the page's colours and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>", r'<svg viewBox="\1" aria-hidden="true" focusable="false">', svg
    )
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)([^")]+)', rf"\1{key}-\2", svg)
    svg = svg.replace("xlink:href", "href")
    # The coordinates' fifth decimal is a thousandth of what a screen shows.
    svg = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found.group()):.2f}", svg)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    for stand_in, colour in _COLOURS.items():
        svg = svg.replace(stand_in, colour)
    return svg.strip()
