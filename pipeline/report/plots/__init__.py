"""The plots of the report."""

from __future__ import annotations

from pipeline.report.plots.captions import caption_lengths_plot
from pipeline.report.plots.rooms import asked_measured_plot, t30_plot, volume_plot
from pipeline.report.plots.sources import coverage_plot, direction_plot, distance_plot, top_view_plot
from pipeline.report.plots.svg import TEST, TRAIN, Plot
from pipeline.report.summary import Summary
from transforms.records import SPLITS

__all__ = ["Plot", "all_plots"]


def all_plots(summary: Summary) -> dict[str, Plot]:
    """Every plot of the page by its key; a plot leaves out the rows that lack a value it needs."""
    sounds = summary.of_sounds
    train = sounds.split_codes == SPLITS.index("train")
    plots = [
        direction_plot(sounds),
        top_view_plot(sounds),
        coverage_plot(sounds, "train", "train", train, TRAIN),
        coverage_plot(sounds, "evaluation", "validation and test", ~train, TEST),
        distance_plot(sounds),
        t30_plot(summary),
        volume_plot(summary),
        asked_measured_plot(summary),
        caption_lengths_plot(summary),
    ]
    return {plot.key: plot for plot in plots}
