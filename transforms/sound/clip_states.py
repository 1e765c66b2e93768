"""Whether clips are still the files that finished shards were built from, so that a release comes from one input."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from transforms import storage
from transforms.bounds.parquet_tables import read_table
from transforms.records import Clip
from transforms.shards import workspace
from transforms.shards.plan_shards import PlannedShard
from transforms.shards.release_rows import ROW_SCHEMA
from transforms.shards.write_shard import METADATA
from transforms.sound.clip_file import open_clip, sha256_of
from transforms.sound.refusal import ClipRefused
from transforms.storage import folder_files

#: The state of each clip's file by its split and source_id.
States = Mapping[tuple[str, str], str]

_SCHEMA = pa.schema([(name, pa.string()) for name in ("split", "source_id", "state")])


def read_states(clips: Iterable[Clip]) -> States:
    """The states of the clips' files: two equal states of a file mean that nobody has written to it in between.

    The state of a local file has its size, its times and its number on the disk, which the system sets. A remote store
    gives only the size. A file that is not there has no state.
    """
    of_path: dict[str, str | None] = {}
    states = {}
    for clip in clips:
        if storage.is_remote(clip.path):
            state = None if clip.size_bytes is None else str(clip.size_bytes)
        else:
            if clip.path not in of_path:
                of_path[clip.path] = _local_state(clip.target or clip.path)
            state = of_path[clip.path]
        if state is not None:
            states[clip.split, clip.source_id] = state
    return states


def _local_state(path: str) -> str | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def write_states(release: str, states: States) -> None:
    """Keeps the states of all clips for the next build into the release."""
    records = [{"split": split, "source_id": name, "state": state} for (split, name), state in states.items()]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records, _SCHEMA), buffer, compression="zstd")
    folder_files.write_bytes(release, workspace.CLIP_STATES, buffer.getvalue())


def changed_clips(release: str, shards: Sequence[PlannedShard], now: States) -> list[str]:
    """The source_ids of clips whose files are not those that the finished shards were built from.

    A file in another state than when the last build began is read, and its SHA-256 is compared with that in the shard's
    rows. Without a state of before, every local file is read.

    Args:
        release: the folder or address of the release.
        shards: finished shards.
        now: the states of all clips now.
    """
    before = _earlier_states(release)
    changed = []
    for shard in shards:
        doubtful = {
            clip.source_id: clip
            for clip in shard.clips
            if _is_doubtful(clip, before.get((clip.split, clip.source_id)), now.get((clip.split, clip.source_id)))
        }
        if not doubtful:
            continue
        # Of a clip that was rejected there is no row.
        for name, sha256 in _rendered_from(release, shard).items():
            if name in doubtful and _sha256(doubtful[name]) != sha256:
                changed.append(name)
    return changed


def _is_doubtful(clip: Clip, before: str | None, now: str | None) -> bool:
    if before is None and storage.is_remote(clip.path):
        return False
    return before is None or before != now


def _earlier_states(release: str) -> States:
    if not folder_files.exists(release, workspace.CLIP_STATES):
        return {}
    try:
        with folder_files.open_file(release, workspace.CLIP_STATES) as file:
            columns = read_table(file, _SCHEMA).to_pydict()
    except pa.ArrowException:
        # Without states, the files themselves are read.
        return {}
    return dict(zip(zip(columns["split"], columns["source_id"], strict=True), columns["state"], strict=True))


def _rendered_from(release: str, shard: PlannedShard) -> dict[str, str]:
    try:
        with folder_files.open_file(release, f"{shard.path}/{METADATA}") as file:
            columns = read_table(file, ROW_SCHEMA, ["source_id", "source_sha256"]).to_pydict()
    except pa.ArrowException:
        # The end of the build names a damaged table.
        return {}
    return dict(zip(columns["source_id"], columns["source_sha256"], strict=True))


def _sha256(clip: Clip) -> str | None:
    try:
        with open_clip(clip) as descriptor:
            return sha256_of(descriptor)
    except ClipRefused:
        return None
