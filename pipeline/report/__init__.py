"""The page to look at and listen to: what is in a release, where its sources are, and a sample of rows to hear."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from pipeline.report.binaural import SOFA_VARIABLE, Head, find_head
from pipeline.report.players import LONGEST_S, PEAK_DBFS, Players, write_players
from pipeline.report.plots import all_plots
from pipeline.report.samples import Card, cards, number
from pipeline.report.summary import Summary, summarise
from pipeline.report.table import write_table
from transforms import storage

__all__ = ["SOFA_VARIABLE", "write_report"]


def write_report(
    release: Path,
    *,
    original_of: Callable[[Mapping[str, Any]], tuple[np.ndarray, int] | None] | None = None,
    samples: int = 12,
    rows: Sequence[str] = (),
    sofa: Path | None = None,
) -> Path:
    """Write RELEASE/report/index.html and the sound beside it; returns the page's path.

    Args:
        release: a release's folder; its Parquet files are read, and the FLAC files of the rows that are shown.
        original_of: gives the original clip of a row (its columns by name) as samples (n,) or (n, channels) and the
            rate in hertz, or None; without it, originals that an earlier report left are used.
        samples: how many rows are chosen to be shown in full, at most; these have players of their binaural rendering.
        rows: ids of rows that are shown in full before these, in this order.
        sofa: a SOFA file of head-related impulse responses; without it the one that ELSA_SOFA names, else Debian's
            KEMAR where libmysofa1 is installed, else a rigid sphere.

    Raises:
        FileNotFoundError: when the folder holds no shard, or a SOFA file that is named is not there.
        ValueError: when the SOFA file holds no head-related impulse responses.
        RowUnknown: when the release has no row of an id in `rows`.
    """
    head = find_head(sofa)
    summary = summarise(release)
    chosen = cards(summary, samples, rows)
    folder = release / "report"
    players = write_players((card.row for card in chosen), folder / "audio", head=head, original_of=original_of)
    heard = {card.index: (player.original, player.binaural) for card, player in zip(chosen, players, strict=True)}
    write_table(summary, heard, folder / "data")
    page = folder / "index.html"
    storage.write_bytes(str(page), render_page(summary, chosen, players, head).encode("utf-8", "replace"))
    return page


def render_page(summary: Summary, chosen: list[Card], players: list[Players], head: Head) -> str:
    """The page as HTML: every value escaped, style, script and plots within it; it loads report/data and audio."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    script = _package_text("report.js")
    return environment.get_template("template.html.j2").render(
        summary=summary,
        samples=list(zip(chosen, players, strict=True)),
        originals_missing=any(player.original is None for player in players),
        plots={key: {"plot": plot, "svg": Markup(plot.svg)} for key, plot in all_plots(summary).items()},
        head=head.text,
        longest_s=LONGEST_S,
        peak_dbfs=PEAK_DBFS,
        style=Markup(_package_text("report.css")),
        script=Markup(script),
        # The page may run this script and what it loads, no other: a caption that got past the escaping does nothing.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _package_text(name: str) -> str:
    return resources.files("pipeline.report").joinpath(name).read_text(encoding="utf-8")
