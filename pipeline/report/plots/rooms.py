"""Plots of reverberation: T30, T30 against volume, T30 asked and measured."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.columns import column_numbers
from pipeline.report.plots.drawing import (
    DOT,
    MOST_DOTS,
    draw_density,
    draw_dots_or_density,
    draw_nothing,
    histogram,
    range_text,
    round_steps,
    sampling_text,
)
from pipeline.report.plots.svg import ACCENT, FAINT, WIDE_THIRD, Plot, make_plot
from pipeline.report.summary import Summary
from pipeline.report.wording import number
from transforms.words import DAMPENED_BELOW_MS, REVERBERANT_ABOVE_MS


def t30_deviation_percent(asked_ms: NDArray[np.float64], measured_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The difference of each measured T30 from the one asked for, in percent of the latter."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100.0 * (measured_ms / asked_ms - 1.0)


def t30_plot(summary: Summary) -> Plot:
    """The reverberation times of the rows."""
    t30 = summary.numbers("t30_ms") / 1000.0
    measured = range_text(t30, " s", 2)
    text = f"Measured on each response: {measured}. The bands are the words dampened and reverberant."
    edges = np.linspace(0.0, max(1.5, float(np.nanmax(t30, initial=0.0))), 25)
    bounds = (DAMPENED_BELOW_MS / 1000.0, REVERBERANT_ABOVE_MS / 1000.0)
    return histogram(summary, ("t30", "T30", text), t30, edges, "T30 (s)", bounds)


def volume_plot(summary: Summary) -> Plot:
    """Reverberation time against the volume of the room."""
    volume, t30 = summary.numbers("volume_m3"), summary.numbers("t30_ms") / 1000.0

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.16, 0.19, 0.8, 0.76))
        good = (volume > 0) & (t30 > 0)
        limits = _log_limits(volume[good], (10.0, 1000.0)) + _log_limits(t30[good], (0.1, 2.0))
        x, y = np.log10(np.where(good, volume, np.nan)), np.log10(np.where(good, t30, np.nan))
        draw_dots_or_density(axes, summary, x, y, limits)
        axes.set(xlim=limits[:2], ylim=limits[2:], xlabel="volume of the room (m³)", ylabel="T30 (s)")
        _log_ticks(axes)

    text = (
        f"T30 against the volume of the room, both on a logarithmic scale. Volumes: {range_text(volume, ' m³', 0)}."
        f"{sampling_text(summary)}"
    )
    return make_plot("volume", "T30 and volume", text, WIDE_THIRD, draw)


def _log_limits(values: NDArray[np.float64], otherwise: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if values.size else otherwise
    return float(np.log10(low)) - 0.08, float(np.log10(high)) + 0.08


def _log_ticks(axes: Axes) -> None:
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        steps = [m * 10.0**e for e in range(-2, 6) for m in (1, 2, 5)]
        inside = [step for step in steps if limits[0] <= np.log10(step) <= limits[1]]
        axis.set_ticks([float(np.log10(step)) for step in inside], [f"{step:g}" for step in inside])


def asked_measured_plot(summary: Summary) -> Plot:
    """The reverberation time that each room was designed for, and the measured one."""
    title = "T30 asked and measured"
    if summary.rooms is None or summary.rooms.num_rows == 0:
        return make_plot("rooms", title, "There is no table of rooms.", WIDE_THIRD, draw_nothing)
    asked, measured = (column_numbers(summary.rooms, name) / 1000.0 for name in ("t30_asked_ms", "t30_ms"))
    off = t30_deviation_percent(asked, measured)
    off = off[np.isfinite(off)]

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.16, 0.19, 0.8, 0.76))
        top = 1.05 * float(np.nanmax([*asked, *measured], initial=0.5))
        axes.plot([0, top], [0, top], color=FAINT, linewidth=0.8)
        if len(asked) <= MOST_DOTS:
            axes.plot(asked, measured, color=ACCENT, alpha=0.75, **DOT)
        else:
            draw_density(axes, asked, measured, (0, top, 0, top), ACCENT)
        axes.set(xlim=(0, top), ylim=(0, top), xlabel="asked (s)", ylabel="measured (s)")
        axes.xaxis.set_major_locator(round_steps())
        axes.yaxis.set_major_locator(round_steps())

    worst = f"{np.abs(off).max():.2f} %" if off.size else "–"
    mean = f"{np.abs(off).mean():.2f} %" if off.size else "–"
    text = f"{number(len(asked))} rooms. The measured T30 differs by {mean} on average and by {worst} at most."
    return make_plot("rooms", title, text, WIDE_THIRD, draw)
