"""AudioCaps and Clotho as they lie on disks, oddities included."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from transforms.sources import SourceUnusable, list_clips


def write_csv(path: Path, columns: list[str], rows: list[list[str]], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def audiocaps(root: Path) -> Path:
    columns = ["audiocap_id", "youtube_id", "start_time", "caption"]
    write_csv(root / "csv_files_v1" / "train.csv", columns, [["1", "-abc", "30", "A dog, barking"]])
    rows = [["2", "x_y-1", "0", "first"], ["3", "x_y-1", "0", "second"], ["4", "gone", "10", "NA"], ["5", "e", "1", ""]]
    write_csv(root / "csv_files_v1" / "val.csv", columns, rows)
    touch(root / "audio_32000Hz" / "train" / "-abc_30.flac")
    touch(root / "audio_32000Hz" / "val" / "x_y-1_0.wav")
    touch(root / "audio_32000Hz" / "val" / "e_1.flac")
    return root


def clotho(root: Path) -> Path:
    captions = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    five = ["one", "two", "three", "four", "five"]
    names = ["Rain & wind, café.wav", "plain.wav", "gone.wav"]
    write_csv(
        root / "clotho_csv_files" / "clotho_captions_development.csv",
        captions,
        [["Rain &amp; wind, café.wav", *five], ["plain.wav", "one", "", "", "", ""], ["gone.wav", *five]],
    )
    write_csv(
        root / "clotho_csv_files" / "clotho_metadata_development.csv",
        ["file_name", "keywords", "sound_id", "sound_link", "start_end_samples", "manufacturer", "license"],
        [["Rain &amp; wind, café.wav", "rain", "1", "https://freesound.org/s/1/", "[0, 1]", "josé", "CC0"]],
        encoding="latin-1",
    )
    for name in names[:2]:
        touch(root / "clotho_audio_files" / "development" / name)
    return root


@pytest.mark.parametrize("below", [False, True])
def test_audiocaps(below: bool, tmp_path: Path) -> None:
    audiocaps(tmp_path / "AUDIOCAPS" if below else tmp_path)
    listing = list_clips("audiocaps", str(tmp_path), "audiocaps")
    first, second = listing.clips
    assert (first.split, first.source_id, first.captions) == ("train", "-abc_30", ("A dog, barking",))
    assert first.source_url == "https://www.youtube.com/watch?v=-abc&t=30s"
    assert (second.split, second.source_id, second.captions) == ("validation", "x_y-1_0", ("first", "second"))
    refused = {rejection.source_id: rejection.reason for rejection in listing.rejections}
    assert refused == {"gone_10": "missing", "e_1": "no_caption"}


def test_clotho(tmp_path: Path) -> None:
    listing = list_clips("clotho", str(clotho(tmp_path / "CLOTHO_v2.1").parent), "clotho")
    first, second = listing.clips
    assert first.captions == ("one", "two", "three", "four", "five")
    assert (first.license, first.attribution, first.source_url) == ("CC0-1.0", "josé", "https://freesound.org/s/1/")
    assert Path(first.path).name == "Rain & wind, café.wav"
    assert (second.captions, second.license) == (("one",), None)
    assert [(rejection.source_id, rejection.reason) for rejection in listing.rejections] == [("gone.wav", "missing")]


def test_a_link_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    root = audiocaps(tmp_path / "in")
    touch(tmp_path / "secret.flac")
    (root / "audio_32000Hz" / "val" / "gone_10.flac").symlink_to(tmp_path / "secret.flac")
    reasons = {refused.source_id: refused.reason for refused in list_clips("audiocaps", str(root), "a").rejections}
    assert reasons["gone_10"] == "outside_input"


@pytest.mark.parametrize("source", ["audiocaps", "clotho"])
def test_another_folder_is_said_to_be_another(source: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match="it is no"):
        list_clips(source, str(tmp_path), "x")
    with pytest.raises(SourceUnusable, match="no such folder"):
        list_clips(source, str(tmp_path / "none"), "x")


def test_a_list_without_its_columns_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "csv_files_v1" / "train.csv", ["youtube_id", "caption"], [["a", "b"]])
    with pytest.raises(SourceUnusable, match="start_time"):
        list_clips("audiocaps", str(tmp_path), "x")


@pytest.mark.parametrize(
    "name",
    [
        "-b_cdefghij_30.flac",
        "Y-b_cdefghij_30.wav",
        "-b_cdefghij_30_40.wav",
        "Y-b_cdefghij_30.000_40.000.mp3",
        "-b_cdefghij_30.0_40.0.wav",
        "-b_cdefghij_30000_40000.flac",
        "-b_cdefghij_30_37.wav",
        "-b_cdefghij.wav",
        "Y-b_cdefghij.wav",
        "91139.wav",
    ],
)
@pytest.mark.parametrize("folder", ["audio_32000Hz/train", "train", "wavs", "."])
def test_names_that_download_tools_give(name: str, folder: str, tmp_path: Path) -> None:
    rows = [["91139", "-b_cdefghij", "30", "A dog"], ["91140", "-b_cdefghij", "30.0", "barks"]]
    write_csv(tmp_path / "train.csv", ["audiocap_id", "youtube_id", "start_time", "caption"], rows)
    touch(tmp_path / folder / name)
    (clip,) = list_clips("audiocaps", str(tmp_path), "a").clips
    assert (clip.source_id, clip.captions, Path(clip.path).name) == ("-b_cdefghij_30", ("A dog", "barks"), name)


def test_a_name_that_fits_two_clips_is_given_to_neither_in_silence(tmp_path: Path) -> None:
    columns = ["audiocap_id", "youtube_id", "start_time", "caption"]
    rows = [["1", "twice", "0", "a"], ["2", "twice", "20", "b"], ["3", "x", "5", "c"], ["4", "x_5", "7", "d"]]
    write_csv(tmp_path / "train.csv", columns, [*rows, ["5", "", "1", "e"], ["6", "y", "soon", "f"], ["7", "z"]])
    rows = [["9", "p", "5000", "g"], ["8", "p", "5", "h"], ["8", "q", "5", "i"], ["8", "r", "5", "j"]]
    write_csv(tmp_path / "val.csv", columns, rows)
    touch(tmp_path / "val" / "p_5000.wav")
    touch(tmp_path / "val" / "8.wav")
    touch(tmp_path / "train" / "twice.wav")
    touch(tmp_path / "train" / "x_5_7.wav")
    (tmp_path / "train" / "z_0.wav").mkdir()
    listing = list_clips("audiocaps", str(tmp_path), "a")
    assert [clip.source_id for clip in listing.clips] == ["x_5_7", "p_5000", "p_5"]
    assert [(one.source_id or one.file, one.reason) for one in listing.rejections] == [
        ("(no name)", "no_file_name"),
        ("y", "no_file_name"),
        ("train.csv:8", "broken_row"),
        ("twice_0", "missing"),
        ("twice_20", "missing"),
        ("x_5", "missing"),
        ("q_5", "ambiguous"),
        ("r_5", "ambiguous"),
    ]


def test_a_folder_with_the_name_of_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    root = audiocaps(tmp_path / "in")
    (root / "audio_32000Hz" / "val" / "gone_10.flac").mkdir()
    reasons = {refused.source_id: refused.reason for refused in list_clips("audiocaps", str(root), "a").rejections}
    assert reasons["gone_10"] == "not_a_file"


def test_the_same_name_in_two_splits_of_clotho_is_two_recordings(tmp_path: Path) -> None:
    columns = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    for name in ("development", "evaluation"):
        rows = [["Rain.wav", *"abcde"], ["Rain.wav", *"abcde"], ["", *"abcde"]]
        write_csv(tmp_path / f"clotho_captions_{name}.csv", columns, rows, encoding="utf-16")
        touch(tmp_path / name / "Rain.wav")
    listing = list_clips("clotho", str(tmp_path), "c")
    assert [(clip.split, Path(clip.path).parent.name) for clip in listing.clips] == [
        ("train", "development"),
        ("test", "evaluation"),
    ]
    assert sorted(one.reason for one in listing.rejections) == [
        "duplicate",
        "duplicate",
        "no_file_name",
        "no_file_name",
    ]
