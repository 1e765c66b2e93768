"""A name that came from outside leads to a regular file inside its folder, or is refused in one line."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memory_filesystem import MemoryFileSystem
from transforms.bounds.limits import MOST_LIST_BYTES
from transforms.storage import folder_files
from transforms.storage.folder_files import NameRefused

SECRET = b"a secret of the user's"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside a secret, with a file and with names that lead elsewhere."""
    (tmp_path / "secret").write_bytes(SECRET)
    inside = tmp_path / "release"
    (inside / "train" / "00000").mkdir(parents=True)
    (inside / "train" / "00000" / "a.flac").write_bytes(b"sound")
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "inner").symlink_to("train/00000/a.flac")
    (inside / "out").symlink_to(tmp_path)
    (inside / "dangling").symlink_to(tmp_path / "nothing")
    (inside / "device").symlink_to("/dev/zero")
    os.mkfifo(inside / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        # The address of a socket may have a hundred characters.
        here = os.open(inside, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    return inside


BAD_NAMES = (
    "",
    ".",
    "..",
    "/etc/passwd",
    "../secret",
    "train/../../secret",
    "train//00000",
    "./train",
    "train/",
    "a\0b",
)
SPECIAL = ("link", "inner", "out", "out/secret", "dangling", "device", "pipe", "socket", "train", "train/00000")


@pytest.mark.parametrize("name", [*BAD_NAMES, *SPECIAL, None, 7, b"a", "\ud800"])
def test_what_is_no_file_of_the_folder_is_refused_in_one_line(folder: Path, name: str) -> None:
    for read in (folder_files.read_bytes, folder_files.size_of, folder_files.open_file):
        with pytest.raises(NameRefused) as caught:
            read(str(folder), name)
        assert "\n" not in str(caught.value)
        assert caught.value.strerror


@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_no_regular_file_does_not_exist(folder: Path, name: str) -> None:
    assert not folder_files.exists(str(folder), name)


def test_the_folder_that_the_user_named_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shortcut").symlink_to(folder)
    shortcut = str(tmp_path / "shortcut")
    assert folder_files.read_bytes(shortcut, "train/00000/a.flac") == b"sound"
    folder_files.write_bytes(shortcut, "train/00000/b.flac", b"more")
    assert folder_files.list_files(shortcut, "train") == ["00000/a.flac", "00000/b.flac"]


def test_a_missing_file_is_said_to_be_missing_with_its_path(folder: Path) -> None:
    for name in ("train/none", "none/none", "train/00000/a.flac/none"):
        with pytest.raises((FileNotFoundError, NotADirectoryError), match=name):
            folder_files.read_bytes(str(folder), name)


def test_a_file_above_the_limit_is_not_read(folder: Path) -> None:
    assert folder_files.read_bytes(str(folder), "train/00000/a.flac", most_bytes=5) == b"sound"
    with pytest.raises(OSError, match="is larger than 4 bytes"):
        folder_files.read_bytes(str(folder), "train/00000/a.flac", most_bytes=4)


def test_a_file_that_is_empty_but_for_its_length_fills_no_memory(folder: Path) -> None:
    sparse = folder / "lock.json"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="is larger than"):
        folder_files.read_bytes(str(folder), "lock.json")
    with pytest.raises(OSError, match="is larger than"):
        folder_files.read_listed(str(sparse), MOST_LIST_BYTES)


WRITES: list[Callable[[str, str], object]] = [
    lambda folder, name: folder_files.write_bytes(folder, name, b"x"),
    lambda folder, name: os.close(folder_files.open_for_writing(folder, name, os.O_RDWR)),
    lambda folder, name: folder_files.remove_folder(folder, f"{name}/deep"),
    folder_files.make_folder,
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("name", ["out/new", "../new", "/tmp/new", "out/deep/new"])
def test_nothing_is_written_or_removed_outside(
    folder: Path, tmp_path: Path, write: Callable[[str, str], object], name: str
) -> None:
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "kept").write_bytes(SECRET)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NameRefused):
        write(str(folder), name)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "secret").read_bytes() == SECRET


