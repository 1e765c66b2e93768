"""Clips of Freesound as they lie on disks: LAION's pairs, loose and in tars, and WavCaps' lists, oddities included."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.layouts import csv_bytes, pair_json, tar_bytes, wavcaps_item, wavcaps_json, write_tree
from transforms.records import Clip
from transforms.shards.plan_shards import input_sha256
from transforms.sound.clip_file import read_clip
from transforms.sources import Listing, Selection, SourceUnusable, list_clips

LIST = "json_files/FreeSound/fsd_final.json"


def listed(root: Path | str, selection: Selection | None = None) -> Listing:
    return list_clips("freesound", str(root), "freesound", selection or Selection())


def reasons(listing: Listing) -> dict[str, str]:
    return {rejection.file: rejection.reason for rejection in listing.rejections}


def by_id(listing: Listing) -> dict[str, Clip]:
    return {clip.source_id: clip for clip in listing.clips}


ODD_PAIRS = {
    "train/0.flac": b"zero",
    "train/0.json": pair_json(100, license="http://creativecommons.org/licenses/by-nc/3.0/"),
    "train/-1.wav": b"one",
    "train/-1.json": pair_json(101, ["Rain &amp; wind,\r\n café.wav.", ".", "rain & wind, café."]),
    "valid/2.ogg": b"two",
    "valid/2.json": pair_json(102, [], title="x"),
    "test/3.flac": b"three",
    "test/3.json": pair_json(None, "One text \ud83d and \0 no list"),
    "train/4.flac": b"no text",
    "train/5.json": pair_json(105),
    "train/6.flac": b"cut",
    "train/6.json": pair_json(106)[:40],
    "train/7.flac": b"no caption",
    "train/7.json": json.dumps({"text": ["", "."], "tag": [], "original_data": {"id": 107}}).encode(),
    "train/8.flac": b"again",
    "train/8.json": pair_json(100),
    "holdout/9.flac": b"where",
    "holdout/9.json": pair_json(109),
    "train/10.flac": b"latin",
    "train/10.json": '{"text": ["Café."], "original_data": {"id": "110"}}'.encode("latin-1"),
    "train/11.flac": b"wide",
    "train/11.json": '{"text": ["Café."], "original_data": {"id": 111}}'.encode("utf-16"),
    "train/12.flac": b"list",
    "train/12.json": b"[1, 2]",
    "train/sizes.json": b'{"0.tar": 512}',
}


def check_pairs(listing: Listing) -> None:
    clips = by_id(listing)
    assert {name: (clip.split, clip.captions) for name, clip in clips.items()} == {
        "100": ("train", ("A title.", "A dog barks.")),
        "101": ("train", ("Rain & wind, café.",)),
        "102": ("validation", ("The sounds of dog and bark.",)),
        "test/3": ("test", ("One text ? and no list",)),
        "110": ("train", ("Café.",)),
        "111": ("train", ("Café.",)),
    }
    first = clips["100"]
    assert (first.license, first.attribution) == ("CC-BY-NC-3.0", "someone")
    assert first.source_url == "https://freesound.org/s/100/"
    assert (clips["101"].license, clips["test/3"].source_url) == (None, None)
    assert {name: read_clip(clip) for name, clip in clips.items()} == {
        "100": b"zero",
        "101": b"one",
        "102": b"two",
        "test/3": b"three",
        "110": b"latin",
        "111": b"wide",
    }


def test_pairs(tmp_path: Path) -> None:
    listing = listed(write_tree(tmp_path, ODD_PAIRS))
    check_pairs(listing)
    assert reasons(listing) == {
        "train/4.flac": "no_text",
        "train/5.json": "missing",
        "train/6.json": "broken_json",
        "train/7.json": "no_caption",
        "train/8.json": "duplicate",
        "holdout/9.json": "unknown_split",
        "train/12.json": "broken_json",
    }


def test_pairs_in_tars_are_the_same_input(tmp_path: Path) -> None:
    # The names in LAION's own tars begin with the folders of the machine that packed them.
    tars: dict[str, list[tuple[str, bytes]]] = {}
    for number, (name, data) in enumerate(sorted(ODD_PAIRS.items())):
        folder, _, base = name.partition("/")
        # A clip without an id is called as it lies; keep that name here.
        member = base if folder == "test" else f"mnt/audio/processed_datasets/freesound/{base}"
        tars.setdefault(f"{folder}.tar" if folder == "test" else f"{folder}/{number // 30}.tar", []).append(
            (member, data)
        )
    packed = listed(write_tree(tmp_path / "tars", {name: tar_bytes(members) for name, members in tars.items()}))
    check_pairs(packed)
    loose = listed(write_tree(tmp_path / "pairs", ODD_PAIRS))
    assert input_sha256(packed.clips) == input_sha256(loose.clips)
    assert sorted(one.reason for one in packed.rejections) == sorted(one.reason for one in loose.rejections)
    clip = by_id(packed)["100"]
    assert (clip.member, clip.file_name, clip.size_bytes) == (
        "mnt/audio/processed_datasets/freesound/0.flac",
        "mnt/audio/processed_datasets/freesound/0.flac",
        4,
    )


def test_a_cut_tar_and_a_hostile_one_cost_themselves(tmp_path: Path) -> None:
    link = tarfile.TarInfo("3.flac")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    cut = tar_bytes(
        [("1.flac", b"x" * 600), ("1.json", pair_json(1)), ("2.flac", b"y" * 600), ("2.json", pair_json(2))]
    )
    hostile = tar_bytes(
        [(link, b""), ("3.json", pair_json(3)), ("../4.flac", b"z"), ("../4.json", pair_json(4)), ("/5.flac", b"z")]
    )
    good = tar_bytes([("6.json", pair_json(6)), ("other.txt", b"?"), ("6.mp3", b"z")])
    write_tree(
        tmp_path, {"train/a.tar": cut[:4000], "train/b.tar": hostile, "train/c.tar": good, "train/d.tar.gz": b"1"}
    )
    listing = listed(tmp_path)
    assert set(by_id(listing)) == {"1", "6"}
    assert reasons(listing) == {
        "train/d.tar.gz": "compressed_tar",
        "train/a.tar": "truncated",
        "train/a/2.flac": "no_text",
        "train/b.tar/3.flac": "not_a_file",
        "train/b/3.json": "missing",
        "train/b.tar/../4.flac": "outside_input",
        "train/b.tar/../4.json": "outside_input",
        "train/b.tar//5.flac": "outside_input",
    }
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "b.tar", "c.tar", "d.tar.gz", "train"]


WAVCAPS = wavcaps_json(
    [
        wavcaps_item(1),
        wavcaps_item(2, "A &quot;second&quot; one, with commas."),
        wavcaps_item(2, "again"),
        wavcaps_item(3),
        wavcaps_item(4, " "),
        {"caption": "no id"},
        {"id": 5, "caption": None, "caption_2": "two", "caption_1": "one", "author": 7},
    ]
)
WAVCAPS_REASONS = {"2": "duplicate", "3": "missing", "4": "no_caption", f"{LIST}[5]": "no_id"}
DEEP = "Zip_files/FreeSound/mnt/fast/nobackup/WavCaps/data/waveforms/FreeSound_flac"


@pytest.mark.parametrize("packed", [False, True])
def test_wavcaps(packed: bool, tmp_path: Path) -> None:
    audio = {f"{number}.flac": f"sound {number}".encode() for number in (1, 2, 4, 5)}
    # SoundBible has numbers of its own, and fsd_final_2s.json names clips of fsd_final.json again.
    files = {
        LIST: WAVCAPS,
        "json_files/FreeSound/fsd_final_2s.json": wavcaps_json([wavcaps_item(1)]),
        "json_files/SoundBible/sb_final.json": wavcaps_json([wavcaps_item(3)]),
        "Zip_files/SoundBible/SoundBible_flac/3.flac": b"another 3",
        "Zip_files/FreeSound/FreeSound.z01": b"zip",
    }
    if packed:
        files["FreeSound/0.tar"] = tar_bytes([(f"FreeSound_flac/{name}", data) for name, data in audio.items()])
    else:
        files |= {f"{DEEP}/{name}": data for name, data in audio.items()}
    listing = listed(write_tree(tmp_path, files), Selection(split_shares={"train": 1.0}))
    clips = by_id(listing)
    assert {name: (clip.split, clip.captions) for name, clip in clips.items()} == {
        "1": ("train", ("A traditional ringtone is playing.",)),
        "2": ("train", ('A "second" one, with commas.',)),
        "5": ("train", ("one", "two")),
    }
    assert clips["1"].source_url == "https://freesound.org/people/someone/sounds/1/"
    assert (clips["1"].attribution, clips["5"].attribution, clips["1"].license) == ("someone", None, None)
    assert {name: read_clip(clip) for name, clip in clips.items()} == {
        n: f"sound {n}".encode() for n in ("1", "2", "5")
    }
    assert reasons(listing) == WAVCAPS_REASONS


def test_a_list_of_wavcaps_that_is_cut_keeps_what_came_before(tmp_path: Path) -> None:
    whole = wavcaps_json([wavcaps_item(1), wavcaps_item(2)])
    listing = listed(write_tree(tmp_path, {LIST: whole[:-30], "a/1.flac": b"1", "a/2.flac": b"2"}))
    assert set(by_id(listing)) == {"1"}
    assert reasons(listing) == {LIST: "broken_json"}
    write_tree(tmp_path, {LIST: b"version https://git-lfs.github.com/spec/v1\n"})
    with pytest.raises(SourceUnusable, match="cannot be read"):
        listed(tmp_path)


def test_licences_come_from_a_list_beside_what_has_none(tmp_path: Path) -> None:
    rows = [["1", "http://creativecommons.org/licenses/by/4.0/", "author"], ["2", "Sampling+", ""], ["x", "CC0", ""]]
    licences = csv_bytes(["freesound_id", "license", "username"], rows)
    items = wavcaps_json([wavcaps_item(number) for number in (1, 2, 3)])
    audio = {f"a/{number}.flac": b"1" for number in (1, 2, 3)}
    write_tree(tmp_path, {LIST: items, "licenses.csv": licences, **audio})
    assert [clip.license for clip in listed(tmp_path).clips] == ["CC-BY-4.0", "Sampling+-1.0", None]
    chosen = listed(tmp_path, Selection(licenses=("CC-BY", "CC0-1.0")))
    assert set(by_id(chosen)) == {"1"}
    assert reasons(chosen) == {"2": "licence", "3": "licence"}
    assert "no known licence" in chosen.rejections[1].detail


def test_clips_that_are_excluded_are_named_whatever_else_is_wrong_with_them(tmp_path: Path) -> None:
    files = {LIST: wavcaps_json([wavcaps_item(n) for n in (1, 2, 3)]), "a/1.flac": b"1", "a/2.flac": b"2"}
    listing = listed(write_tree(tmp_path / "w", files), Selection(exclude=frozenset(("2", "3", "9"))))
    assert (set(by_id(listing)), reasons(listing)) == ({"1"}, {"2": "excluded", "3": "excluded"})
    pairs = listed(write_tree(tmp_path / "p", ODD_PAIRS), Selection(exclude=frozenset(("100",))))
    assert "100" not in by_id(pairs)
    assert {name for name, reason in reasons(pairs).items() if reason == "excluded"} == {"train/0.json", "train/8.json"}


def test_a_recipe_says_what_the_folders_mean(tmp_path: Path) -> None:
    write_tree(tmp_path, ODD_PAIRS | {"20.flac": b"", "20.json": pair_json(120)})
    clips = by_id(listed(tmp_path, Selection(splits={"holdout": "test", "valid": "train", "": "validation"})))
    assert {name: clips[name].split for name in ("109", "102", "120", "100")} == {
        "109": "test",
        "102": "train",
        "120": "validation",
        "100": "train",
    }


def test_a_link_to_a_folder_is_told_as_no_list_can(tmp_path: Path) -> None:
    write_tree(tmp_path, {"in/train/1.flac": b"1", "in/train/1.json": pair_json(1), "elsewhere/2.flac": b"2"})
    (tmp_path / "in" / "test").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "valid").symlink_to("train")
    listing = listed(tmp_path / "in")
    assert set(by_id(listing)) == {"1"}
    assert reasons(listing) == {"test": "outside_input", "valid": "not_a_file"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("dataset_infos.json", b'{"default": {"description": ""}}'),
        ("train/dataset_info.json", b'{"text": "even so"}'),
        ("croissant.json", b'{"@context": {}, "name": "x"}'),
        ("config.json", b'{"a": 1}'),
        ("train/large.json", b" " * ((1 << 20) + 1)),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_json_file_that_is_of_no_clip_is_passed_over(name: str, data: bytes, packed: bool, tmp_path: Path) -> None:
    files = {"train/1.flac": b"1", "train/1.json": pair_json(1), name: data, "train/2.json": pair_json(2)}
    if packed and len(data) < 1 << 20:
        files = {"a.tar": tar_bytes(list(files.items()))}
    listing = listed(write_tree(tmp_path, files))
    assert set(by_id(listing)) == {"1"}
    assert list(reasons(listing).values()) == ["missing"]


def test_a_text_that_is_a_link_out_of_the_input_is_said_to_be_one(tmp_path: Path) -> None:
    write_tree(tmp_path, {"in/train/1.flac": b"1", "blobs/1.json": pair_json(1), "in/a.json": pair_json(2)})
    (tmp_path / "in" / "train" / "1.json").symlink_to("../../blobs/1.json")
    assert reasons(listed(tmp_path / "in")) == {"a.json": "missing", "train/1.json": "outside_input"}


def test_lists_and_tars_that_are_links_out_of_the_input_are_said_to_be_some(tmp_path: Path) -> None:
    tar = tar_bytes([("1.flac", b"1"), ("1.json", pair_json(1))])
    write_tree(tmp_path, {"blobs/1": tar, "blobs/2": wavcaps_json([wavcaps_item(1)]), "in/train/2.txt": b""})
    (tmp_path / "in" / "train" / "0.tar").symlink_to("../../blobs/1")
    assert reasons(listed(tmp_path / "in")) == {"train/0.tar": "outside_input"}
    (tmp_path / "in" / "fsd_final.json").symlink_to("../blobs/2")
    with pytest.raises(SourceUnusable, match="a link that leads out of the input"):
        listed(tmp_path / "in")


def test_texts_that_are_lists_or_structs(tmp_path: Path) -> None:
    texts: list[object] = ["['A dog.', 'A cat.']", ["nan", "A dog."], {"raw": "A dog."}, [{"raw": "A dog."}], "['A dog"]
    files = {f"train/{n}.json": pair_json(n, text) for n, text in enumerate(texts)}
    listing = listed(write_tree(tmp_path, files | {f"train/{n}.flac": b"1" for n in range(len(texts))}))
    assert [clip.captions for clip in listing.clips] == [("A dog.", "A cat."), ("A dog.",)]
    assert {one.reason for one in listing.rejections} == {"unreadable_caption"}


def test_captions_of_wavcaps_that_are_lists_and_entries_that_name_their_line(tmp_path: Path) -> None:
    items: list[dict[str, object]] = [wavcaps_item(n) for n in range(1, 5)]
    items[0]["caption"], items[1]["caption"], items[2]["caption"] = ["A dog.", "A cat."], {"raw": "A dog."}, "null"
    text = json.dumps({"data": items}, indent=0).encode()
    listing = listed(write_tree(tmp_path, {LIST: text, **{f"a/{n}.flac": b"1" for n in (1, 2, 3, 9)}}))
    assert [clip.captions for clip in listing.clips] == [("A dog.", "A cat.")]
    assert reasons(listing) == {"2": "unreadable_caption", "3": "no_caption", "4": "missing"}
    starts = [number for number, line in enumerate(text.split(b"\n"), 1) if line == b"{"]
    for entry, rejection in enumerate(listing.rejections, 2):
        assert rejection.detail.startswith(f"{LIST} line {starts[entry]} entry {entry}: ")
    assert listing.unlisted == 1


def test_a_line_of_licences_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    licences = b'freesound_id,license,username\n1,CC0,me\n2,"CC0\n3,CC0,you\n4,CC0\n'
    files = {LIST: wavcaps_json([wavcaps_item(n) for n in (1, 3)]), "a/1.flac": b"1", "a/3.flac": b"1"}
    listing = listed(write_tree(tmp_path, files | {"licenses.csv": licences}))
    assert [clip.license for clip in listing.clips] == ["CC0-1.0", "CC0-1.0"]
    assert reasons(listing) == {"licenses.csv:3": "broken_row", "licenses.csv:5": "broken_row"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "username", "x"]), inner),
    max_leaves=6,
)


@given(values=st.dictionaries(st.sampled_from(["text", "tag", "original_data", "license"]), VALUES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_sidecar_makes_it_raise_or_lose_a_clip(values: dict[str, object], tmp_path: Path) -> None:
    listing = listed(write_tree(tmp_path, {"train/1.flac": b"1", "train/1.json": json.dumps(values).encode()}))
    assert len(listing.clips) + len(listing.rejections) == 1
    assert input_sha256(listing.clips)


@given(values=st.dictionaries(st.sampled_from(["id", "caption", "caption_1", "href", "author", "license"]), VALUES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_entry_of_wavcaps_makes_it_raise_or_be_lost(values: dict[str, object], tmp_path: Path) -> None:
    listing = listed(write_tree(tmp_path, {LIST: wavcaps_json([values, wavcaps_item(77)]), "a/77.flac": b"1"}))
    assert len(listing.clips) + len(listing.rejections) == 2


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"a.flac": b""}, "it is no Freesound"),
        ({"Zip_files/FreeSound/FreeSound.z01": b""}, "zip archives"),
        ({LIST: wavcaps_json([wavcaps_item(1)]), "Zip_files/FreeSound/FreeSound.zip": b""}, "zip archives"),
        ({LIST: wavcaps_json([wavcaps_item(1)]), "licenses.csv": b"id,licence\n"}, "freesound_id"),
    ],
)
def test_another_folder_is_said_to_be_another(files: dict[str, bytes], named: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match=named) as error:
        listed(write_tree(tmp_path, files))
    assert "\n" not in str(error.value)
