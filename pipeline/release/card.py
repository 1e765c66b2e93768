"""The dataset card: front matter that the hub reads, and the sections that data cards and datasheets ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import jinja2

from pipeline.recipe import Recipe
from pipeline.release.citation import PAPER, PAPER_ARXIV, PAPER_AUTHORS, PAPER_TITLE
from pipeline.release.totals import UNKNOWN_LICENSE, Totals
from transforms.escaping import markdown_code, markdown_text
from transforms.records import SPLITS, Rejection
from transforms.shards.release_rows import ROW_COLUMNS

#: The hub's names of sizes; a name is for fewer rows than its bound.
SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)

ORDERS = {1: "first", 2: "second", 3: "third"}

#: The licences that the hub has an identifier for: their normal names in lower case.
HUB_LICENSES = frozenset(
    (
        "cc0-1.0",
        *(f"cc-by-{version}" for version in ("2.0", "2.5", "3.0", "4.0")),
        *(f"cc-by-nc-{version}" for version in ("2.0", "3.0", "4.0")),
        *(f"cc-by-nc-nd-{version}" for version in ("3.0", "4.0")),
        *(f"cc-by-nc-sa-{version}" for version in ("2.0", "3.0", "4.0")),
        *(f"cc-by-sa-{version}" for version in ("3.0", "4.0")),
        "cc-by-nd-4.0",
    )
)


def size_category(rows: int) -> str:
    """The hub's name of a size."""
    return next((name for bound, name in SIZE_CATEGORIES if rows < bound), "n>10M")


def hub_licenses(names: Iterable[str]) -> list[str]:
    """The licences of the front matter: the hub's identifiers, `other` for further licences, `unknown` without one."""
    known = {name: name.lower() if name.lower() in HUB_LICENSES else "other" for name in names}
    return sorted({"unknown" if name == UNKNOWN_LICENSE else known[name] for name in known}) or ["unknown"]


@cache
def _template() -> jinja2.Template:
    """The card's template; compiling it takes longer than filling it in."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"text": markdown_text, "code": markdown_code}
    return environment.from_string((resources.files("pipeline.release") / "card.md.j2").read_text(encoding="utf-8"))


def _heard(recipe: Recipe) -> dict[str, str]:
    """What the card says of the receiver."""
    receiver = recipe.receiver
    settings = receiver.settings()
    if settings.channel_names == "LR":
        head = markdown_code(receiver.head or "")
        return {
            "as": "binaural sound",
            "channels": "two",
            "audio": f"binaural, that is the left and the right ear of the head `{head}`",
            "samples": "2): left, right",
            "undone": "difference between the ears",
        }
    array = settings.array_description
    of_array = f" of the microphone array `{markdown_code(array.name)}`, simulated" if array is not None else ""
    return {
        "as": f"{ORDERS[settings.order]}-order ambisonics{of_array}",
        "channels": "four",
        "audio": f"AmbiX, that is ACN order (W, Y, Z, X) and SN3D{of_array}",
        "samples": "4): W, Y, Z, X",
        "undone": "ambisonics",
    }


def _tags(recipe: Recipe) -> str:
    """The tags of the front matter that say what the sound is."""
    if recipe.receiver.kind == "binaural":
        return "binaural"
    return f"ambisonics, {'first' if recipe.receiver.order == 1 else 'higher'}-order-ambisonics"


def write_card(
    recipe: Recipe,
    totals: Totals,
    *,
    rooms: int,
    rejections: Iterable[Rejection],
    answers: Mapping[str, Any],
    versions: Mapping[str, str],
) -> str:
    """README.md of a release, in Markdown."""
    refused = Counter(f"{rejection.stage}: {rejection.reason}" for rejection in rejections)
    return _template().render(
        recipe=recipe,
        heard=_heard(recipe),
        tags=_tags(recipe),
        order=recipe.receiver.order,
        totals=totals,
        rooms=rooms,
        refused=sorted(refused.items()),
        rejected=sum(refused.values()),
        answers=answers,
        hub_licenses=hub_licenses(totals.clip_licenses),
        size=size_category(totals.row_count),
        splits=[split for split in SPLITS if totals.rows[split]],
        columns=ROW_COLUMNS,
        versions=versions,
        paper=PAPER,
        paper_title=PAPER_TITLE,
        paper_arxiv=PAPER_ARXIV,
        paper_authors=" and ".join(f"{family}, {given}" for given, family in PAPER_AUTHORS),
    )
