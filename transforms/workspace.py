"""Where a build keeps what it needs until the release is whole: the plan, and each shard's answers and refusals."""

from __future__ import annotations

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
