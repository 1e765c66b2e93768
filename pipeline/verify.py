"""Verify: what a release says of itself held against what is on the disk, on all cores."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from pipeline.recipe import RecipeError, load_recipe
from pipeline.release import (
    RECIPE,
    RELEASE_JSON,
    REPORT_FOLDER,
    DigestBuilder,
    metadata_paths,
    read_release_json,
    read_rows,
)
from pipeline.rerender import rerender, spread
from pipeline.runners import available_cores
from transforms import storage
from transforms.release_rows import ROW_SCHEMA
from transforms.render import decode_flac_pcm, pcm_sha256
from transforms.words import words_of
from transforms.write_shard import METADATA


@dataclass
class Findings:
    """What is wrong, a line each, and what was looked at."""

    problems: list[str] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    digest: str | None = None
    rerendered: int = 0

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": not self.problems,
            "rows": self.rows,
            "bytes": self.bytes,
            "digest": self.digest,
            "rerendered": self.rerendered,
            "problems": self.problems,
        }


def verify(release: Path) -> Findings:
    """Checks every file, row and sample of a release on this machine's disk.

    Raises:
        ReleaseError: when the folder holds no readable release.json.
    """
    stated = read_release_json(str(release))
    findings = Findings()
    digest = DigestBuilder()
    findings.problems += _check_root(release, stated)
    expected = {RELEASE_JSON, *stated.get("files", {})}
    with ThreadPoolExecutor(available_cores()) as threads:
        for shard in stated.get("shards", []):
            expected.add(f"{shard['path']}/{METADATA}")
            rows = _read_shard(release, shard, findings)
            results = threads.map(partial(_check_row, release, shard["path"]), rows)
            for values, result in zip(rows, results, strict=True):
                expected.add(f"{shard['path']}/{values['file_name']}")
                size, problems = result
                findings.bytes += size
                findings.problems += problems
                findings.rows += 1
                digest.add(values)
    findings.digest = digest.hexdigest()
    if findings.digest != stated.get("digest"):
        findings.problems.append(f"{RELEASE_JSON}: digest is {stated.get('digest')}, the rows give {findings.digest}")
    if findings.rows != stated.get("counts", {}).get("rows"):
        counted = stated.get("counts", {}).get("rows")
        findings.problems.append(f"{RELEASE_JSON}: counts.rows is {counted}, there are {findings.rows}")
    findings.problems += [f"{name}: not part of the release" for name in _extra(release, expected)]
    return findings


def rerender_rows(release: str, input_dir: str, count: int, findings: Findings) -> None:
    """Renders `count` rows again from their metadata alone, on all cores, and adds what differs to the findings.

    Raises:
        RecipeError, SourceUnusable: when the release's recipe or the input cannot be read.
    """
    recipe = load_recipe(storage.join(release, RECIPE))
    clips = {(clip.split, clip.source_id): clip for clip in recipe.list_input(input_dir).clips}
    rows = spread(list(read_rows(release, metadata_paths(release))), count)
    with ThreadPoolExecutor(available_cores()) as threads:
        for result in threads.map(lambda row: rerender(row, recipe, lambda *key: clips.get(key)), rows):
            findings.rerendered += 1
            if result.problem is not None:
                findings.problems.append(f"row {result.id}: {result.problem}")


def _check_root(release: Path, stated: dict[str, Any]) -> Iterator[str]:
    for name, sha256 in sorted(stated.get("files", {}).items()):
        try:
            found = hashlib.sha256((release / name).read_bytes()).hexdigest()
        except OSError as error:
            yield f"{name}: {error.strerror or error}"
            continue
        if found != sha256:
            yield f"{name}: its SHA-256 is not the one in {RELEASE_JSON}"
    try:
        recipe = load_recipe(str(release / RECIPE))
    except RecipeError as error:
        yield f"{RECIPE}: {error}"
        return
    if recipe.sha256() != stated.get("recipe_sha256"):
        yield f"{RELEASE_JSON}: recipe_sha256 is not that of {RECIPE}"


def _read_shard(release: Path, shard: dict[str, Any], findings: Findings) -> list[dict[str, Any]]:
    name = f"{shard['path']}/{METADATA}"
    try:
        data = (release / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != shard["metadata_sha256"]:
            findings.problems.append(f"{name}: its SHA-256 is not the one in {RELEASE_JSON}")
        table = pq.read_table(io.BytesIO(data))
    except OSError as error:
        findings.problems.append(f"{name}: {error.strerror or _one_line(error)}")
        return []
    except pa.ArrowException as error:
        findings.problems.append(f"{name}: not readable as Parquet: {_one_line(error)}")
        return []
    if not table.schema.equals(ROW_SCHEMA, check_metadata=False):
        findings.problems.append(f"{name}: its columns are not those of a release")
        return []
    if table.num_rows != shard["rows"]:
        findings.problems.append(f"{name}: {table.num_rows} rows, {RELEASE_JSON} says {shard['rows']}")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _check_row(release: Path, shard: str, values: dict[str, Any]) -> tuple[int, list[str]]:
    name = f"{shard}/{values['file_name']}"
    path = release / shard / values["file_name"]
    if path.parent != release / shard:
        return 0, [f"{name}: leads out of its shard"]
    try:
        data = path.read_bytes()
    except OSError as error:
        return 0, [f"{name}: {error.strerror or error}"]
    problems = []
    if hashlib.sha256(data).hexdigest() != values["sha256"]:
        problems.append(f"{name}: its SHA-256 is not the one in the row")
    try:
        header = soundfile.info(io.BytesIO(data))
        sample_rate, bit_depth = header.samplerate, int(header.subtype.removeprefix("PCM_"))
        pcm = decode_flac_pcm(data)
    except (RuntimeError, ValueError) as error:
        return len(data), [*problems, f"{name}: cannot be decoded: {_one_line(error)}"]
    if pcm_sha256(pcm, bit_depth) != values["pcm_sha256"]:
        problems.append(f"{name}: its samples are not those of the row")
    if sample_rate != values["sample_rate"] or abs(len(pcm) / sample_rate - values["duration_s"]) > 1e-6:
        problems.append(f"{name}: sample rate or length is not that of the row")
    words = words_of(
        azimuth_deg=values["azimuth_deg"],
        elevation_deg=values["elevation_deg"],
        distance_m=values["distance_m"],
        floor_area_m2=values["floor_area_m2"],
        t30_ms=values["t30_ms"],
    )
    for attribute in ("direction", "elevation", "distance", "room_size", "reverberation"):
        if getattr(words, attribute) != values[attribute]:
            problems.append(f"{name}: {attribute} is {values[attribute]}, its numbers say {getattr(words, attribute)}")
    return len(data), problems


def _extra(release: Path, expected: set[str]) -> list[str]:
    found = {path.relative_to(release).as_posix() for path in release.rglob("*") if not path.is_dir()}
    return sorted(name for name in found - expected if not name.startswith(f"{REPORT_FOLDER}/"))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
