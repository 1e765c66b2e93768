"""run.json and configuration.yaml: the configuration and data of a run, and whether a training may continue it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.configuration.run_configuration import CONFIGURATION, RECORD, RunConfiguration
from model.documents import MOST_JSON_BYTES, MOST_YAML_BYTES, DocumentRefused, parse_json, parse_yaml
from model.errors import ModelUnreadable, ReleaseUnreadable, RunRefused, one_line
from model.files import PARTS, exists, open_file, read_bytes, write_text
from model.folders import MODEL_WEIGHTS, TABLE, shard_names
from model.runs.history import check_best
from model.weights import WeightsRefused, read_header

#: Keys in which a command may differ from the run that it continues: workers change nothing, and more epochs extend it.
_FREE_KEYS = {"training.workers", "training.epochs"}
#: Most keys that a message names.
_NAMED_KEYS = 3


def data_sha256(releases: Sequence[Path | str]) -> str:
    """A hash of the tables of train and validation; it does not depend on where the releases are.

    Raises:
        ReleaseUnreadable: a table cannot be read.
    """
    digest = hashlib.sha256()
    for release in map(Path, releases):
        for split in ("train", "validation"):
            for shard in shard_names(release, split):
                try:
                    with open_file(release, f"{shard}/{TABLE}") as file:
                        content = hashlib.file_digest(file, "sha256").hexdigest()
                except OSError as error:
                    raise ReleaseUnreadable(f"{release / shard / TABLE}: {one_line(error)}") from None
                digest.update(f"{shard}:{content}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def configuration_sha256(configuration: RunConfiguration) -> str:
    """A hash of the configuration without the number of workers, which does not change the weights."""
    content = configuration.as_dict()
    del content["training"]["workers"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def weights_sha256(folder: Path) -> str:
    """A hash of the weights of a saved model.

    Raises:
        ModelUnreadable: they cannot be read, or their header does not match the size of the file.
    """
    try:
        with open_file(folder, MODEL_WEIGHTS) as file:
            read_header(file)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, WeightsRefused) as error:
        raise ModelUnreadable(f"{folder / MODEL_WEIGHTS}: {one_line(error)}") from None


def read_record(run: Path) -> dict[str, Any]:
    """Reads run.json; empty for a folder that is empty or does not exist.

    Raises:
        RunRefused: the folder holds something else.
    """
    if not run.exists():
        return {}
    if not run.is_dir():
        raise RunRefused(f"{run}: not a folder")
    file = run / RECORD
    if not exists(run, RECORD):
        if any(not path.name.endswith(PARTS) for path in run.iterdir()):
            raise RunRefused(f"{run}: exists and is not an empty folder; take another one")
        return {}
    try:
        record = parse_json(read_bytes(run, RECORD, MOST_JSON_BYTES))
        if not isinstance(record, dict):
            raise ValueError("not a mapping")
        if record.get("finished"):
            # The result of a finished run is used.
            check_best(record["best"])
        if not isinstance(record.get("extensions", []), list):
            raise ValueError("extensions is not a list")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunRefused(f"{file}: not the record of a run: {one_line(repr(error))}") from None
    return record


def write_record(run: Path, record: dict[str, Any]) -> None:
    """Writes run.json."""
    write_text(run, RECORD, json.dumps(record, indent=2) + "\n")


def check_record(run: Path, record: dict[str, Any], identity: dict[str, str], configuration: RunConfiguration) -> None:
    """Checks that a run has this configuration and this data, so that a training may continue it.

    Args:
        run: its folder.
        record: its run.json.
        identity: hashes of the configuration, the data and, if the command names one, the initial model.
        configuration: of the training.

    Raises:
        RunRefused: the run has another configuration, other data or another initial model.
    """
    if record.get("configuration_sha256") != identity["configuration_sha256"]:
        differing = differing_keys(read_saved_configuration(run), configuration.as_dict())
        if not differing or any(line.partition(" ")[0] not in _FREE_KEYS for line in differing):
            named = ", ".join(differing[:_NAMED_KEYS]) + (", …" if len(differing) > _NAMED_KEYS else "")
            raise RunRefused(
                f"{run}: a run of another configuration" + (f" ({named})" if named else "") + "; take another folder"
            )
    if record.get("data_sha256") != identity["data_sha256"]:
        raise RunRefused(f"{run}: a run of other data; take another folder")
    if "init_sha256" in identity and record.get("init_sha256") != identity["init_sha256"]:
        raise RunRefused(f"{run}: a run that did not start from this model; take another folder")


def read_saved_configuration(run: Path) -> dict[str, Any]:
    """Reads configuration.yaml of a run as plain data; empty if it cannot be read."""
    try:
        content = parse_yaml(read_bytes(run, CONFIGURATION, MOST_YAML_BYTES))
    except (OSError, DocumentRefused):
        return {}
    return content if isinstance(content, dict) else {}


def differing_keys(saved: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The keys in which two configurations differ, each as ``training.seed is 0 there and 1 here``."""
    there, here = _flat(saved), _flat(wanted)
    return [
        f"{key} is {there.get(key)!r} there and {here.get(key)!r} here"
        for key in {**here, **there}
        if (key in there) != (key in here) or there[key] != here[key]
    ]


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        # The configurations of encoders are values.
        if isinstance(value, dict) and not prefix.startswith("model."):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
