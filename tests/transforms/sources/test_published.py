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
    assert (first.license, first.attribution, first.source_url) == ("CC0", "josé", "https://freesound.org/s/1/")
    assert Path(first.path).name == "Rain & wind, café.wav"
    assert (second.captions, second.license) == (("one",), None)
    assert [(rejection.source_id, rejection.reason) for rejection in listing.rejections] == [("gone.wav", "missing")]


def test_a_link_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    root = audiocaps(tmp_path / "in")
    touch(tmp_path / "secret.flac")
    (root / "audio_32000Hz" / "val" / "gone_10.flac").symlink_to(tmp_path / "secret.flac")
    reasons = {refused.source_id: refused.reason for refused in list_clips("audiocaps", str(root), "a").rejections}
    assert reasons["gone_10"] == "missing"


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
