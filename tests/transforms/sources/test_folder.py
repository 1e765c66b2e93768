"""AudioFolders as people write them, and what is refused of them before any file is opened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.layouts import csv_bytes, tar_bytes, write_tree
from tests.sounds import write_folder
from transforms.sound.clip_file import read_clip
from transforms.sources import SourceUnusable, list_clips
from transforms.sources.folder import list_folder


def reasons(folder: Path) -> dict[str, str]:
    return {rejection.file: rejection.reason for rejection in list_folder(str(folder), "mine").rejections}


def test_a_csv_with_all_columns(tmp_path: Path) -> None:
    entry = {
        "file_name": "deep/a & b, c.wav",
        "caption": '"NA", he said',
        "split": "dev",
        "license": "CC0-1.0",
        "author": "somebody",
        "source_url": "https://example.org/1",
    }
    (clip,) = list_folder(str(write_folder(tmp_path, [entry])), "mine").clips
    assert (clip.source_id, clip.split, clip.captions) == ("deep/a & b, c.wav", "validation", ('"NA", he said',))
    assert (clip.license, clip.attribution, clip.source_url) == ("CC0-1.0", "somebody", "https://example.org/1")


@pytest.mark.parametrize("column", ["caption", "captions"])
@pytest.mark.parametrize("kind", ["csv of JSON", "csv of pandas", "csv of arrays", "jsonl", "parquet"])
def test_several_captions_a_clip_in_every_kind_of_list(kind: str, column: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    table = pd.DataFrame([{"file_name": "a.wav", column: ["one", "", " two "]}])
    if kind.startswith("csv"):
        text = {"JSON": json.dumps, "pandas": str, "arrays": np.array}[kind.split()[-1]]
        table.assign(**{column: table[column].map(text)}).to_csv(tmp_path / "metadata.csv", index=False)
    elif kind == "jsonl":
        table.to_json(tmp_path / "metadata.jsonl", orient="records", lines=True)
    else:
        table.to_parquet(tmp_path / "metadata.parquet")
    (clip,) = list_folder(str(tmp_path), "mine").clips
    assert clip.captions == ("one", "two")


def test_without_a_split_column_the_innermost_telling_folder_tells_the_split(tmp_path: Path) -> None:
    names = ["test/a.wav", "val/b.wav", "rain/c.wav", "d.wav", "audio/test/far/e.wav", "train/val/f.wav"]
    folder = write_folder(tmp_path, [{"file_name": name, "caption": "x"} for name in names])
    splits = {clip.source_id: clip.split for clip in list_folder(str(folder), "mine").clips}
    assert splits == {
        **{"test/a.wav": "test", "val/b.wav": "validation", "rain/c.wav": "train", "d.wav": "train"},
        **{"audio/test/far/e.wav": "test", "train/val/f.wav": "validation"},
    }


def test_entries_that_cannot_be_used_are_refused_one_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub.wav").mkdir(parents=True)
    (tmp_path / "secret.wav").write_bytes(b"")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "a.wav").write_bytes(b"")
    (folder / "b.wav").write_bytes(b"")
    rows = [
        {"file_name": name, "caption": caption, "split": split}
        for name, caption, split in [
            ("a.wav", "first", ""),
            ("a.wav", "again", ""),
            ("b.wav", "  ", ""),
            ("gone.wav", "x", ""),
            ("sub.wav", "x", ""),
            ("link.wav", "x", ""),
            ("../secret.wav", "x", ""),
            (str(tmp_path / "secret.wav"), "x", ""),
            ("c.wav", "x", "holdout"),
            ("", "x", ""),
        ]
    ]
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    listing = list_folder(str(folder), "mine")
    assert [clip.captions for clip in listing.clips] == [("first",)]
    assert reasons(folder) == {
        "a.wav": "duplicate",
        "b.wav": "no_caption",
        "gone.wav": "missing",
        "sub.wav": "not_a_file",
        "link.wav": "outside_input",
        "../secret.wav": "outside_input",
        str(tmp_path / "secret.wav"): "outside_input",
        "c.wav": "unknown_split",
        "(no name)": "no_file_name",
    }


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({}, "none of"),
        ({"metadata.csv": b"file_name,caption\n", "metadata.jsonl": b""}, "more than one"),
        ({"metadata.csv": b"name,caption\na,b\n"}, "file_name"),
        ({"metadata.csv": b"file_name,text\na,b\n"}, "caption"),
        ({"metadata.csv": b'file_name,"caption\na,b\n'}, "cannot be read: line 1"),
        ({"metadata.zip": b""}, "zip archives"),
        ({"metadata.csv": b""}, "cannot be read"),
        ({"metadata.jsonl": b"{not json}\n"}, "cannot be read"),
        ({"metadata.parquet": b"PAR1 but no more"}, "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_clear_line(files: dict[str, bytes], named: str, tmp_path: Path) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceUnusable, match=named) as error:
        list_folder(str(tmp_path), "mine")
    assert "\n" not in str(error.value)


def test_an_unknown_layout_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match="folder"):
        list_clips("tape", str(tmp_path), "mine")


def test_a_list_in_latin_1_with_broken_lines_keeps_its_good_ones(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"1")
    (tmp_path / "metadata.csv").write_bytes(b"file_name,caption\ra.wav,Caf\xe9\r\xff\xfe.wav,x\r,lost\r")
    listing = list_folder(str(tmp_path), "mine")
    assert [clip.captions for clip in listing.clips] == [("Café",)]
    assert reasons(tmp_path) == {"ÿþ.wav": "missing", "(no name)": "no_file_name"}


def test_a_broken_line_of_a_jsonl_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"1")
    lines = ['{"file_name": "a.wav", "caption": "A"}', "[1]", '{"file_name": "b.wav", "capt', '{"caption": 3}']
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    listing = list_folder(str(tmp_path), "mine")
    assert [clip.source_id for clip in listing.clips] == ["a.wav"]
    assert reasons(tmp_path) == {
        "metadata.jsonl:2": "broken_json",
        "metadata.jsonl:3": "broken_json",
        "(no name)": "no_file_name",
    }


def test_files_in_tars_are_found_by_their_names(tmp_path: Path) -> None:
    names = ["train/a.wav", "shard/b.wav", "test/c.wav", "d.wav"]
    entries = csv_bytes(["file_name", "caption"], [[name, "x"] for name in names])
    write_tree(
        tmp_path,
        {
            "metadata.csv": entries,
            "d.wav": b"loose",
            "all.tar": tar_bytes([("train/a.wav", b"a"), ("d.wav", b"packed")]),
            "shard.tar": tar_bytes([("b.wav", b"b")])[:1000],
            "test.tar": tar_bytes([("c.wav", b"c"), ("../up.wav", b"x")]),
        },
    )
    listing = list_folder(str(tmp_path), "mine")
    assert {clip.source_id: (clip.split, read_clip(clip)) for clip in listing.clips} == {
        "train/a.wav": ("train", b"a"),
        "shard/b.wav": ("train", b"b"),
        "test/c.wav": ("test", b"c"),
        "d.wav": ("train", b"loose"),
    }
    assert reasons(tmp_path) == {"shard.tar": "truncated", "test.tar/../up.wav": "outside_input"}


def test_captions_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.wav").write_bytes(name.encode())
    captions: list[object] = [{"raw": "A dog"}, ["A dog", ["A cat"]], "['A dog', 'A", 3, ["A dog", None]]
    rows = [{"file_name": f"{name}.wav", "caption": value} for name, value in zip("abcde", captions, strict=True)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    listing = list_folder(str(tmp_path), "mine")
    assert [clip.captions for clip in listing.clips] == [("A dog",)]
    assert {one.reason for one in listing.rejections} == {"unreadable_caption"}
    assert [one.detail.partition(": ")[0] for one in listing.rejections] == [
        f"metadata.jsonl line {n}" for n in (1, 2, 3, 4)
    ]


def test_captions_fall_back_to_caption_where_they_are_a_gap(tmp_path: Path) -> None:
    rows = [
        {"file_name": "a.wav", "captions": captions, "caption": "A dog"} for captions in ("", "[]", "nan", "['A cat']")
    ]
    (tmp_path / "a.wav").write_bytes(b"1")
    found = []
    for row in rows:
        (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
        found += [clip.captions for clip in list_folder(str(tmp_path), "mine").clips]
    assert found == [("A dog",)] * 3 + [("A cat",)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_label_of_a_clip_is_read_in_every_kind_of_list(kind: str, tmp_path: Path) -> None:
    labels = ["dog", "nan", None, " Door  knock\n", "cafe\u0301"]
    rows = [{"file_name": f"{number}.wav", "caption": "x", "label": one} for number, one in enumerate(labels)]
    for number in range(len(rows)):
        (tmp_path / f"{number}.wav").write_bytes(b"%d" % number)
    table = pd.DataFrame(rows)
    if kind == "csv":
        table.to_csv(tmp_path / "metadata.csv", index=False)
    elif kind == "jsonl":
        (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    else:
        table.to_parquet(tmp_path / "metadata.parquet")
    listing = list_folder(str(tmp_path), "mine")
    assert [clip.label for clip in listing.clips] == ["dog", None, None, "Door knock", "caf\u00e9"]
    assert listing.bad_labels == ()


def test_a_label_that_cannot_be_used_is_named_and_costs_no_clip(tmp_path: Path) -> None:
    labels: list[object] = [["dog", "bark"], {"id": 3}, 3.5, True, "x" * 201, "['dog', 'bark']", 7]
    rows = [{"file_name": f"{number}.wav", "caption": "x", "label": one} for number, one in enumerate(labels)]
    for number in range(len(rows)):
        (tmp_path / f"{number}.wav").write_bytes(b"%d" % number)
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    listing = list_folder(str(tmp_path), "mine")
    assert [clip.label for clip in listing.clips] == [None] * 6 + ["7"]
    assert [one.partition(": ")[0] for one in listing.bad_labels] == [f"metadata.jsonl line {n}" for n in range(1, 7)]
    (note,) = (note for note in listing.notes if "label" in note)
    assert note == (
        "6 clips with a label that cannot be used: taken without one "
        "(metadata.jsonl line 1: a label is a list of 2; it has to be one text)"
    )


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_a_list_that_is_a_link_out_of_the_input_is_said_to_be_one(name: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {"in/a.wav": b"1", "blobs/1": b"file_name,caption\na.wav,A dog\n"})
    (tmp_path / "in" / name).symlink_to("../blobs/1")
    with pytest.raises(SourceUnusable, match="a link that leads out of the input"):
        list_folder(str(tmp_path / "in"), "mine")
    (tmp_path / "in" / name).unlink()
    (tmp_path / "in" / name).symlink_to("nothing")
    with pytest.raises(SourceUnusable, match="a link to nothing"):
        list_folder(str(tmp_path / "in"), "mine")


def test_a_list_that_lies_elsewhere_or_is_called_otherwise_is_named(tmp_path: Path) -> None:
    for name in ("train/metadata.csv", "Metadata.CSV", "metadata.tsv"):
        with pytest.raises(SourceUnusable, match=f"it has {name}"):
            list_folder(str(write_tree(tmp_path / name.replace("/", " "), {name: b"", "a.wav": b""})), "mine")


def test_files_that_the_list_does_not_name_are_counted(tmp_path: Path) -> None:
    rows = csv_bytes(["file_name", "caption"], [["a.wav", "A"], ["./b.wav", ""], ["c.wav", "C"], ["t.wav", "T"]])
    loose = {"a.wav": b"1", "b.wav": b"1", "deep/d.mp3": b"1", "e.FLAC": b"1", "notes.txt": b"", "._a.wav": b""}
    (tmp_path / "away.wav").write_bytes(b"1")
    root = write_tree(tmp_path / "in", {"metadata.csv": rows, **loose})
    assert list_folder(str(root), "mine").unlisted == 2
    write_tree(root, {"t.tar": tar_bytes([("t.wav", b"1"), ("u.wav", b"1"), ("u.json", b"1")])})
    listing = list_folder(str(root), "mine")
    assert listing.unlisted == 3
    assert "3 sound files of the input that the list does not name: left out" in listing.notes
