"""Every layout, oddities included: built, verified, and made again with an equal digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.build import build
from pipeline.check.verify import verify
from pipeline.command import DONE, main
from pipeline.recipe import load_recipe
from pipeline.release.layout import read_release_json
from tests.layouts import csv_bytes, pair_json, sound, tar_bytes, wavcaps_item, wavcaps_json, write_tree
from tests.pipeline.conftest import ONE_WORKER, SMALL

pytestmark = pytest.mark.slow

SETTINGS = (*SMALL, "rows_per_shard=8")

FIVE = [f"caption_{number}" for number in range(1, 6)]

AUDIOCAPS = {
    "csv_files_v1/train.csv": csv_bytes(
        ["audiocap_id", "youtube_id", "start_time", "caption"],
        [["1", "-abc", "30", "A dog barks, twice"], ["2", "gone", "0", "x"], ["3", "odd", "5", "=NA()"]],
    ),
    "csv_files_v1/test.csv": csv_bytes(
        ["audiocap_id", "youtube_id", "start_time", "caption"],
        [["4", "x_y-1", "0", "A man speaks"], ["5", "x_y-1", "0", 'Someone says "well"\nand stops']],
        "utf-16",
    ),
    "audio_32000Hz/train/-abc_30.flac": sound(1),
    "audio_32000Hz/train/Yodd_5_15.mp3": sound(2),
    "audio_32000Hz/test/x_y-1.wav": sound(3, "wav"),
}
CLOTHO = {
    "CLOTHO_v2.1/clotho_csv_files/clotho_captions_development.csv": csv_bytes(
        ["file_name", *FIVE], [["Rain &amp; wind, café.wav", *"abcde"], ["b.wav", *"abcde"], ["gone.wav", *"abcde"]]
    ),
    "CLOTHO_v2.1/clotho_csv_files/clotho_metadata_development.csv": csv_bytes(
        ["file_name", "keywords", "sound_id", "sound_link", "start_end_samples", "manufacturer", "license"],
        [
            ["Rain &amp; wind, café.wav", "rain", "1", "https://freesound.org/s/1/", "", "josé", "CC0"],
            ["b.wav", "b", "2", "", "", "", ""],
        ],
        "latin-1",
    ),
    "CLOTHO_v2.1/clotho_audio_files/development/Rain & wind, café.wav": sound(4, "wav"),
    "CLOTHO_v2.1/clotho_audio_files/development/b.wav": sound(5, "wav"),
}
PAIRS = {
    "train/1.flac": sound(6),
    "train/1.json": pair_json(101, license="Attribution 4.0"),
    "train/2.ogg": sound(7, "ogg"),
    "train/2.json": pair_json(102, ["A title &amp; more.", "."]),
    "test/3.flac": sound(8),
    "test/3.json": pair_json(103),
    "train/4.json": pair_json(104),
    "train/5.flac": b"no sound at all",
    "train/5.json": pair_json(105),
}
#: The same pairs, and a tar that is cut within its second clip.
TARS = {
    "train/0.tar": tar_bytes([(f"mnt/{name}", data) for name, data in PAIRS.items() if name.startswith("train/")]),
    "test/0.tar": tar_bytes([("3.flac", sound(8)), ("3.json", pair_json(103)), ("9.flac", sound(9))])[:-15_000],
}
WAVCAPS = {
    "json_files/FreeSound/fsd_final.json": wavcaps_json([wavcaps_item(n) for n in (1, 2, 3)])[:-2],
    "Zip_files/FreeSound/deep/FreeSound_flac/1.flac": sound(10),
    "FreeSound/0.tar": tar_bytes([("FreeSound_flac/2.flac", sound(11))]),
}

LAYOUTS = [
    ("audiocaps", AUDIOCAPS, (), ["-abc_30", "odd_5", "x_y-1_0"], {"gone_0": "missing"}),
    (
        "clotho",
        CLOTHO,
        ("select.exclude=[2]",),
        ["Rain &amp; wind, café.wav"],
        {"b.wav": "excluded", "gone.wav": "missing"},
    ),
    ("freesound", PAIRS, (), ["101", "102", "103"], {"train/4.json": "missing", "105": "unreadable"}),
    (
        "freesound",
        TARS,
        (),
        ["101", "102", "103"],
        {"train/0/mnt/train/4.json": "missing", "105": "unreadable", "test/0.tar": "truncated"},
    ),
    (
        "freesound",
        WAVCAPS,
        (),
        ["1", "2"],
        {"3": "missing", "json_files/FreeSound/fsd_final.json": "broken_json"},
    ),
]


@pytest.mark.parametrize(("source", "files", "settings", "ids", "refused"), LAYOUTS)
def test_a_layout_is_built_verified_and_made_again(
    source: str,
    files: Mapping[str, bytes],
    settings: tuple[str, ...],
    ids: list[str],
    refused: dict[str, str],
    tmp_path: Path,
) -> None:
    folder = write_tree(tmp_path / "in", files)
    recipe = load_recipe(f"spatial-{source}", [*SETTINGS, *settings])
    first = build(recipe, str(folder), str(tmp_path / "first"), beam_flags=ONE_WORKER)
    assert not first.failures
    rows = [
        row for path in (tmp_path / "first").glob("*/*/metadata.parquet") for row in pq.read_table(path).to_pylist()
    ]
    assert sorted({row["source_id"] for row in rows}) == sorted(ids)
    # Two versions of each; the set without repeats is the first of them.
    assert len(rows) == 2 * len(ids)
    assert sorted(row["source_id"] for row in rows if row["augmentation"] == 0) == sorted(ids)
    assert {row["dataset"] for row in rows} == {source}
    rejected = pq.read_table(tmp_path / "first" / "rejected.parquet").to_pylist()
    assert {row["file"]: row["reason"] for row in rejected} == refused
    assert not verify(tmp_path / "first").problems
    places = [str(tmp_path / "first"), "--input", str(folder), "--output", str(tmp_path / "second")]
    assert main(["reproduce", *places, *ONE_WORKER]) == DONE
    digests = [read_release_json(str(tmp_path / name))["digest"] for name in ("first", "second")]
    assert digests[0] == digests[1]


def test_pairs_and_tars_of_them_give_one_digest(tmp_path: Path) -> None:
    recipe = load_recipe("spatial-freesound", SETTINGS)
    pairs = {name: data for name, data in PAIRS.items() if name.startswith("train/")}
    digests = set()
    for name, files in (("pairs", pairs), ("tars", {"train/0.tar": TARS["train/0.tar"]})):
        folder = write_tree(tmp_path / name, files)
        build(recipe, str(folder), str(tmp_path / f"{name}-release"), beam_flags=ONE_WORKER)
        digests.add(read_release_json(str(tmp_path / f"{name}-release"))["digest"])
    assert len(digests) == 1
