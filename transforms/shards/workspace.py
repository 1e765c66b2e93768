"""The folder in a release where a build keeps what it needs until the release is whole: names below the release."""

from __future__ import annotations

import json
import uuid

from transforms.bounds.json_values import parse_json
from transforms.storage import folder_files, is_remote

FOLDER = ".elsa"
#: Kinds of files that each shard has in the workspace, in a folder of the kind's name.
ANSWERS, REJECTED, FAILURES = "answers", "rejected", "failures"
#: The answers of captions that are asked for again in a finished release.
REDONE = "redone"


#: The plan of all shards.
PLAN = f"{FOLDER}/plan.parquet"
#: The hashes of the recipe and of the input that the build began with.
STATE = f"{FOLDER}/build.json"
#: The states of the clips' files when the build began.
CLIP_STATES = f"{FOLDER}/clips.parquet"
#: The log of Beam and its workers.
LOG = f"{FOLDER}/workers.log"
#: Who builds in the release now: a locked file, or on remote storage an object with a date.
LOCK = f"{FOLDER}/lock.json"
#: A file on which every worker process of this machine holds a shared lock while it lives.
WORKERS_LOCK = f"{FOLDER}/workers.lock"
#: Notes of the shard that each worker process works on.
CURRENT_WORK = f"{FOLDER}/current-work"
#: The folder for temporary files of the processes of a build.
TEMPORARY = f"{FOLDER}/tmp"
#: The measured rooms, one file a chunk.
ROOMS = f"{FOLDER}/rooms"
#: The journals of answers, one a shard.
JOURNAL = f"{FOLDER}/journal"
#: The file in which the workers of this machine count what answers cost.
LEDGER = f"{FOLDER}/spending.json"
#: The name of the build that the release belongs to.
RUN = f"{FOLDER}/run"


def rooms_name(chunk: int) -> str:
    """The name of a chunk's file."""
    return f"{chunk:05d}.parquet"


def chunk_path(chunk: int) -> str:
    """The name of a chunk of rooms in messages and notes, which name a shard by its path."""
    return f"rooms/{chunk:05d}"


def rooms_file(chunk: int) -> str:
    """The measured rooms of one chunk."""
    return f"{ROOMS}/{rooms_name(chunk)}"


def folder_of(kind: str) -> str:
    """The folder of the shards' files of a kind: ANSWERS, REJECTED, FAILURES."""
    return f"{FOLDER}/{kind}"


def shard_file(kind: str, path: str) -> str:
    """The file of a kind that belongs to the shard at `path`: ANSWERS and REJECTED are Parquet, FAILURES JSON."""
    ending = "json" if kind == FAILURES else "parquet"
    return f"{folder_of(kind)}/{path.replace('/', '-', 1)}.{ending}"


def is_being_redone(release: str) -> bool:
    """Whether some captions of a finished release have been asked for again, and its root says nothing of it yet."""
    return bool(folder_files.list_files(release, folder_of(REDONE)))


def write_failure(release: str, path: str, failure: str) -> None:
    """Notes why the shard or chunk of rooms called `path` is missing; the next build tries it again."""
    note = json.dumps({"shard": path, "failure": failure})
    folder_files.write_bytes(release, shard_file(FAILURES, path), note.encode())


def read_failures(release: str) -> list[dict[str, str]]:
    """The notes of this build: `shard` and `failure` of each."""
    folder = folder_of(FAILURES)
    names = folder_files.list_files(release, folder)
    return [parse_json(folder_files.read_bytes(release, f"{folder}/{name}")) for name in names]


def begin_run(release: str) -> str:
    """Takes the release over for a new build and returns the build's name; workers of an earlier build then stop."""
    name = uuid.uuid4().hex
    folder_files.write_bytes(release, RUN, name.encode())
    return name


def is_run(release: str | None, name: str | None) -> bool:
    """Whether the release belongs to the build of this name; True on remote storage, where each read costs money."""
    if release is None or name is None or is_remote(release):
        return True
    try:
        return folder_files.read_bytes(release, RUN).decode() == name
    except (FileNotFoundError, NotADirectoryError):
        # Another build has finished the release, or somebody has removed it.
        return False
