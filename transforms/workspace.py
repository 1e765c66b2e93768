"""Where a build keeps what it needs until the release is whole: the plan, its answers, each shard's refusals."""

from __future__ import annotations

import uuid

from transforms import storage
from transforms.records import Shard

FOLDER = ".elsa"


def plan_path(release: str) -> str:
    """The plan of shards."""
    return storage.join(release, FOLDER, "plan.parquet")


def state_path(release: str) -> str:
    """What the build was begun with."""
    return storage.join(release, FOLDER, "build.json")


def log_path(release: str) -> str:
    """What the workers said."""
    return storage.join(release, FOLDER, "workers.log")


def rooms_path(release: str, chunk: int) -> str:
    """The measured rooms of one chunk."""
    return storage.join(release, FOLDER, "rooms", f"{chunk:05d}.parquet")


def shard_file(release: str, kind: str, shard: Shard) -> str:
    """A shard's file of a kind: answers, rejected (Parquet) or failures (JSON)."""
    ending = "json" if kind == "failures" else "parquet"
    return storage.join(release, FOLDER, kind, f"{shard.split}-{shard.name}.{ending}")


def journal_folder(release: str) -> str:
    """The journals of answers, one a shard."""
    return storage.join(release, FOLDER, "journal")


def ledger_path(release: str) -> str | None:
    """What has been spent on answers, shared by the workers of this machine; None where no file can be locked."""
    return None if storage.is_remote(release) else storage.join(release, FOLDER, "spending.json")


def begin_run(release: str) -> str:
    """Takes the release over for a new build and returns its name; workers that outlived an earlier one stop."""
    name = uuid.uuid4().hex
    storage.write_bytes(storage.join(release, FOLDER, "run"), name.encode())
    return name


def is_run(release: str | None, name: str | None) -> bool:
    """Whether the build of this name still has the release; on remote storage it is taken to, as a look costs money."""
    if release is None or name is None or storage.is_remote(release):
        return True
    try:
        return storage.read_bytes(storage.join(release, FOLDER, "run")).decode() == name
    except OSError:
        return False
