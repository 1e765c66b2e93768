"""Card, croissant.json, CITATION.cff and attribution.csv say what the release holds, as others' tools read it."""

from __future__ import annotations

import csv
import datetime
import json
import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.release.card import HUB_LICENSES, hub_licenses, size_category
from pipeline.release.citation import TOOL_RELEASED, release_date
from tests.many_rows import write_many_rows

#: What a data card and a datasheet ask for.
SECTIONS = (
    "Summary",
    "What it is for",
    "What is in it",
    "Where it comes from",
    "How it was made",
    "Biases and limits",
    "How to load it",
    "Columns",
    "Licences",
    "Personal information",
    "Versions and upkeep",
    "Citation",
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("many") / "release"
    write_many_rows(output, 40, rows_per_shard=10)
    return output


def test_the_card_has_every_section_and_the_release_s_own_numbers(many: Path) -> None:
    text = (many / "README.md").read_text(encoding="utf-8")
    stated = json.loads((many / "release.json").read_text())
    assert tuple(re.findall(r"^## (.*)$", text, re.M)) == SECTIONS
    assert stated["digest"] in text
    assert f"{stated['counts']['answers']['kept']} answers were kept" in text
    for name, count in stated["counts"]["licenses_by_clip"].items():
        assert f"| {name} | {count} | {stated['counts']['licenses'][name]} | 0 |" in text
    for version in stated["versions"].values():
        assert version in text
    assert "{{" not in text
    assert "{%" not in text


def test_the_hub_reads_the_front_matter(many: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = hub.DatasetCard.load(many / "README.md", ignore_metadata_errors=False).data
    assert data.license == sorted(name.lower() for name in ("CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-NC-4.0"))
    assert data.language == ["en"]
    assert data.size_categories == ["n<1K"]
    assert [entry["split"] for entry in data.configs[0]["data_files"]] == ["train", "validation", "test"]


def test_a_licence_that_the_hub_does_not_know_is_other_and_none_is_unknown() -> None:
    assert hub_licenses(["CC-BY-4.0", "Sampling+-1.0", "CC-BY", "unknown"]) == ["cc-by-4.0", "other", "unknown"]
    assert hub_licenses([]) == ["unknown"]
    assert all(name == name.lower() for name in HUB_LICENSES)


@pytest.mark.parametrize(
    ("rows", "name"), [(999, "n<1K"), (1000, "1K<n<10K"), (890_038, "100K<n<1M"), (10**8, "n>10M")]
)
def test_sizes_have_the_hub_s_names(rows: int, name: str) -> None:
    assert size_category(rows) == name


def test_every_clip_s_author_licence_and_page_are_in_attribution_csv_once(many: Path) -> None:
    with (many / "attribution.csv").open(newline="", encoding="utf-8") as file:
        listed = [tuple(row.values()) for row in csv.DictReader(file)]
    columns = ["source_id", "split", "dataset", "license", "attribution", "source_url"]
    rows = [
        row for path in many.glob("*/*/metadata.parquet") for row in pq.read_table(path, columns=columns).to_pylist()
    ]
    assert Counter(listed) == Counter({tuple(row[name] for name in columns) for row in rows})
    assert listed == sorted(listed)


def test_mlcroissant_finds_nothing_to_say_and_reads_rows_and_rooms(many: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    dataset = mlcroissant.Dataset(jsonld=str(many / "croissant.json"))
    assert dataset.metadata.issues.errors == set()
    assert dataset.metadata.issues.warnings == set()
    rows = {row["id"]: row for path in many.glob("*/*/metadata.parquet") for row in pq.read_table(path).to_pylist()}
    records = {record["rows/id"].decode(): record for record in dataset.records("rows")}
    assert records.keys() == rows.keys()
    for name, record in records.items():
        assert record["rows/azimuth_deg"] == rows[name]["azimuth_deg"]
        assert [caption.decode() for caption in record["rows/captions"]] == rows[name]["captions"]
    rooms = {record["rooms/room_id"].decode() for record in dataset.records("rooms")}
    assert rooms == set(pq.read_table(many / "rooms.parquet")["room_id"].to_pylist())


def test_the_citation_has_what_its_format_asks_for(many: Path) -> None:
    values = yaml.safe_load((many / "CITATION.cff").read_text(encoding="utf-8"))
    stated = json.loads((many / "release.json").read_text())
    # Required by Citation File Format 1.2.0.
    assert values["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= values.keys()
    assert values["type"] == "dataset"
    assert values["identifiers"][0]["value"] == f"sha256:{stated['digest']}"
    kinds = [reference["type"] for reference in values["references"]]
    assert kinds == ["conference-paper", "software"]
    assert all({"type", "title", "authors"} <= reference.keys() for reference in values["references"])
    assert values["date-released"] == TOOL_RELEASED


@pytest.mark.parametrize(("seconds", "day"), [("0", "1970-01-01"), ("1700000000", "2023-11-14")])
def test_the_day_of_a_release_is_no_clock_s(seconds: str, day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
    assert release_date() == datetime.date.fromisoformat(day)
    for text in ("", "soon", "-5", "9" * 20):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
        assert release_date() == TOOL_RELEASED
