"""The gate for files of strangers: what leads elsewhere is refused in one line, and nothing outside is written."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from model.files import (
    FileRefused,
    clear,
    create,
    finish,
    folders_in,
    has_size,
    is_file,
    make_folder,
    open_file,
    open_to_change,
    open_typed,
    plain_parts,
    read_bytes,
    take_files,
    write_text,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "release" / "train" / "00000").mkdir(parents=True)
    (tmp_path / "release" / "train" / "00000" / "a.flac").write_bytes(b"sound")
    (tmp_path / "secret").write_bytes(b"mine")
    return tmp_path / "release"


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../secret", "a/../b", "./a", "a//b", "a/", "a\0b", None, 7, ["a"]]
)
def test_a_name_that_leads_out_is_refused(folder, name):
    with pytest.raises(FileRefused, match="is not the name of a file inside its folder"):
        plain_parts(name)
    with pytest.raises(FileRefused):
        open_file(folder, name)


def test_the_folder_that_the_user_typed_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert read_bytes(tmp_path / "link", "train/00000/a.flac", 5) == b"sound"


@pytest.mark.parametrize("what", ["file", "shard", "split", "loop", "nothing"])
def test_a_link_below_it_is_refused_wherever_it_leads(folder, tmp_path, what):
    path = {"shard": folder / "train" / "00000", "split": folder / "train"}.get(what, folder / "train/00000/a.flac")
    moved = tmp_path / "moved"
    path.rename(moved)
    path.symlink_to({"loop": path, "nothing": tmp_path / "none"}.get(what, moved))
    with pytest.raises(FileRefused, match=f"{path}: a link, and links are not followed here; cp -rL copies"):
        open_file(folder, "train/00000/a.flac")
    assert not is_file(folder, "train/00000/a.flac")


def test_what_is_no_regular_file_is_refused_and_not_waited_for(folder):
    shard = folder / "train" / "00000"
    os.mkfifo(shard / "pipe")
    (shard / "folder").mkdir()
    here = os.getcwd()
    os.chdir(shard)  # A socket's path has a limit.
    try:
        server = socket.socket(socket.AF_UNIX)
        server.bind("socket")
    finally:
        os.chdir(here)
    for name in ("pipe", "folder", "socket"):
        with pytest.raises(FileRefused, match=f"{name}: not a regular file"):
            open_file(folder, f"train/00000/{name}")
        with pytest.raises(FileRefused, match=f"{name}: not a regular file"):
            open_typed(shard / name)
    server.close()
    with pytest.raises(FileRefused, match="not a regular file"):
        open_typed(folder.joinpath("/dev/zero"))
    with pytest.raises(FileNotFoundError):
        open_file(folder, "train/00000/b.flac")


def test_a_file_that_is_swapped_for_a_pipe_is_refused_when_it_is_opened(folder, monkeypatch):
    """The check before the open sees the file as it was, and the check of the open file sees the pipe."""
    path = folder / "train" / "00000" / "a.flac"
    before, real = path.stat(), os.stat
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda name, **options: before if name == "a.flac" else real(name, **options))
    with pytest.raises(FileRefused, match="not a regular file"):
        open_file(folder, "train/00000/a.flac")


def test_descriptors_are_closed_whatever_happens(folder):
    (folder / "train" / "link").symlink_to(folder)
    before = len(os.listdir("/dev/fd"))
    for name in ("train/00000/a.flac", "train/link/a.flac", "train/00000", "../secret", "train/none/x"):
        with contextlib.suppress(OSError):
            open_file(folder, name).close()
    assert len(os.listdir("/dev/fd")) == before


def test_a_file_larger_than_its_limit_is_refused(folder):
    with pytest.raises(FileRefused, match=r"a\.flac: larger than 4 bytes"):
        read_bytes(folder, "train/00000/a.flac", 4)


def test_a_link_among_the_shards_is_named(folder, tmp_path):
    (folder / "train" / "note").write_text("a file is passed over")
    assert folders_in(folder, "train") == ["00000"]
    (folder / "train" / "00001").symlink_to(tmp_path)
    with pytest.raises(FileRefused, match="00001: a link"):
        folders_in(folder, "train")


@pytest.mark.parametrize("name", ["run.json", "run.json.part"])
def test_writing_replaces_a_link_and_not_what_it_leads_to(folder, tmp_path, name):
    (folder / name).symlink_to(tmp_path / "secret")
    write_text(folder, "run.json", "ours")
    assert (tmp_path / "secret").read_text() == "mine"
    assert (folder / "run.json").read_text() == "ours"
    assert not (folder / "run.json").is_symlink()


def test_a_kept_file_is_never_a_link(folder, tmp_path):
    (folder / "sound.part").symlink_to(tmp_path / "secret")
    assert not has_size(folder, "sound.part", 4)
    with pytest.raises(FileRefused, match="a link"):
        open_to_change(folder, "sound.part")
    with create(folder, "sound.part") as file:
        file.write(b"new")
    assert has_size(folder, "sound.part", 3)
    assert (tmp_path / "secret").read_text() == "mine"


def test_folders_are_made_emptied_and_taken_over_without_following_links(folder, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    for name in ("model.part", "tensorboard"):
        (folder / name).symlink_to(kept)
        with pytest.raises(FileRefused, match="not a folder"):
            make_folder(folder, name)
        clear(folder, name)
    (make_folder(folder, "model.part") / "config.json").write_text("ours")
    (folder / "config.json").symlink_to(kept / "file")
    take_files(folder, "model.part")
    assert (folder / "config.json").read_text() == "ours"
    (make_folder(folder, "model.part") / "link").symlink_to(kept)
    clear(folder, "model.part")
    assert (kept / "file").read_text() == "mine"
    assert not (folder / "model.part").exists()


def test_a_link_in_the_place_of_the_written_part_is_refused(folder, tmp_path):
    (folder / "curve.png.part").symlink_to(tmp_path / "secret")
    with pytest.raises(FileRefused):
        finish(folder, "curve.png")
