"""CITATION.cff of a release (Citation File Format 1.2.0), and the date of the release."""

from __future__ import annotations

import datetime
import os

import yaml

from pipeline.recipe import Recipe
from pipeline.release.release_json import versions
from pipeline.release.totals import Totals

#: The date of this version of the tool. The clock is not used, so that a reproduced release has the same files.
TOOL_RELEASED = datetime.date(2026, 11, 23)
#: The environment variable that replaces the clock in reproducible builds, in seconds since 1970.
DATE_VARIABLE = "SOURCE_DATE_EPOCH"

PAPER_TITLE = "Learning Spatially-Aware Language and Audio Embeddings"
PAPER_AUTHORS = (
    ("Bhavika", "Devnani"),
    ("Skyler", "Seto"),
    ("Zakaria", "Aldeneh"),
    ("Alessandro", "Toso"),
    ("Elena", "Menyaylenko"),
    ("Barry-John", "Theobald"),
    ("Jonathan", "Sheaffer"),
    ("Miguel", "Sarabia"),
)
PAPER_ARXIV = "2409.11369"
#: The paper in one line.
PAPER = f"Devnani et al., {PAPER_TITLE} (ELSA), NeurIPS 2024, arXiv:{PAPER_ARXIV}"


def release_date() -> datetime.date:
    """The date of a release: SOURCE_DATE_EPOCH if it is set, else the date of this version of the tool.

    It stands in croissant.json and CITATION.cff alone; the digest does not depend on it.
    """
    seconds = os.environ.get(DATE_VARIABLE, "")
    if not seconds.isdecimal() or len(seconds) > 11:
        return TOOL_RELEASED
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).date()


def citation_cff(recipe: Recipe, totals: Totals) -> str:
    """CITATION.cff of a release: the dataset, the tool that made it, and the paper that describes the method."""
    tool = {
        "type": "software",
        "title": "elsa-spatial-audio",
        "authors": [{"name": "The authors of elsa-spatial-audio"}],
        "version": versions()["elsa-spatial-audio"],
        "license": "Apache-2.0",
    }
    paper = {
        "type": "conference-paper",
        "title": PAPER_TITLE,
        "authors": [{"given-names": given, "family-names": family} for given, family in PAPER_AUTHORS],
        "collection-title": "Advances in Neural Information Processing Systems",
        "conference": {"name": "NeurIPS 2024"},
        "year": 2024,
        "identifiers": [{"type": "other", "value": f"arXiv:{PAPER_ARXIV}"}],
    }
    values = {
        "cff-version": "1.2.0",
        "message": "Cite this dataset, the recordings that you use (attribution.csv) and the paper whose method it is.",
        "type": "dataset",
        "title": f"{recipe.name}: captioned spatial audio",
        "abstract": f"{totals.row_count} first-order ambisonic clips of {recipe.dataset_name} in simulated rooms, "
        "with captions that tell the place.",
        "authors": [{"name": f"The authors of the recordings of {recipe.dataset_name}, named in attribution.csv"}],
        "date-released": release_date(),
        "version": totals.digest[:12],
        "identifiers": [
            {"type": "other", "value": f"sha256:{totals.digest}", "description": "digest of all rows and samples"}
        ],
        "keywords": ["spatial audio", "ambisonics", "audio captions", "room acoustics"],
        "references": [paper, tool],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)
