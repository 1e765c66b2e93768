"""A clip's file is opened without waiting for anything and without reading what nobody asked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from transforms.records import Clip
from transforms.sound import clip_file
from transforms.sound.clip_file import open_clip, read_clip, sha256_of
from transforms.sound.refusal import ClipRefused


def clip_at(path: str | Path, **values: object) -> Clip:
    return Clip("folder", "train", "a", str(path), ("A sound",), **values)  # type: ignore[arg-type]


def test_the_file_itself_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"bytes")
    with open_clip(clip_at(tmp_path / "a.wav")) as descriptor:
        assert os.fstat(descriptor).st_ino == (tmp_path / "a.wav").stat().st_ino
        os.lseek(descriptor, 3, os.SEEK_SET)
        assert sha256_of(descriptor) == hashlib.sha256(b"bytes").hexdigest()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_of_a_tar_the_clip_s_piece_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "all.tar").write_bytes(b"before" + b"the clip" + b"after")
    clip = clip_at(tmp_path / "all.tar", member="a.flac", offset_bytes=6, size_bytes=8)
    with open_clip(clip) as descriptor:
        assert os.pread(descriptor, 100, 0) == b"the clip"
        assert sha256_of(descriptor) == hashlib.sha256(b"the clip").hexdigest()
    with (
        pytest.raises(ClipRefused, match="ends within") as refusal,
        open_clip(clip_at(tmp_path / "all.tar", member="a.flac", offset_bytes=15, size_bytes=8)),
    ):
        pass
    assert refusal.value.reason == "unreadable"


def test_what_is_held_in_memory_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_file, "read_clip", lambda _: pytest.fail("it was read"))
    size = clip_file.MOST_FETCHED_BYTES + 1
    clip = clip_at(tmp_path / "all.tar", member="a.flac", offset_bytes=0, size_bytes=size)
    with pytest.raises(ClipRefused, match=r"1\.0 GB") as refusal, open_clip(clip):
        pass
    assert refusal.value.reason == "too_large"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "missing"),
        (lambda path: path.mkdir(), "not_a_file"),
        (lambda path: os.mkfifo(path), "not_a_file"),
        (lambda path: path.symlink_to("/dev/zero"), "not_a_file"),
        (lambda path: path.symlink_to(path), "not_a_file"),
    ],
    ids=["gone", "folder", "pipe", "device", "link to itself"],
)
def test_what_took_a_file_s_place_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(tmp_path / "a.wav")
    with pytest.raises(ClipRefused) as refusal, open_clip(clip_at(tmp_path / "a.wav")):
        pass
    assert refusal.value.reason == reason


def test_a_clip_that_was_swapped_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    # A build read whatever lay under the name when a worker came to it.
    (tmp_path / "a.wav").write_bytes(b"four")
    status = (tmp_path / "a.wav").stat()
    clip = clip_at(tmp_path / "a.wav", size_bytes=4, modified_ns=status.st_mtime_ns)
    with open_clip(clip) as descriptor:
        assert os.read(descriptor, 9) == b"four"
    member = clip_at(tmp_path / "a.wav", member="x", offset_bytes=1, size_bytes=2, modified_ns=status.st_mtime_ns)
    assert read_clip(member) == b"ou"
    os.utime(tmp_path / "a.wav", ns=(0, 1))
    longer = clip_at(tmp_path / "a.wav", size_bytes=5, modified_ns=1)
    for changed in (clip, member, longer):
        with pytest.raises(ClipRefused) as refusal, open_clip(changed):
            pass
        assert refusal.value.reason == "changed"


def test_a_link_that_was_listed_is_followed_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"one")
    (tmp_path / "secret").write_bytes(b"two")
    (tmp_path / "link.wav").symlink_to("a.wav")
    listed = clip_at(tmp_path / "link.wav", target=str(tmp_path / "a.wav"))
    (tmp_path / "link.wav").unlink()
    (tmp_path / "link.wav").symlink_to("secret")
    assert read_clip(listed) == b"one"
    with pytest.raises(ClipRefused, match="it is a link"), open_clip(clip_at(tmp_path / "link.wav")):
        pass


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(ClipRefused) as refusal, open_clip(clip_at("/nowhere/nul\0.wav")):
        pass
    assert refusal.value.reason == "not_a_file"
