"""release.json: the counts, hashes and versions of a release, and the hash that covers them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

from pipeline.recipe import Recipe
from pipeline.release.totals import Totals

RELEASE_FORMAT = 1

#: Distributions whose version may change a sample or a word.
SAMPLE_VERSIONS = (
    "elsa-spatial-audio",
    "numpy",
    "scipy",
    "pyroomacoustics",
    "spaudiopy",
    "soxr",
    "soundfile",
    "pyarrow",
)
#: The key of the variety of the captions; older releases do not have it.
VARIETY = "caption_variety"
#: The key of the hash over all other keys.
SEAL = "sha256"


def versions() -> dict[str, str]:
    """The versions of everything that may change a sample or a word, libsndfile included."""
    import soundfile

    found = {name: _version(name) for name in SAMPLE_VERSIONS}
    return {**found, "libsndfile": soundfile.__libsndfile_version__}


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def release_json(
    recipe: Recipe,
    totals: Totals,
    *,
    input_sha256: str,
    rejected: int,
    rooms: int,
    answers: Mapping[str, Any],
    variety: Mapping[str, Any] | None,
    rendered_by: Mapping[str, str],
    files: dict[str, str],
) -> dict[str, Any]:
    """The content of release.json.

    Args:
        variety: the variety of the captions; None for a release that does not state it.
        rendered_by: the versions that rendered the samples.
    """
    values = {
        "format": RELEASE_FORMAT,
        "name": recipe.name,
        "dataset": recipe.dataset_name,
        "digest": totals.digest,
        "recipe_sha256": recipe.sha256(),
        "input_sha256": input_sha256,
        "seed": recipe.seed,
        "versions": dict(rendered_by),
        "counts": {
            "rows": totals.row_count,
            "rows_by_split": totals.rows,
            "clips_by_split": totals.clips,
            "captions": totals.captions,
            "rooms": rooms,
            "rejected": rejected,
            "answers": dict(answers),
            "turned_down": totals.turned_down,
            # Releases from before there were scenes do not have these.
            **(
                {"scenes": totals.scenes, "sources": totals.sources, "moving_sources": totals.moving_sources}
                if totals.scenes
                else {}
            ),
            "licenses": totals.licenses,
            "licenses_by_clip": totals.clip_licenses,
        },
        "hours": round(totals.hour_count, 6),
        "hours_by_split": totals.hours,
        **({VARIETY: dict(variety)} if variety is not None else {}),
        "files": files,
        "shards": totals.shards,
    }
    return {**values, SEAL: seal(values)}


def seal(values: Mapping[str, Any]) -> str:
    """SHA-256 over all keys of release.json but this one; it shows edits of numbers that no file confirms."""
    stated = {name: value for name, value in values.items() if name != SEAL}
    return hashlib.sha256(json.dumps(stated, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
