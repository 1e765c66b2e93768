"""Every layout behind a Beam file system: the same clips as on a disk, from one listing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.layouts import csv_bytes, tar_bytes, wavcaps_item, wavcaps_json, write_tree
from tests.memory_filesystem import MemoryFileSystem
from tests.transforms.sources.test_freesound import LIST, ODD_PAIRS
from transforms.shards.plan_shards import input_sha256
from transforms.sound.clip_file import read_clip
from transforms.sources import list_clips

AUDIOCAPS = {
    "csv_files_v1/train.csv": csv_bytes(
        ["audiocap_id", "youtube_id", "start_time", "caption"],
        [["1", "-abc", "30", "A dog, barking"], ["2", "abc", "0", "A cat"], ["3", "gone", "0", "x"]],
    ),
    "audio_32000Hz/train/-abc_30.flac": b"dog",
    "audio_32000Hz/train.tar": tar_bytes([("./Yabc.wav", b"cat")]),
}
CLOTHO = {
    "clotho_csv_files/clotho_captions_development.csv": csv_bytes(
        ["file_name", *(f"caption_{number}" for number in range(1, 6))],
        [["Rain &amp; wind.wav", *"abcde"], ["gone.wav", *"abcde"]],
    ),
    "clotho_audio_files/development/Rain & wind.wav": b"rain",
}
FOLDER = {
    "metadata.csv": csv_bytes(
        ["file_name", "caption"],
        [["a.wav", "A"], ["shard/b.wav", "B"], ["val/c.wav", "C"], ["../up.wav", "x"], ["gone.wav", "x"]],
    ),
    "a.wav": b"1",
    "shard.tar": tar_bytes([("b.wav", b"2"), ("val/c.wav", b"3")]),
}
WAVCAPS = {
    LIST: wavcaps_json([wavcaps_item(1), wavcaps_item(2), wavcaps_item(3)]),
    "FreeSound/1.flac": b"1",
    "FreeSound/0.tar": tar_bytes([("2.flac", b"2")]),
}


@pytest.mark.parametrize(
    ("source", "files", "clips"),
    [
        ("audiocaps", AUDIOCAPS, 2),
        ("clotho", CLOTHO, 1),
        ("folder", FOLDER, 3),
        ("freesound", WAVCAPS, 2),
        ("freesound", ODD_PAIRS, 6),
    ],
)
def test_a_remote_input_is_the_local_one(source: str, files: dict[str, bytes], clips: int, tmp_path: Path) -> None:
    local = list_clips(source, str(write_tree(tmp_path, files)), "d")
    address = MemoryFileSystem.fresh("memory://bucket/in", files)
    remote = list_clips(source, address, "d")
    assert len(MemoryFileSystem.listings) == 1
    assert len(remote.clips) == clips
    assert input_sha256(remote.clips) == input_sha256(local.clips)
    assert {(one.file, one.reason) for one in remote.rejections} == {(one.file, one.reason) for one in local.rejections}
    if source != "freesound" or files is WAVCAPS:
        # Lists and tars are opened, clips are not.
        assert set(MemoryFileSystem.opened) == {
            f"{address}/{name}" for name in files if name.endswith((".csv", ".json", ".tar"))
        }
    assert [read_clip(clip) for clip in remote.clips] == [read_clip(clip) for clip in local.clips]
