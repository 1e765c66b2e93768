"""Freesound's numbers out of whatever people write them in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.layouts import csv_bytes, write_tree
from transforms.sources.freesound_ids import freesound_id_of, read_ids


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("123", "123"),
        (123, "123"),
        ("00123", "123"),
        ("123.wav", "123"),
        ("https://freesound.org/people/a b/sounds/80399", "80399"),
        ("https://freesound.org/s/80399/", "80399"),
        ("https://freesound.org/apiv2/sounds/282776/download/", "282776"),
        ("/people/Tempouser/sounds/180913/", "180913"),
        ("Not found", None),
        ("-5", None),
        ("1e5", None),
        (1.5, None),
        (True, None),
        (None, None),
        ("", None),
        ("YvfY_TJq7n_U.wav", None),
    ],
)
def test_one(text: object, number: str | None) -> None:
    assert freesound_id_of(text) == number


def test_lists_of_them(tmp_path: Path) -> None:
    metadata = ["file_name", "keywords", "sound_id", "sound_link", "manufacturer", "license"]
    rows = [
        ["Rain &amp; wind, é.wav", "a;b", "11", "https://freesound.org/people/x/sounds/11", "x", "CC0"],
        ["b.wav", "a", "Not found", "https://freesound.org/people/x/sounds/12", "x", "CC0"],
        ["c.wav", "a", "Not found", "Not found", "x", "CC0"],
    ]
    semicolons = csv_bytes(metadata, rows, "latin-1").replace(b",", b";")
    blacklist = {"AudioSet": ["Yr1nicOVtvkQ.wav", "77"], "FreeSound": ["21", 22]}
    write_tree(
        tmp_path,
        {
            "CLOTHO/clotho_metadata_development.csv": csv_bytes(metadata, rows, "latin-1"),
            "CLOTHO/clotho_captions_development.csv": csv_bytes(["file_name", "caption_1"], [["9.wav", "x"]]),
            "CLOTHO/deep/clotho_metadata_validation.csv": csv_bytes(metadata, [["d.wav", "", "13", "", "", ""]]),
            "test.csv": semicolons[: semicolons.index(b'"Rain')] + b"e.wav;a;14;;x;CC0\n",
            "blacklist.json": json.dumps(blacklist).encode(),
            "list.json": b'[1, "2", {"id": 3}, {"id": "four"}, null]',
            "plain.txt": b"# ids\n31\nhttps://freesound.org/s/32/ # why\n\n33,\nnothing\n",
            "empty.txt": b"none at all\n",
            "cut.json": b'["1", "2"',
        },
    )
    assert read_ids(str(tmp_path / "CLOTHO")) == {"11", "12", "13"}
    assert read_ids(str(tmp_path / "test.csv")) == {"14"}
    assert read_ids(str(tmp_path / "blacklist.json")) == {"21", "22"}
    assert read_ids(str(tmp_path / "list.json")) == {"1", "2", "3"}
    assert read_ids(str(tmp_path / "plain.txt")) == {"31", "32", "33"}
    for name, named in (("empty.txt", "no Freesound id"), ("cut.json", "cannot be read"), ("none", "cannot be read")):
        with pytest.raises(ValueError, match=named) as error:
            read_ids(str(tmp_path / name))
        assert "\n" not in str(error.value)
