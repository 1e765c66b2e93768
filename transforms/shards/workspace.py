"""Where a build keeps what it needs until the release is whole: the plan, its answers, each shard's refusals."""

from __future__ import annotations

import json
import uuid

from transforms import storage

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


def lock_path(release: str) -> str:
    """Who builds in the release now: a locked file, or on remote storage an object with a date."""
    return storage.join(release, FOLDER, "lock.json")


def workers_lock_path(release: str) -> str:
    """A file that every worker process of this machine holds a shared lock on for as long as it lives."""
    return storage.join(release, FOLDER, "workers.lock")


def in_hand_folder(release: str) -> str:
    """What each worker process has in hand."""
    return storage.join(release, FOLDER, "in-hand")


def rooms_folder(release: str) -> str:
    """The measured rooms, a file a chunk."""
    return storage.join(release, FOLDER, "rooms")


def rooms_name(chunk: int) -> str:
    """The name of a chunk's file."""
    return f"{chunk:05d}.parquet"


def chunk_path(chunk: int) -> str:
    """What a chunk of rooms is called where a shard has its path."""
    return f"rooms/{chunk:05d}"


def rooms_path(release: str, chunk: int) -> str:
    """The measured rooms of one chunk."""
    return storage.join(rooms_folder(release), rooms_name(chunk))


def shard_file(release: str, kind: str, path: str) -> str:
    """The file of a kind that the shard at `path` has: answers, rejected (Parquet) or failures (JSON)."""
    ending = "json" if kind == "failures" else "parquet"
    return storage.join(release, FOLDER, kind, f"{path.replace('/', '-', 1)}.{ending}")


def failures_folder(release: str) -> str:
    """The notes of what failed, one a shard or a chunk of rooms."""
    return storage.join(release, FOLDER, "failures")


def write_failure(release: str, path: str, failure: str) -> None:
    """Notes why a shard or a chunk of rooms, called `path`, is not there; the build says so, the next tries again."""
    note = json.dumps({"shard": path, "failure": failure})
    storage.write_bytes(shard_file(release, "failures", path), note.encode())


def read_failures(release: str) -> list[dict[str, str]]:
    """What `write_failure` noted since this build began: `shard` and `failure` of each."""
    folder = failures_folder(release)
    return [json.loads(storage.read_bytes(storage.join(folder, name))) for name in storage.list_files(folder)]


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
