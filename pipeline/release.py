"""The layout of a release, its digest, and the files at its root that are written when all shards are there."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.recipe import Recipe
from transforms import storage, workspace
from transforms.answer_budget import Price
from transforms.caption_writers import NOT_ASKED
from transforms.records import SPLITS
from transforms.release_rows import ROOM_SCHEMA, row_digest
from transforms.rewrite_captions import is_failure
from transforms.write_shard import METADATA

RELEASE_FORMAT = 1

#: Distributions whose version may change a sample or a word; release.json states them.
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

ROOMS, ANSWERS, REJECTED = "rooms.parquet", "answers.parquet", "rejected.parquet"
RECIPE, RELEASE_JSON, CARD, CROISSANT = "recipe.yaml", "release.json", "README.md", "croissant.json"
REPORT_FOLDER = "report"


class ReleaseError(ValueError):
    """A folder that is no release, or not one that can be worked on; one line for the user."""


@dataclass(frozen=True)
class Totals:
    """What a release holds, counted from its rows."""

    rows: dict[str, int]
    hours: dict[str, float]
    captions: dict[str, int]
    turned_down: int
    digest: str
    shards: list[dict[str, Any]]
    licenses: dict[str, int]

    @property
    def row_count(self) -> int:
        return sum(self.rows.values())

    @property
    def hour_count(self) -> float:
        return sum(self.hours.values())


class DigestBuilder:
    """SHA-256 over every row, in the order of their ids, whatever order they are added in."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, bytes]] = []

    def add(self, values: dict[str, Any]) -> None:
        """Adds a row as Parquet holds it."""
        self._rows.append((values["id"], row_digest(values)))

    def hexdigest(self) -> str:
        """The digest so far; it covers each row's pcm_sha256, so the samples too."""
        digest = hashlib.sha256()
        for name, row in sorted(self._rows):
            digest.update(name.encode() + b"\0" + row)
        return digest.hexdigest()


def metadata_paths(release: str) -> list[str]:
    """The metadata.parquet of every finished shard, relative to the release, sorted."""
    found = []
    for split in SPLITS:
        below = storage.list_files(storage.join(release, split))
        found += [f"{split}/{name}" for name in below if name.endswith(f"/{METADATA}")]
    return sorted(found)


def read_table(release: str, name: str) -> pa.Table:
    """A Parquet file of the release."""
    return pq.read_table(io.BytesIO(storage.read_bytes(storage.join(release, name))))


