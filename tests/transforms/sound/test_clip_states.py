"""A file that is no longer the one that a shard was built from is found, and one that is costs no reading."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sounds import encoded, noise_burst
from transforms.records import Clip
from transforms.shards.plan_shards import PlannedShard
from transforms.sound import clip_states
from transforms.sound.clip_states import changed_clips, read_states, write_states

NAMES = ("a.wav", "b.wav", "c.wav")


def clip_at(path: Path, **more: int | str) -> Clip:
    return Clip("d", "train", path.name, str(path), ("a sound",), **more)  # type: ignore[arg-type]


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Three clips of one size and one time, as an archive unpacks them."""
    paths = [tmp_path / name for name in NAMES]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(noise_burst(0.1, seed=number)))
        os.utime(path, (1_000_000, 1_000_000))
    return [clip_at(path) for path in paths]


@pytest.fixture
def release(tmp_path: Path, clips: list[Clip]) -> str:
    """A release with a finished shard of these clips, whose states were kept when its build began."""
    output = tmp_path / "release"
    shard = shard_of(clips)
    (output / shard.path).mkdir(parents=True)
    hashes = [hashlib.sha256(Path(clip.path).read_bytes()).hexdigest() for clip in clips]
    rows = pa.table({"source_id": [clip.source_id for clip in clips], "source_sha256": hashes})
    pq.write_table(rows, output / shard.path / "metadata.parquet")
    write_states(str(output), read_states(clips))
    return str(output)


def shard_of(clips: list[Clip]) -> PlannedShard:
    return PlannedShard("train", 0, 1, tuple(clips))


def changed(release: str, clips: list[Clip]) -> list[str]:
    return changed_clips(release, [shard_of(clips)], read_states(clips))


def test_unchanged_clips_are_not_read_again(release: str, clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_states, "open_clip", None)
    assert changed(release, clips) == []


def swap(first: Path, second: Path) -> None:
    other = first.with_suffix(".other")
    first.rename(other)
    second.rename(first)
    other.rename(second)


def overwrite(first: Path, second: Path) -> None:
    data = second.read_bytes()
    with first.open("r+b") as file:
        file.write(data)
    os.utime(first, (1_000_000, 1_000_000))


def link(first: Path, second: Path) -> None:
    first.unlink()
    first.symlink_to(second)


def remove(first: Path, _: Path) -> None:
    first.unlink()


@pytest.mark.parametrize(
    ("change", "found"),
    [(swap, ["a.wav", "b.wav"]), (overwrite, ["a.wav"]), (link, ["a.wav"]), (remove, ["a.wav"])],
)
def test_clips_that_were_swapped_under_their_names_make_no_release_of_two_inputs(
    change: Callable[[Path, Path], None], found: list[str], release: str, clips: list[Clip]
) -> None:
    # Size and time alone do not tell: archives give all of their files the same time.
    change(Path(clips[0].path), Path(clips[1].path))
    assert changed(release, clips) == found


def test_the_same_clips_elsewhere_are_the_same_input(release: str, clips: list[Clip], tmp_path: Path) -> None:
    moved = [clip_at(Path(shutil.copy(clip.path, (tmp_path / "release" / clip.source_id)))) for clip in clips]
    assert changed(release, moved) == []
    Path(moved[2].path).write_bytes(b"RIFF")
    assert changed(release, moved) == ["c.wav"]


@pytest.mark.parametrize("states", [None, b"", b"no table"])
def test_without_states_of_before_every_clip_is_read(
    states: bytes | None, release: str, clips: list[Clip], tmp_path: Path
) -> None:
    kept = tmp_path / "release" / ".elsa" / "clips.parquet"
    kept.unlink()
    if states is not None:
        kept.write_bytes(states)
    assert changed(release, clips) == []
    overwrite(Path(clips[1].path), Path(clips[2].path))
    assert changed(release, clips) == ["b.wav"]


def test_a_member_of_a_tar_is_compared_alone(release: str, clips: list[Clip], tmp_path: Path) -> None:
    tar = tmp_path / "all.tar"
    parts = [Path(clip.path).read_bytes() for clip in clips]
    tar.write_bytes(b"".join(parts))
    starts = [0, len(parts[0]), len(parts[0]) + len(parts[1])]
    members = [
        replace(clip, path=str(tar), member=clip.source_id, offset_bytes=start, size_bytes=len(part))
        for clip, start, part in zip(clips, starts, parts, strict=True)
    ]
    assert changed(release, members) == []
    with tar.open("r+b") as file:
        file.seek(starts[1] + 100)
        file.write(b"\x55" * 8)
    assert changed(release, members) == ["b.wav"]


def test_a_remote_clip_is_known_by_its_size_and_costs_no_request(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = [replace(clip_at(Path(name)), path=f"gs://bucket/{name}", size_bytes=9) for name in NAMES]
    assert set(read_states(remote).values()) == {"9"}
    monkeypatch.setattr(clip_states, "open_clip", None)
    write_states(release, read_states(remote))
    assert changed(release, remote) == []
    (tmp_path / "release" / ".elsa" / "clips.parquet").unlink()
    assert changed(release, remote) == []
