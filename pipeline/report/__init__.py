"""The page of a release to look at and to listen to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from pipeline.report.binaural import SOFA_VARIABLE, Head, find_head
from pipeline.report.players import LONGEST_S, PEAK_DBFS, Players, write_players
from pipeline.report.plots import all_plots
from pipeline.report.samples import Card, cards
from pipeline.report.summary import Summary, summarise
from pipeline.report.table import write_table
from pipeline.report.variety import STRONG_WRITER
from pipeline.report.wording import number, unbroken_duration
from transforms.escaping import html_text
from transforms.storage import folder_files

__all__ = ["SOFA_VARIABLE", "write_report"]

#: The page in a release.
PAGE = "report/index.html"


def write_report(
    release: Path,
    *,
    original_of: Callable[[Mapping[str, Any]], tuple[np.ndarray, int] | None] | None = None,
    samples: int = 12,
    rows: Sequence[str] = (),
    sofa: Path | None = None,
) -> Path:
    """Write RELEASE/report/index.html with its sound and its data beside it, and return the path of the page.

    Args:
        release: a release's folder. Its Parquet files are read, and the FLAC files of the rows that are shown.
        original_of: returns the original clip of a row (its columns by name) as samples (n,) or (n, channels) and the
            rate in hertz, or None. Without it, the report uses the originals that an earlier report has written.
        samples: how many rows to choose and show in full, at most. They get a player of their binaural rendering.
        rows: ids of rows to show in full before the chosen ones, in this order.
        sofa: a SOFA file of head-related impulse responses. Without it the report uses the file that ELSA_SOFA names,
            else MIT's KEMAR, which comes with this package.

    Raises:
        FileNotFoundError: when the folder holds no shard, or a SOFA file that is named does not exist.
        ValueError: when the SOFA file holds no head-related impulse responses.
        RowUnknown: when the release has no row with an id in `rows`.
    """
    head = find_head(sofa)
    summary = summarise(release)
    chosen = cards(summary, samples, rows)
    players = write_players((card.row for card in chosen), str(release), head=head, original_of=original_of)
    heard = {card.index: (player.original, player.binaural) for card, player in zip(chosen, players, strict=True)}
    write_table(summary, heard)
    page = render_page(summary, chosen, players, head).encode("utf-8", "replace")
    folder_files.write_bytes(str(release), PAGE, page)
    return release / PAGE


def render_page(summary: Summary, chosen: list[Card], players: list[Players], head: Head) -> str:
    """The page as HTML, with style, script and plots in it. It loads the files in report/data and report/audio."""
    script = _package_text("report.js")
    return _template().render(
        summary=summary,
        strong_writer=STRONG_WRITER,
        samples=list(zip(chosen, players, strict=True)),
        originals_missing=any(player.original is None for player in players),
        plots={key: {"plot": plot, "svg": Markup(plot.svg)} for key, plot in all_plots(summary).items()},
        head=head.text,
        longest_s=LONGEST_S,
        peak_dbfs=PEAK_DBFS,
        style=Markup(_package_text("report.css")),
        script=Markup(script),
        # The browser runs this script and what it loads, and nothing else, even if a caption got past the escaping.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


@cache
def _template() -> jinja2.Template:
    """The page's template; compiling it takes longer than filling it in."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=html_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "duration": unbroken_duration}
    return environment.get_template("template.html.j2")


def _package_text(name: str) -> str:
    return resources.files("pipeline.report").joinpath(name).read_text(encoding="utf-8")
