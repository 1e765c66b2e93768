"""run.json: what a run is of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.configuration.run_configuration import RunConfiguration
from model.errors import RunRefused
from model.runs.files import PARTS

RECORD = "run.json"


def data_sha256(releases: Sequence[Path | str]) -> str:
    """A hash of what is trained on and validated with: the tables of both splits, wherever the releases lie."""
    digest = hashlib.sha256()
    for release in map(Path, releases):
        for split in ("train", "validation"):
            for file in sorted((release / split).glob("*/metadata.parquet")):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{split}/{file.parent.name}:{content}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def configuration_sha256(configuration: RunConfiguration) -> str:
    """A hash of what decides a run's weights: the configuration without the number of workers."""
    content = configuration.as_dict()
    del content["training"]["workers"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_record(run: Path) -> dict[str, Any]:
    """run.json; nothing for a folder that is not there, or empty.

    Raises:
        RunRefused: a folder that holds something else.
    """
    if not run.exists():
        return {}
    if not run.is_dir():
        raise RunRefused(f"{run}: not a folder")
    file = run / RECORD
    if not file.is_file():
        if any(not path.name.endswith(PARTS) for path in run.iterdir()):
            raise RunRefused(f"{run}: exists and is not an empty folder")
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("not a mapping")
    except ValueError as error:
        raise RunRefused(f"{file}: not the record of a run: {error}") from None
    return record


def check_record(run: Path, record: dict[str, Any], identity: dict[str, str]) -> None:
    """Whether a run is of this configuration and of this data.

    Raises:
        RunRefused: when it is of others.
    """
    for key, what in (("configuration_sha256", "another configuration"), ("data_sha256", "other data")):
        if record.get(key) != identity[key]:
            raise RunRefused(f"{run}: a run of {what}; take another folder")
