"""The dataset card: front matter that the hub reads, what the release is, how it was made, how to load it, licences."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import jinja2

from pipeline.recipe import Recipe
from pipeline.release import Totals, versions
from transforms.records import SPLITS
from transforms.release_rows import ROW_COLUMNS

#: The hub's names for sizes: fewer rows than the bound have the name.
SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


def size_category(rows: int) -> str:
    """The hub's name for a number of rows."""
    return next((name for bound, name in SIZE_CATEGORIES if rows < bound), "n>10M")


def write_card(recipe: Recipe, totals: Totals, *, rooms: int, rejected: int, answers: Mapping[str, int]) -> str:
    """README.md of a release, in Markdown."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    template = environment.from_string((resources.files("pipeline") / "card.md.j2").read_text(encoding="utf-8"))
    return template.render(
        recipe=recipe,
        totals=totals,
        rooms=rooms,
        rejected=rejected,
        answers=answers,
        size=size_category(totals.row_count),
        splits=[split for split in SPLITS if totals.rows[split]],
        columns=ROW_COLUMNS,
        versions=versions(),
    )
