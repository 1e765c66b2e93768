"""Plots of where the sources are at their onset: direction, distance, and coverage of azimuth and elevation.

The summary has a line for each source in place of each row.
"""

from __future__ import annotations

from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.plots.drawing import (
    MOST_DOTS,
    draw_density,
    draw_dots,
    draw_dots_or_density,
    few_ticks,
    histogram,
    range_text,
    round_steps,
    sampling_text,
    share_text,
    top_of_axis,
)
from pipeline.report.plots.svg import ACCENT, BAND, FAINT, HALF, INK, SQUARE, Plot, make_plot
from pipeline.report.summary import Summary
from pipeline.report.wording import number
from transforms.words import (
    BACK_FROM_DEG,
    DOWN_BELOW_DEG,
    FAR_ABOVE_M,
    FRONT_WITHIN_DEG,
    NEAR_BELOW_M,
    SIDE_FROM_DEG,
    SIDE_TO_DEG,
    UP_ABOVE_DEG,
)


def azimuth_counts(azimuth_deg: NDArray[np.float64], bins: int = 24) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The centres in degrees and the counts of equal bins around the circle. The first bin is centred on the front."""
    width = 360.0 / bins
    finite = azimuth_deg[np.isfinite(azimuth_deg)]
    index = np.round(finite / width).astype(int) % bins
    return np.arange(bins, dtype=np.float64) * width, np.bincount(index, minlength=bins).astype(np.intp)


def from_above(
    azimuth_deg: NDArray[np.float64], elevation_deg: NDArray[np.float64], distance_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres to the right of the receiver and metres ahead of it; an azimuth of +90° is to the left."""
    ground = distance_m * np.cos(np.radians(elevation_deg))
    return -ground * np.sin(np.radians(azimuth_deg)), ground * np.cos(np.radians(azimuth_deg))


def direction_plot(summary: Summary) -> Plot:
    """How many sources lie in each direction."""
    azimuth = summary.numbers("azimuth_deg")
    centres, counts = azimuth_counts(azimuth)
    rings = few_ticks(counts)

    def draw(figure: Figure) -> None:
        axes: Any = figure.add_axes((0.14, 0.1, 0.72, 0.8), projection="polar")
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(1)
        for middle, half in _word_sectors():
            axes.bar(
                np.radians(middle), top_of_axis(counts), width=np.radians(2 * half), color=BAND, linewidth=0, zorder=0
            )
        axes.bar(np.radians(centres), counts, width=np.radians(360 / len(centres)) * 0.9, color=ACCENT, zorder=2)
        axes.set_ylim(0, top_of_axis(counts))
        axes.set_thetagrids([0, 90, 180, 270], ["front", "left", "back", "right"])
        axes.set_yticks(rings, [""] * len(rings))
        axes.tick_params(axis="x", labelsize=10, labelcolor=INK)
        axes.spines["polar"].set_visible(False)

    halves = "; ".join(
        f"{name} {share_text(mask)}"
        for name, mask in (
            ("front half", np.abs(azimuth) < 90),
            ("left half", azimuth > 0),
        )
    )
    step = f"{number(rings[0])} sources" if rings and rings[0] > 1 else "source"
    text = (
        f"Sources around the receiver in sectors of 15°, seen from above with the front up: {halves}. There is a ring "
        f"every {step}. The bands are the words of direction."
    )
    return make_plot("rose", "Direction", text, SQUARE, draw)


def _word_sectors() -> list[tuple[float, float]]:
    """The middle and half the width, in degrees, of each sector that has a word."""
    side, half = (SIDE_FROM_DEG + SIDE_TO_DEG) / 2, (SIDE_TO_DEG - SIDE_FROM_DEG) / 2
    return [(0.0, FRONT_WITHIN_DEG), (side, half), (-side, half), (180.0, 180.0 - BACK_FROM_DEG)]


def top_view_plot(summary: Summary) -> Plot:
    """The sources around the receiver, from above."""
    distance = summary.numbers("distance_m")
    right, ahead = from_above(summary.numbers("azimuth_deg"), summary.numbers("elevation_deg"), distance)
    reach = max(2.5, 1.05 * float(np.nanmax(np.hypot(right, ahead), initial=0.0)))

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.14, 0.13, 0.82, 0.8))
        around = np.linspace(0, 2 * np.pi, 73)
        for metres in (NEAR_BELOW_M, FAR_ABOVE_M):
            ring: dict[str, Any] = {"color": FAINT, "linewidth": 0.8, "linestyle": (0, (3, 3))}
            axes.plot(metres * np.sin(around), metres * np.cos(around), **ring)
        draw_dots_or_density(axes, summary, right, ahead, (-reach, reach, -reach, reach))
        axes.plot([0], [0], marker="^", color=INK, markersize=7, linewidth=0)
        axes.set_aspect("equal")
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="left – right (m)", ylabel="back – front (m)")
        _metres_both_ways(axes)

    reached, sampled = range_text(distance, " m", 2), sampling_text(summary)
    text = (
        f"Sources from above; the receiver in the middle faces up. The rings are at 1 m and 2 m. "
        f"Distances: {reached}.{sampled}"
    )
    return make_plot("top", "From above", text, SQUARE, draw)


def _metres_both_ways(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(round_steps())
        axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{abs(value):g}"))


def coverage_plot(summary: Summary, key: str, title: str, rows: NDArray[np.bool_], colour: str) -> Plot:
    """The azimuth and elevation of these rows."""
    azimuth, elevation = summary.numbers("azimuth_deg"), summary.numbers("elevation_deg")

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.16, 0.85, 0.79))
        axes.axhspan(UP_ABOVE_DEG, 90, color=BAND, linewidth=0, zorder=0)
        axes.axhspan(-90, DOWN_BELOW_DEG, color=BAND, linewidth=0, zorder=0)
        if rows.sum() <= MOST_DOTS:
            draw_dots(axes, summary, rows, azimuth, elevation)
        else:
            draw_density(axes, azimuth[rows], elevation[rows], (-180, 180, -90, 90), colour, cells=(36, 24))
        # Left is on the left of the page, so azimuth runs backwards.
        axes.set(xlim=(180, -180), ylim=(-90, 90), ylabel="elevation (°)", xlabel="azimuth (°)")
        axes.set_xticks([180, 90, 0, -90, -180], ["180", "+90 left", "0 front", "−90 right", "−180"])
        axes.set_yticks([-90, -40, 0, 40, 90], ["−90", "−40", "0", "+40", "+90"])

    up, down = share_text(elevation[rows] > UP_ABOVE_DEG), share_text(elevation[rows] < DOWN_BELOW_DEG)
    text = (
        f"{number(rows.sum())} sources by azimuth and elevation. Elevations: {range_text(elevation[rows], '°', 0)}. "
        f"{up} are up, {down} are down. The bands are the words up and down."
    )
    return make_plot(key, f"Azimuth and elevation: {title}", text, HALF, draw)


def distance_plot(summary: Summary) -> Plot:
    """How far away the sources are."""
    distance = summary.numbers("distance_m")
    text = f"Distance of the sources: {range_text(distance, ' m', 2)}. The bands are the words near and far."
    edges = np.linspace(0.0, max(4.0, float(np.nanmax(distance, initial=0.0))), 25)
    bounds = (NEAR_BELOW_M, FAR_ABOVE_M)
    naming = ("distance", "Distance", text)
    return histogram(summary, naming, distance, edges, "distance (m)", bounds, SQUARE, counted="sources")