def read_rows(release: str, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of these metadata files, one after another, as plain values."""
    for path in paths:
        yield from read_table(release, path).to_pylist()


def read_release_json(release: str) -> dict[str, Any]:
    """What release.json says.

    Raises:
        ReleaseError: when there is none, or it is not JSON.
    """
    path = storage.join(release, RELEASE_JSON)
    try:
        values = json.loads(storage.read_bytes(path))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReleaseError(
            f"{release} holds no {RELEASE_JSON}: it is not a release, or one that is not whole"
        ) from error
    except (ValueError, OSError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ReleaseError(f"{path} is not a JSON object")
    return values


def total(release: str, fixed_gain_db: float | None) -> Totals:
    """Counts a release's rows and takes their digest, a shard at a time.

    `fixed_gain_db` is the recipe's gain where its level is fixed: a row below it was turned down rather than clipped.
    """
    rows = dict.fromkeys(SPLITS, 0)
    seconds = dict.fromkeys(SPLITS, 0.0)
    captions: dict[str, int] = {}
    licenses: dict[str, int] = {}
    digest, shards, turned_down = DigestBuilder(), [], 0
    for path in metadata_paths(release):
        data = storage.read_bytes(storage.join(release, path))
        records = pq.read_table(io.BytesIO(data)).to_pylist()
        folder = path.removesuffix(f"/{METADATA}")
        shards.append({"path": folder, "rows": len(records), "metadata_sha256": hashlib.sha256(data).hexdigest()})
        for values in records:
            digest.add(values)
            rows[values["split"]] += 1
            seconds[values["split"]] += values["duration_s"]
            for status in values["caption_status"]:
                captions[status] = captions.get(status, 0) + 1
            name = values["license"] or "unknown"
            licenses[name] = licenses.get(name, 0) + 1
            turned_down += fixed_gain_db is not None and values["gain_db"] < fixed_gain_db
    hours = {split: round(value / 3600, 6) for split, value in seconds.items()}
    return Totals(
        rows,
        hours,
        dict(sorted(captions.items())),
        turned_down,
        digest.hexdigest(),
        shards,
        dict(sorted(licenses.items())),
    )


def versions() -> dict[str, str]:
    """The version of everything that touches samples, libsndfile included."""
    import soundfile

    found = {name: _version(name) for name in SAMPLE_VERSIONS}
    return {**found, "libsndfile": soundfile.__libsndfile_version__}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def gather(release: str, kind: str, schema: pa.Schema, root_name: str, more: Iterable[dict[str, Any]] = ()) -> pa.Table:
    """One table of all shards' files of a kind, of what an earlier build left at the root, and of `more`.

    Rows that say the same are one; the order is that of their values, so neither workers nor resumes show in it.
    """
    folder = storage.join(release, workspace.FOLDER, kind)
    tables = [pa.Table.from_pylist(list(more), schema)]
    for name in storage.list_files(folder):
        if name.endswith(".parquet"):
            tables.append(pq.read_table(io.BytesIO(storage.read_bytes(storage.join(folder, name)))).cast(schema))
    if storage.exists(storage.join(release, root_name)):
        tables.append(read_table(release, root_name).cast(schema))
    everything = pa.concat_tables(tables)
    return (
        everything.group_by(schema.names)
        .aggregate([])
        .select(schema.names)
        .sort_by([(name, "ascending") for name in schema.names])
    )


def gather_rooms(release: str) -> pa.Table:
    """Every room that was measured, by this build or an earlier one, sorted by its id."""
    found: dict[str, dict[str, Any]] = {}
    folder = storage.join(release, workspace.FOLDER, "rooms")
    sources = [f"{workspace.FOLDER}/rooms/{name}" for name in storage.list_files(folder)]
    if storage.exists(storage.join(release, ROOMS)):
        sources.append(ROOMS)
    for name in sources:
        found.update((room["room_id"], room) for room in read_table(release, name).to_pylist())
    return pa.Table.from_pylist([found[name] for name in sorted(found)], ROOM_SCHEMA)


def answer_counts(answers: pa.Table, prices: Mapping[str, Price]) -> dict[str, Any]:
    """What the answers come to: kept and refused, failed requests, and each question's tokens and cost counted once.

    `cost_usd` is what these answers have cost, whichever build paid; None where a model has no price.
    """
    records = answers.to_pylist()
    failed = [record for record in records if (record["reason"] or "").startswith("error: ")]
    kept = sum(record["kept"] for record in records)
    columns = ("request_sha256", "model", "text", "prompt_tokens", "completion_tokens")
    unfailed = (record for record in records if not (record["reason"] or "").startswith("error: "))
    asked = {tuple(record[name] for name in columns) for record in unfailed}
    tokens = [(model, prompt or 0, completion or 0) for _, model, _, prompt, completion in asked]
    priced = all(model in prices for model, _, _ in tokens)
    cost = sum(prices[model].usd(prompt, completion) for model, prompt, completion in tokens) if priced else None
    return {
        "kept": kept,
        "refused": len(records) - kept - len(failed),
        "failed": len(failed),
        "requests": len(asked),
        "prompt_tokens": sum(prompt for _, prompt, _ in tokens),
        "completion_tokens": sum(completion for _, _, completion in tokens),
        "cost_usd": None if cost is None else round(cost, 6),
    }


def answer_notes(answers: pa.Table) -> tuple[str, ...]:
    """A line for each reason for which captions were not asked for, or had no answer from the endpoint."""
    unasked: set[tuple[str, int]] = set()
    failed: dict[tuple[str, int], str] = {}
    columns = ("row_id", "caption_index", "reason")
    for row_id, index, reason in zip(*(answers[name].to_pylist() for name in columns), strict=True):
        if reason == f"error: {NOT_ASKED[0]}":
            unasked.add((row_id, index))
        elif is_failure(reason):
            failed[(row_id, index)] = reason.removeprefix("error: ")
    lines = []
    if unasked:
        lines.append(f"the budget is spent: {len(unasked)} captions were not asked for, the template wrote them")
    if failed:
        kinds = ", ".join(sorted(set(failed.values())))
        lines.append(f"the endpoint gave no answer to {len(failed)} captions ({kinds}), the template wrote them")
    return tuple(lines)


def release_json(
    recipe: Recipe,
    totals: Totals,
    *,
    input_sha256: str,
    rejected: int,
    rooms: int,
    answers: Mapping[str, Any],
    files: dict[str, str],
) -> dict[str, Any]:
    """What release.json states."""
    return {
        "format": RELEASE_FORMAT,
        "name": recipe.name,
        "dataset": recipe.dataset_name,
        "digest": totals.digest,
        "recipe_sha256": recipe.sha256(),
        "input_sha256": input_sha256,
        "seed": recipe.seed,
        "versions": versions(),
        "counts": {
            "rows": totals.row_count,
            "rows_by_split": totals.rows,
            "captions": totals.captions,
            "rooms": rooms,
            "rejected": rejected,
            "answers": dict(answers),
            "turned_down": totals.turned_down,
            "licenses": totals.licenses,
        },
        "hours": round(totals.hour_count, 6),
        "hours_by_split": totals.hours,
        "files": files,
        "shards": totals.shards,
    }