def test_a_link_is_replaced_by_what_is_written_under_its_name(folder: Path, tmp_path: Path) -> None:
    folder_files.write_bytes(str(folder), "link", b"new")
    assert not (folder / "link").is_symlink()
    assert (folder / "link").read_bytes() == b"new"
    assert (tmp_path / "secret").read_bytes() == SECRET


def test_a_planted_partial_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    (folder / f".a.{os.getpid()}.partial").symlink_to(tmp_path / "secret")
    folder_files.write_bytes(str(folder), "a", b"new")
    assert (folder / "a").read_bytes() == b"new"
    assert (tmp_path / "secret").read_bytes() == SECRET
    assert not any(path.name.endswith(".partial") for path in folder.iterdir())


def test_an_open_file_is_never_a_link_or_a_pipe(folder: Path) -> None:
    for name in ("link", "dangling", "pipe", "device"):
        with pytest.raises(NameRefused):
            folder_files.open_for_writing(str(folder), name, os.O_RDWR)


def test_links_are_removed_and_not_what_they_lead_to(folder: Path, tmp_path: Path) -> None:
    folder_files.remove_files(str(folder), ["link", "never", "none/never"])
    folder_files.remove_folder(str(folder), "out")
    folder_files.remove_folder(str(folder), "train")
    assert not (folder / "link").is_symlink()
    assert not (folder / "train").exists()
    assert (tmp_path / "secret").read_bytes() == SECRET


def test_a_listing_follows_nothing(folder: Path) -> None:
    listed = folder_files.list_files(str(folder))
    assert "train/00000/a.flac" in listed
    assert not any(name.startswith("out/") for name in listed)
    kinds = {entry.name: (entry.is_folder, entry.is_file) for entry in folder_files.entries_in(str(folder))}
    assert kinds["train"] == (True, False)
    assert kinds["out"] == kinds["link"] == kinds["pipe"] == (False, False)
    for listing in (folder_files.list_files, folder_files.entries_in):
        with pytest.raises(NameRefused):
            listing(str(folder), "out")
    assert folder_files.list_files(str(folder), "never") == []


def test_a_write_that_fails_leaves_the_old_file_and_no_other(folder: Path) -> None:
    with pytest.raises(OSError, match="train"):
        folder_files.write_bytes(str(folder), "train", b"x")
    assert (folder / "train" / "00000" / "a.flac").read_bytes() == b"sound"
    assert not any(path.name.endswith(".partial") for path in folder.iterdir())


def test_an_input_that_was_swapped_for_a_link_since_it_was_listed_is_refused(folder: Path, tmp_path: Path) -> None:
    clip = folder / "train" / "00000" / "a.flac"
    assert folder_files.read_listed(str(clip), 5) == b"sound"
    (folder / "train" / "00000").rename(tmp_path / "moved")
    (folder / "train" / "00000").symlink_to(tmp_path / "moved")
    with pytest.raises(NameRefused):
        folder_files.read_listed(str(clip), 5)


@given(st.text(st.sampled_from("ab./\\\0é"), max_size=9))
def test_a_plain_name_never_leads_out(name: str) -> None:
    try:
        plain = folder_files.plain_name(name)
    except NameRefused:
        return
    assert plain == name
    assert os.path.normpath(os.path.join("/folder", plain)) == f"/folder/{name}"


def test_names_on_a_remote_store_are_checked_as_text() -> None:
    address = MemoryFileSystem.fresh("memory://bucket/release", {"train/a": b"one", "other": b"two"})
    assert folder_files.read_bytes(address, "train/a") == b"one"
    assert folder_files.exists(address, "train/a")
    assert folder_files.list_files(address, "train") == ["a"]
    uses = (folder_files.read_bytes, folder_files.exists, lambda at, one: folder_files.write_bytes(at, one, b""))
    for name in ("../other", "/a", "a//b"):
        for use in uses:
            with pytest.raises(NameRefused):
                use(address, name)
