"""The folder of a release where a build keeps what it needs until the release is whole."""

from __future__ import annotations

import json
import uuid

from transforms import storage
from transforms.storage.temporary import has_locks

FOLDER = ".elsa"
#: Kinds of files that each shard has in the workspace, in a folder of the kind's name.
ANSWERS, REJECTED, FAILURES = "answers", "rejected", "failures"
#: The answers of captions that are asked for again in a finished release.
REDONE = "redone"


def plan_path(release: str) -> str:
    """The plan of all shards."""
    return storage.join(release, FOLDER, "plan.parquet")


def state_path(release: str) -> str:
    """The hashes of the recipe and of the input that the build began with."""
    return storage.join(release, FOLDER, "build.json")


def clip_states_path(release: str) -> str:
    """The states of the clips' files when the build began."""
    return storage.join(release, FOLDER, "clips.parquet")


def log_path(release: str) -> str:
    """The log of Beam and its workers."""
    return storage.join(release, FOLDER, "workers.log")


def lock_path(release: str) -> str:
    """Who builds in the release now: a locked file, or on remote storage an object with a date."""
    return storage.join(release, FOLDER, "lock.json")


def workers_lock_path(release: str) -> str:
    """A file on which every worker process of this machine holds a shared lock while it lives."""
    return storage.join(release, FOLDER, "workers.lock")


def current_work_folder(release: str) -> str:
    """Notes of the shard that each worker process works on."""
    return storage.join(release, FOLDER, "current-work")


def temporary_folder(release: str) -> str:
    """The folder for temporary files of the processes of a build."""
    return storage.join(release, FOLDER, "tmp")


def rooms_folder(release: str) -> str:
    """The measured rooms, one file a chunk."""
    return storage.join(release, FOLDER, "rooms")


def rooms_name(chunk: int) -> str:
    """The name of a chunk's file."""
    return f"{chunk:05d}.parquet"


def chunk_path(chunk: int) -> str:
    """The name of a chunk of rooms in messages and notes, which name a shard by its path."""
    return f"rooms/{chunk:05d}"


def rooms_path(release: str, chunk: int) -> str:
    """The measured rooms of one chunk."""
    return storage.join(rooms_folder(release), rooms_name(chunk))


def folder_of(release: str, kind: str) -> str:
    """The folder of the shards' files of a kind: ANSWERS, REJECTED, FAILURES."""
    return storage.join(release, FOLDER, kind)


def shard_file(release: str, kind: str, path: str) -> str:
    """The file of a kind that belongs to the shard at `path`: ANSWERS and REJECTED are Parquet, FAILURES JSON."""
    ending = "json" if kind == FAILURES else "parquet"
    return storage.join(folder_of(release, kind), f"{path.replace('/', '-', 1)}.{ending}")


def is_being_redone(release: str) -> bool:
    """Whether some captions of a finished release have been asked for again, and its root says nothing of it yet."""
    return bool(storage.list_files(folder_of(release, REDONE)))


def failures_folder(release: str) -> str:
    """The notes of shards and chunks of rooms that failed."""
    return folder_of(release, FAILURES)


def write_failure(release: str, path: str, failure: str) -> None:
    """Notes why the shard or chunk of rooms called `path` is missing; the next build tries it again."""
    note = json.dumps({"shard": path, "failure": failure})
    storage.write_bytes(shard_file(release, FAILURES, path), note.encode())


def read_failures(release: str) -> list[dict[str, str]]:
    """The notes of this build: `shard` and `failure` of each."""
    folder = failures_folder(release)
    return [json.loads(storage.read_bytes(storage.join(folder, name))) for name in storage.list_files(folder)]


def journal_folder(release: str) -> str:
    """The journals of answers, one a shard."""
    return storage.join(release, FOLDER, "journal")


def ledger_path(release: str) -> str | None:
    """The file in which the workers of this machine count what answers cost; None where no file can be locked."""
    if storage.is_remote(release) or not has_locks(storage.join(release, FOLDER)):
        return None
    return storage.join(release, FOLDER, "spending.json")


def begin_run(release: str) -> str:
    """Takes the release over for a new build and returns the build's name; workers of an earlier build then stop."""
    name = uuid.uuid4().hex
    storage.write_bytes(storage.join(release, FOLDER, "run"), name.encode())
    return name


def is_run(release: str | None, name: str | None) -> bool:
    """Whether the release belongs to the build of this name; True on remote storage, where each read costs money."""
    if release is None or name is None or storage.is_remote(release):
        return True
    try:
        return storage.read_bytes(storage.join(release, FOLDER, "run")).decode() == name
    except (FileNotFoundError, NotADirectoryError):
        # Another build has finished the release, or somebody has removed it.
        return False
