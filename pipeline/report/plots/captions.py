"""The plot of how long captions are."""

from __future__ import annotations

import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

from pipeline.report.plots.svg import ACCENT, FAINT, HALF, INK, Plot, make_plot
from pipeline.report.summary import Summary
from pipeline.report.wording import number


def caption_lengths_plot(summary: Summary) -> Plot:
    """How many words captions have, before and after the words of space came in."""
    lengths = summary.lengths
    both = (("before", lengths.original, FAINT), ("after", lengths.spatial, ACCENT))

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.16, 0.87, 0.79))
        longest = int(np.flatnonzero(lengths.original + lengths.spatial).max(initial=10))
        words = np.arange(longest + 2)
        shares = [100.0 * counts[: longest + 1] / max(1, counts.sum()) for _, counts, _ in both]
        for (name, _, colour), share in zip(both, shares, strict=True):
            axes.fill_between(words, [*share, share[-1]], step="post", color=colour, alpha=0.28, linewidth=0)
            axes.stairs(share, words, color=colour, linewidth=1.6)
            axes.text(int(share.argmax()) + 0.5, share.max(), name, ha="center", va="bottom", color=INK)
        ends = {"xlim": (0, longest + 1), "ylim": (0, 1.15 * max(1.0, *(share.max() for share in shares)))}
        axes.set(**ends, xlabel="words in the caption", ylabel="captions (%)")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
        axes.grid(axis="x", visible=False)

    before, after = (lengths.median(counts) for _, counts, _ in both)
    text = (
        f"Captions by their number of words, before and after the words of space came in. The median is "
        f"{number(before)} before and {number(after)} after."
    )
    return make_plot("lengths", "Length of captions", text, HALF, draw)
