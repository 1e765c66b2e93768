"""Names as lists write them: each finds its file however it is spelled, and a near miss asks for what is there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layouts import csv_bytes, pair_json, tar_bytes, write_tree
from tests.memory_filesystem import MemoryFileSystem
from transforms.sources import Listing, list_clips
from transforms.sources.input_tree import InputTree, Place, Refusal, list_tree
from transforms.sources.names import SEVERAL, NameIndex, is_dropping


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def listed(root: Path, names: list[str], columns: tuple[str, ...] = ("file_name", "caption")) -> Listing:
    write_tree(root, {"metadata.csv": csv_bytes(columns, [[name, f"caption {n}"] for n, name in enumerate(names)])})
    return list_clips("folder", str(root), "mine")


@pytest.mark.parametrize(
    "written",
    [
        "test/é a.wav",
        "./test/é a.wav",
        "test//é a.wav",
        "test/./é a.wav",
        "train/../test/é a.wav",
        "test\\é a.wav",
        ".\\test\\é a.wav",
        " test/é a.wav ",
        "\ufefftest/é a.wav",
        nfd("test/é a.wav"),
        "test/&eacute; a.wav",
        "{root}/test/é a.wav",
        "{root}//test/é a.wav",
        "{link}/test/é a.wav",
    ],
)
def test_every_spelling_is_the_same_clip_of_the_same_split(written: str, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"test/é a.wav": b"1", "train/b.wav": b"1"})
    (tmp_path / "link").symlink_to("in")
    name = written.format(root=root, link=tmp_path / "link")
    write_tree(root, {"metadata.csv": csv_bytes(["file_name", "caption"], [[name, "A dog"]])})
    (clip,) = list_clips("folder", str(tmp_path / "link"), "mine").clips
    assert (clip.source_id, clip.split) == ("test/é a.wav", "test")
    assert clip.path == os.path.join(os.path.realpath(root), "test/é a.wav")


def test_a_disk_that_has_names_in_the_other_form_or_with_space(tmp_path: Path) -> None:
    write_tree(tmp_path, {nfd("é.wav"): b"1", "a .wav": b"1", " b.wav": b"1", "c\\d.wav": b"1"})
    listing = listed(tmp_path, ["é.wav", "a .wav", "b.wav", "c\\d.wav"])
    assert [clip.source_id for clip in listing.clips] == ["é.wav", "a .wav", " b.wav", "c\\d.wav"]
    assert not listing.rejections


def test_one_recording_under_two_spellings_is_a_duplicate(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train/c.wav": b"1", "é.wav": b"1"})
    listing = listed(
        tmp_path,
        ["train/c.wav", "./train/c.wav", "train\\c.wav", f"{tmp_path}/train/c.wav", "é.wav", nfd("é.wav")],
    )
    assert [clip.source_id for clip in listing.clips] == ["train/c.wav", "é.wav"]
    assert {one.reason for one in listing.rejections} == {"duplicate"}
    assert [one.detail for one in listing.rejections] == [
        *(f"metadata.csv line {line}: the input names it twice; metadata.csv line 2 is taken" for line in (3, 4, 5)),
        "metadata.csv line 7: the input names it twice; metadata.csv line 6 is taken",
    ]


def test_one_recording_in_a_tar_under_two_names_is_a_duplicate(tmp_path: Path) -> None:
    write_tree(tmp_path, {"shard.tar": tar_bytes([("train/a.wav", b"1")])})
    listing = listed(tmp_path, ["train/a.wav", "shard/train/a.wav"])
    assert [clip.source_id for clip in listing.clips] == ["train/a.wav"]
    assert [one.reason for one in listing.rejections] == ["duplicate"]


def test_one_file_for_two_splits_of_clotho_is_taken_once(tmp_path: Path) -> None:
    columns = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    lists = {
        f"clotho_captions_{name}.csv": csv_bytes(columns, [["Rain.wav", *"abcde"]])
        for name in ("development", "evaluation")
    }
    listing = list_clips("clotho", str(write_tree(tmp_path, lists | {"Rain.wav": b"1"})), "c")
    assert [clip.split for clip in listing.clips] == ["train"]
    assert [one.reason for one in listing.rejections] == ["duplicate"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("A.WAV", "a.wav"),
        ("deep/B.wav", "Deep/b.wav"),
        ("b.wav", "Deep/b.wav"),
        ("a.mp3", "a.wav"),
        ("a", "a.wav"),
        ("other\\b.wav", "Deep/b.wav"),
        ("/data/old/a.wav", "a.wav"),
        ("C:\\sounds\\a.wav", "a.wav"),
        ("gs://bucket/a.wav", "a.wav"),
        ("nothing.wav", None),
        ("twice.wav", None),
    ],
)
def test_a_near_miss_asks_for_the_file_that_is_there(written: str, meant: str | None, tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.wav": b"1", "Deep/b.wav": b"1", "x/twice.wav": b"1", "y/twice.wav": b"1"})
    (refused,) = listed(tmp_path, [written]).rejections
    assert refused.reason in ("missing", "outside_input")
    assert refused.detail.startswith("metadata.csv line 2: ")
    assert ("did you mean" in refused.detail) == (meant is not None)
    assert meant is None or refused.detail.endswith(f"did you mean {meant}?")


def test_no_file_is_offered_under_its_own_name_or_if_it_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_tree(tmp_path, {"outside.wav": b"1", "in/a.wav": b"1", "in/Deep/b.wav": b"1"})
    (folder / "out.wav").symlink_to(tmp_path / "outside.wav")
    os.mkfifo(folder / "pipe.wav")
    for refused in listed(folder, ["out.wav", "OUT.wav", "x/pipe.wav"]).rejections:
        assert "did you mean" not in refused.detail, refused
    names = NameIndex(["test/a.wav", "b.wav", "c.wav", "C.wav"])
    assert [names.near(name) for name in ("test/a.wav", "b.wav", "c.wav")] == [None, None, None]


@pytest.mark.parametrize(
    "name", ["..\\up.wav", "a\\..\\..\\up.wav", "\\\\server\\up.wav", "{root}/../up.wav", "{root}2/up.wav"]
)
def test_no_spelling_leads_out(name: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {"up.wav": b"1", "in/a.wav": b"1", "in2/up.wav": b"1"})
    (refused,) = listed(tmp_path / "in", [name.format(root=tmp_path / "in")]).rejections
    assert refused.reason == "outside_input"


def test_two_files_that_a_name_fits_are_not_chosen_between(tmp_path: Path) -> None:
    write_tree(tmp_path, {"x /a.wav": b"1", " x/a.wav": b"2"})
    tree = list_tree(str(tmp_path))
    assert isinstance(tree.place(" x/a.wav"), Place)
    found = tree.place("x/a.wav")
    assert isinstance(found, Refusal)
    assert found.reason == "ambiguous"


@given(st.lists(st.text("aé\u0301/\\. &;", min_size=1, max_size=6), max_size=5), st.text("aé\u0301/\\. &;", max_size=6))
def test_no_name_makes_it_raise_or_find_what_is_not_there(names: list[str], written: str) -> None:
    tree = InputTree("/in", dict.fromkeys(names, 1), {})
    tree.place(written), tree.near(written)
    assert NameIndex(names).find(written) in (*names, SEVERAL, None)
    assert all(tree.place(name) == Place(f"/in/{name}", 1) for name in names if name[:1] != "/")


DROPPINGS = {
    "train/._1.flac": b"\0\5\x16\7",
    "train/._1.json": b"\0\5\x16\7",
    "._metadata.csv": b"\0\5\x16\7",
    ".DS_Store": b"x",
    "train/.DS_Store": b"x",
    "Thumbs.db": b"x",
    "train/desktop.ini": b"x",
    "__MACOSX/train/._1.flac": b"x",
    "__MACOSX/train/2.flac": b"x",
    "train/@eaDir/1.flac/SYNOAUDIO.json": b"{}",
    ".git/annex/objects/3.flac": b"x",
    ".ipynb_checkpoints/4.json": b"{}",
}


def test_what_file_managers_leave_is_passed_over(tmp_path: Path) -> None:
    pairs = {"train/1.flac": b"1", "train/1.json": pair_json(1)}
    listing = list_clips("freesound", str(write_tree(tmp_path, pairs | DROPPINGS)), "f")
    assert ([clip.source_id for clip in listing.clips], listing.rejections) == (["1"], ())
    packed = [*((f"./{name}", data) for name, data in DROPPINGS.items()), *pairs.items()]
    listing = list_clips("freesound", str(write_tree(tmp_path / "t", {"0.tar": tar_bytes(packed)})), "f")
    assert ([clip.source_id for clip in listing.clips], listing.rejections) == (["1"], ())
    address = MemoryFileSystem.fresh("memory://bucket/in", pairs | DROPPINGS)
    assert not list_clips("freesound", address, "f").rejections


@pytest.mark.parametrize(
    "name", ["_1.wav", ".hidden.wav", "..wav", "a._b.wav", "Thumbs.db.wav", "git/a.wav", "DS_Store"]
)
def test_what_only_looks_like_a_dropping_is_none(name: str) -> None:
    assert not is_dropping(name)


RELEASE = {"out/release.json": b"{}", "out/README.md": b"", "out/train/00000-of-00001/a.flac": b"1"}


@pytest.mark.parametrize(
    "files", [RELEASE, {"out/.elsa/build.json": b"{}", "out/train/00000-of-00001/a.flac": b"1", "out/x.json": b"{}"}]
)
def test_a_release_within_the_input_is_no_input(files: dict[str, bytes], tmp_path: Path) -> None:
    pairs = {"1.flac": b"1", "1.json": pair_json(1)}
    for root in (str(write_tree(tmp_path, pairs | files)), MemoryFileSystem.fresh("memory://bucket/in", pairs | files)):
        listing = list_clips("freesound", root, "f")
        assert ([clip.source_id for clip in listing.clips], listing.rejections) == (["1"], ())
        assert listing.releases == ("out",)
        assert "out holds a release: passed over as input" in listing.notes
    listing = listed(tmp_path, ["1.flac", "out/train/00000-of-00001/a.flac"])
    assert [(one.file, one.reason) for one in listing.rejections] == [("out/train/00000-of-00001/a.flac", "in_release")]
