"""One listing of an input, and nothing that lies outside of it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layouts import write_tree
from tests.memory_filesystem import MemoryFileSystem
from transforms.sources import SourceUnusable
from transforms.sources.input_tree import Place, Refusal, list_tree
from transforms.sources.names import inside_name


def reason(found: object) -> str | None:
    return found.reason if isinstance(found, Refusal) else None


def test_a_local_folder(tmp_path: Path) -> None:
    write_tree(tmp_path, {"in/b/a.wav": b"12", "in/-x.wav": b"1", "in/tab\tle, é.wav": b"", "outside.wav": b"secret"})
    root = tmp_path / "in"
    (root / "link.wav").symlink_to("b/a.wav")
    (root / "out.wav").symlink_to("../outside.wav")
    (root / "gone.wav").symlink_to("nothing")
    (root / "here").symlink_to("b")
    (root / "there").symlink_to("..")
    (root / "folder.wav").mkdir()
    os.mkfifo(root / "pipe.wav")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(root / "s.wav")) if len(str(root)) < 90 else os.mkfifo(root / "s.wav")
    listener.close()
    tree = list_tree(str(root))
    assert dict(tree.sizes) == {"-x.wav": 1, "b/a.wav": 2, "link.wav": 2, "tab\tle, é.wav": 0}
    assert list(tree.sizes) == sorted(tree.sizes)
    assert {name: refusal.reason for name, refusal in tree.refused.items()} == {
        "out.wav": "outside_input",
        "there": "outside_input",
        "gone.wav": "missing",
        "here": "not_a_file",
        "folder.wav": "not_a_file",
        "pipe.wav": "not_a_file",
        "s.wav": "not_a_file",
    }
    assert tree.place("./b/../b/a.wav") == Place(os.path.join(os.path.realpath(root), "b/a.wav"), 2)
    assert reason(tree.place("../outside.wav")) == reason(tree.place("there/outside.wav")) == "outside_input"
    assert reason(tree.place("b")) == "not_a_file"
    assert tree.place("nothing.wav") is None


def test_a_folder_that_may_not_be_read_costs_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {"a.wav": b"1", "closed/b.wav": b"1"})
    scandir = os.scandir

    def closed(path: str) -> object:
        if path.rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    tree = list_tree(str(tmp_path))
    assert list(tree.sizes) == ["a.wav"]
    assert reason(tree.place("closed/b.wav")) == "unreadable"


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    assert [refusal.reason for refusal in list_tree(str(tmp_path)).refused.values()] == ["broken_name"]


def test_no_folder_and_a_file_are_said_in_one_line(tmp_path: Path) -> None:
    write_tree(tmp_path, {"file": b""})
    for path, named in ((tmp_path / "none", "no such folder"), (tmp_path / "file", "not a folder")):
        with pytest.raises(SourceUnusable, match=named):
            list_tree(str(path))


def test_a_remote_prefix_is_listed_once_and_names_that_lead_out_are_refused() -> None:
    files = {"b/a.wav": b"12", "c.wav": b"1", "../up.wav": b"1", "b//d.wav": b"1", "marker/": b""}
    tree = list_tree(MemoryFileSystem.fresh("memory://bucket/in", files))
    assert dict(tree.sizes) == {"b/a.wav": 2, "c.wav": 1}
    assert set(tree.refused) == {"../up.wav", "b//d.wav"}
    assert tree.place("b/a.wav") == Place("memory://bucket/in/b/a.wav", 2)
    assert len(MemoryFileSystem.listings) == 1
    with pytest.raises(SourceUnusable, match="no such folder"):
        list_tree("memory://bucket/none")
    with pytest.raises(SourceUnusable, match="nowhere"):
        list_tree("nowhere://bucket/none")


@given(st.lists(st.sampled_from(["..", ".", "a", "b.wav", "", "c d"]), max_size=8).map("/".join))
def test_a_name_is_inside_exactly_where_its_path_is(name: str) -> None:
    root = "/folder/of/input"
    path = os.path.normpath(os.path.join(root, name))
    inside = path == root or path.startswith(root + "/")
    found = inside_name(name)
    assert (found is not None) == inside
    if found is not None:
        assert os.path.normpath(os.path.join(root, found)) == path
