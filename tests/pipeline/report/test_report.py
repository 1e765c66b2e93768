"""The report on a small release made here: its numbers, what it escapes, what it loads, the table's data, the sound."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from collections import Counter
from collections.abc import Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from pipeline.report import table, write_report
from pipeline.report.binaural import (
    KEMAR_SOFA,
    SAMPLE_RATE_HZ,
    SOFA_VARIABLE,
    Head,
    find_head,
    foa_to_binaural,
    sphere_response,
)
from pipeline.report.players import PEAK_DBFS, binaural_name, for_listening
from pipeline.report.plots import azimuth_counts, from_above, t30_deviation_percent
from pipeline.report.samples import RowUnknown, draw_room, marked, number, pick, place_in_words, safe_link
from pipeline.report.summary import LONGEST_WORDS, codes_of, summarise, word_lengths
from transforms.records import SPLITS
from transforms.rooms.geometry import direction_to_unit_vector, vector_to_direction
from transforms.shards.release_rows import ANSWER_SCHEMA, REJECTION_SCHEMA, ROOM_SCHEMA, ROW_SCHEMA
from transforms.words import VOCABULARY, words_of

pytestmark = pytest.mark.slow

SPHERE = Head(None, "a sphere")
HOSTILE = (
    "<script>document.title='stolen'</script>",
    "\"quoted\" & 'single' </style></script><img src=x onerror=alert(1)>",
    "🐕 barks — ἦχος",
    "صوت كلب ينبح بعيدا",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 300,
    "line\u2028and\u2029paragraph \\ 'and' \\u0041",
)


# --- A release like the real ones, of generated sound ---------------------------------------------------------------


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _clip(index: int, seconds: float = 4.0) -> np.ndarray:
    """A mono clip at 48 kHz: short bursts of noise."""
    generator = np.random.default_rng(index)
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(0.3 * generator.standard_normal(time_s.size) * np.exp(-12 * (time_s % 0.5)))


def _encode(mono: np.ndarray, azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    """AmbiX (samples, 4) of a plane wave."""
    x, y, z = direction_to_unit_vector(azimuth_deg, elevation_deg)
    return mono[:, None] * np.array([1.0, y, z, x])


def _room(index: int, split: str, generator: np.random.Generator) -> dict[str, Any]:
    length, width = (float(value) for value in generator.uniform(3.0, 16.0, 2).round(3))
    height, asked = round(float(generator.uniform(2.4, 4.5)), 3), float(generator.uniform(120, 1500))
    return {
        "room_id": f"{split}-{index:03d}",
        "split": split,
        "length_m": length,
        "width_m": width,
        "height_m": height,
        "floor_area_m2": length * width,
        "volume_m3": length * width * height,
        "materials": ["carpet", "plaster", "brick"],
        "absorption_scale": 1.0,
        **{f"absorption_{surface}": [0.2] * 8 for surface in ("floor", "ceiling", "walls")},
        "t30_asked_ms": asked,
        "t30_asked_bands_ms": [asked] * 8,
        "t30_ms": asked * float(generator.uniform(0.97, 1.03)),
        "t30_bands_ms": [asked] * 8,
    }


def _row(index: int, split: str, room: Mapping[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    clip = index % 10
    size = np.array([room["length_m"], room["width_m"], room["height_m"]])
    receiver, source = (0.4 + generator.uniform(size=3) * (size - 0.8) for _ in range(2))
    azimuth, elevation, distance = (float(value) for value in vector_to_direction(source - receiver))
    words = words_of(
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        distance_m=distance,
        floor_area_m2=room["floor_area_m2"],
        t30_ms=room["t30_ms"],
    )
    said = list(words.present().values())
    original = HOSTILE[clip] if clip < len(HOSTILE) else "A dog barks while birds sing"
    kept = bool(said) and index % 4 != 3
    return {
        "file_name": f"{index:06d}.flac",
        "id": f"{split}-{clip}-{index}",
        "split": split,
        "dataset": "generated",
        "source_id": f"clip {clip} <i>&",
        "augmentation": index // 10,
        "captions": [f"{original}, {' '.join(said) or 'somewhere'}.", f"Second of {original}"],
        "captions_original": [original, f"second <b>{original}"],
        "caption_status": ["rewritten" if kept else "template", "template"],
        "caption_model": "generated-model",
        "caption_prompt": "paper@0123",
        "duration_s": 4.0,
        "sample_rate": SAMPLE_RATE_HZ,
        "gain_db": -6.0,
        "azimuth_deg": azimuth,
        "elevation_deg": elevation,
        "distance_m": distance,
        **{attribute: getattr(words, attribute) for attribute in VOCABULARY},
        "room_id": room["room_id"],
        "room_length_m": room["length_m"],
        "room_width_m": room["width_m"],
        "room_height_m": room["height_m"],
        "floor_area_m2": room["floor_area_m2"],
        "volume_m3": room["volume_m3"],
        **{f"receiver_{axis}_m": float(value) for axis, value in zip("xyz", receiver, strict=True)},
        **{f"source_{axis}_m": float(value) for axis, value in zip("xyz", source, strict=True)},
        "t30_ms": room["t30_ms"],
        "t30_bands_ms": room["t30_bands_ms"],
        "edt_ms": room["t30_ms"],
        "c50_db": 5.0,
        "drr_db": float(10 - 8 * np.log10(1 + distance)),
        "seed": 2**63 + index,
        "license": "CC-BY-4.0",
        "attribution": "<u>Someone</u>",
        "source_url": ('https://example.org/a?b=1&c="2"', "javascript:alert(1)", None)[clip % 3],
        "source_sha256": _sha256(f"clip {clip}"),
        "sha256": _sha256(f"flac {index}"),
        "pcm_sha256": _sha256(f"pcm {index}"),
    }


def _answers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    outcomes = ((0, False, "missing_direction"), (1, True, None), (1, False, "content_lost"), (0, False, "<b>odd"))
    return [
        {
            "request_sha256": _sha256(f"request {index}"),
            "row_id": row["id"],
            "caption_index": 0,
            "attempt": outcomes[index % 4][0],
            "text": HOSTILE[index % len(HOSTILE)],
            "kept": outcomes[index % 4][1],
            "reason": outcomes[index % 4][2],
            "model": "generated-model",
            "prompt": "paper@0123",
            "prompt_tokens": 10,
            "completion_tokens": None,
        }
        for index, row in enumerate(rows)
    ]


def _rejections() -> list[dict[str, Any]]:
    cases: list[tuple[str | None, ...]] = [(f"broken-{index}.wav", "train", "read", "unreadable") for index in range(5)]
    cases += [("silent <x>.wav", "test", "prepare", "silent"), ("../out.wav", None, "list", "outside")]
    names = ("file", "split", "stage", "reason")
    return [{**dict(zip(names, case, strict=True)), "source_id": None, "detail": "a detail & more"} for case in cases]


def make_release(folder: Path, rows: int = 24, *, audio: bool = True) -> Path:
    """A release of `rows` rows with hostile captions, all tables and two shards of train; the same every time."""
    generator = np.random.default_rng(7)
    shard_names = {
        "train": ("00000-of-00002", "00001-of-00002"),
        "validation": ("00000-of-00001",),
        "test": ("00000-of-00001",),
    }
    rooms = {split: [_room(index, split, generator) for index in range(4)] for split in SPLITS}
    everything: list[dict[str, Any]] = []
    for index in range(rows):
        split = ("train", "train", "validation", "test")[index % 4]
        everything.append(_row(index, split, rooms[split][int(generator.integers(4))], generator))
    for split, names in shard_names.items():
        of_split = [row for row in everything if row["split"] == split]
        for position, name in enumerate(names):
            shard = folder / split / name
            shard.mkdir(parents=True)
            here = of_split[position :: len(names)]
            for row in here if audio else ():
                foa = _encode(_clip(int(row["id"].split("-")[1])), row["azimuth_deg"], row["elevation_deg"])
                soundfile.write(shard / row["file_name"], 0.5 * foa, SAMPLE_RATE_HZ, subtype="PCM_16")
            pq.write_table(pa.Table.from_pylist(here, schema=ROW_SCHEMA), shard / "metadata.parquet")
    flat = [room for split in SPLITS for room in rooms[split]]
    for values, schema, name in (
        (flat, ROOM_SCHEMA, "rooms"),
        (_answers(everything), ANSWER_SCHEMA, "answers"),
        (_rejections(), REJECTION_SCHEMA, "rejected"),
    ):
        pq.write_table(pa.Table.from_pylist(values, schema=schema), folder / f"{name}.parquet")
    facts = {"name": "generated <release>", "digest": _sha256("release"), "seed": 7, "counts": {"rows": rows}}
    (folder / "release.json").write_text(json.dumps(facts))
    return folder


def original_of(row: Mapping[str, Any]) -> tuple[np.ndarray, int]:
    """The clip of a row in stereo, as an input folder would give it."""
    return np.repeat(_clip(int(row["id"].split("-")[1]))[:, None], 2, axis=1), SAMPLE_RATE_HZ


def all_rows(release: Path) -> list[dict[str, Any]]:
    """Every row of a release, read without the code under test."""
    return [row for path in sorted(release.glob("*/*/metadata.parquet")) for row in pq.read_table(path).to_pylist()]


class _Page(html.parser.HTMLParser):
    """A page as a browser takes it apart: elements with attributes, text by element, table cells by row."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[list[str]] = []
        self.text: list[str] = []
        self.row_keys: list[str] = []
        self._raw = False
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self._raw = tag in ("script", "style")
        if tag == "tr":
            self.cells.append([])
            marks = [f"{key}={value}" for key, value in attributes.items() if key.startswith("data-")]
            self.row_keys.append(" ".join(marks))
        if tag in ("td", "th"):
            self.cells[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._raw = False
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text.append(data)
        if self._cell:
            self.cells[-1][-1] += data

    def row(self, key: str) -> list[str]:
        """The cells of the table row with this data attribute, given as name=value."""
        return [cell.strip() for cell in self.cells[self.row_keys.index(key)]]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_release(tmp_path_factory.mktemp("release") / "demo")
    write_report(made, original_of=original_of, samples=8)
    return made


@pytest.fixture(scope="module")
def page(release: Path) -> _Page:
    return _Page((release / "report" / "index.html").read_text(encoding="utf-8"))


# --- Numbers --------------------------------------------------------------------------------------------------------


def test_the_numbers_of_every_split_are_on_the_page(release: Path, page: _Page) -> None:
    rows, rejected = all_rows(release), pq.read_table(release / "rejected.parquet").to_pylist()
    for split in (*SPLITS, "all"):
        here = [row for row in rows if split in (row["split"], "all")]
        status = Counter(status for row in here for status in row["caption_status"])
        assert page.row(f"data-split={split}") == [
            split,
            str(len(here)),
            f"{sum(row['duration_s'] for row in here) / 3600:.3f}",
            str(len({row["source_id"] for row in here})),
            "12" if split == "all" else "4",
            str(status["rewritten"]),
            str(status["template"]),
            str(sum(split in (one["split"], "all") for one in rejected)),
        ]


def test_words_are_counted_with_their_gaps(release: Path, page: _Page) -> None:
    rows = all_rows(release)
    for attribute, words in VOCABULARY.items():
        counts = Counter(row[attribute] for row in rows)
        for word in (*words, None):
            cells = page.row(f"data-word={attribute}:{word or 'none'}")
            assert cells[2:] == [str(counts[word]), f"{100 * counts[word] / len(rows):.1f} %"], (attribute, word)


def test_answers_are_counted_by_reason_and_attempt(page: _Page) -> None:
    assert page.row("data-outcome=kept")[:4] == ["kept", "·", "6", "6"]
    assert page.row("data-outcome=missing_direction")[:4] == ["missing_direction", "6", "·", "6"]
    assert page.row("data-outcome=<b>odd")[:4] == ["<b>odd", "6", "·", "6"]


def test_refused_inputs_are_shown_by_reason_with_examples(page: _Page) -> None:
    cells = page.row("data-reason=unreadable")
    assert cells[:3] == ["unreadable", "read", "5"]
    assert "broken-0.wav" in cells[3]
    assert "broken-2.wav" in cells[3]
    assert "broken-3.wav" not in cells[3]
    assert "silent <x>.wav" in page.row("data-reason=silent")[3]


def test_a_release_without_answers_rooms_or_rejections_still_has_a_page(tmp_path: Path) -> None:
    made = make_release(tmp_path / "bare", 4, audio=False)
    for name in ("answers.parquet", "rejected.parquet", "rooms.parquet", "release.json"):
        (made / name).unlink()
    text = "".join(_Page(write_report(made).read_text(encoding="utf-8")).text)
    assert "bare" in text
    assert "This release holds no answers" in text
    assert "No input was refused" in text
    assert "--input" in text
    assert "could not be played" in text


def test_empty_splits_and_missing_values_do_not_break_the_plots(tmp_path: Path) -> None:
    made = make_release(tmp_path / "holes", 4, audio=False)
    for path in made.glob("*/*/metadata.parquet"):
        table = pq.read_table(path)
        rows = [{**row, "t30_ms": None, "drr_db": None} for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows if "train" in str(path) else [], schema=table.schema), path)
    text = "".join(_Page(write_report(made).read_text(encoding="utf-8")).text)
    assert "no values" in text
    assert "nan" not in text.lower().replace("binaural", "")


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a release"):
        write_report(tmp_path)


# --- What may stand in the page -------------------------------------------------------------------------------------


def test_hostile_values_are_text_and_nothing_else(release: Path, page: _Page) -> None:
    text = "".join(page.text)
    assert [tag for tag, _ in page.elements if tag in ("script", "img", "iframe", "u", "i") and _ == {}] == ["script"]
    assert not [attributes for _, attributes in page.elements if any(name.startswith("on") for name in attributes)]
    shown = [value for value in HOSTILE if value in text]
    assert len(shown) >= 4, "the sample must show hostile captions for this test to say anything"
    assert "<u>Someone</u>" in text
    assert "generated <release>" in text
    assert "49" not in "".join(shown)


def test_nothing_is_loaded_from_a_network(release: Path, page: _Page) -> None:
    source = (release / "report" / "index.html").read_text(encoding="utf-8")
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "data", "poster", "action", "srcset", "style"):
            value = attributes.get(name) or ""
            if re.search(r"//|url\((?!#)|@import", value):
                assert (tag, name) == ("a", "href"), value
                assert set((attributes["rel"] or "").split()) >= {"noreferrer"}
                assert value.startswith("https://example.org/")
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in style
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    script = re.search(r"<script>(.*?)</script>", source, flags=re.DOTALL)
    assert script
    assert policy
    assert "default-src 'none'" in policy
    assert base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode() in policy


def test_a_link_is_http_or_no_link(page: _Page) -> None:
    assert safe_link("https://example.org/x") == "https://example.org/x"
    for bad in (
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://a b",
        "https://a\n",
        "",
        None,
    ):
        assert safe_link(bad) is None
    assert not [a for _, a in page.elements if (a.get("href") or "").startswith("javascript")]


def test_ids_are_unique_and_every_image_has_a_name(page: _Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    for tag, attributes in page.elements:
        if attributes.get("role") == "img":
            assert len(attributes.get("aria-label") or "") > 20
        for name in ("aria-labelledby",):
            assert all(target in ids for target in (attributes.get(name) or "").split()), (tag, attributes)
        for target in re.findall(r"url\(#([^)]+)\)", " ".join(value or "" for value in attributes.values())):
            assert target in ids
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_the_same_release_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        made = make_release(tmp_path / name / "demo", 12)
        folder = write_report(made, original_of=original_of, samples=3).parent
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }
        contents.append(files)
    assert contents[0] == contents[1]
    assert sorted(Path(name).suffix for name in contents[0]) == [".html"] + [".js"] * 2 + [".mp3"] * 6


# --- The sample -----------------------------------------------------------------------------------------------------


def test_the_sample_is_spread_and_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 60, audio=False)
    summary = summarise(made)
    chosen = pick(summary, 10)
    picked = [summary.rows.slice(index, 1).to_pylist()[0] for index in chosen]
    assert len(set(chosen)) == 10
    assert {row["split"] for row in picked} == set(SPLITS)
    assert {row["direction"] for row in picked} >= set(VOCABULARY["direction"])
    assert {row["reverberation"] for row in picked} >= {row["reverberation"] for row in all_rows(made)}
    for name in ("00000-of-00002", "00001-of-00002"):
        (made / "train" / name).rename(made / "train" / name.translate(str.maketrans("01", "ba")))
    again = summarise(made)
    assert [again.rows["id"][index].as_py() for index in pick(again, 10)] == [row["id"] for row in picked]


def test_asking_for_more_rows_than_there_are_shows_all(tmp_path: Path) -> None:
    assert sorted(pick(summarise(make_release(tmp_path / "demo", 5, audio=False)), 50)) == list(range(5))


def test_words_of_space_are_marked_whole_and_in_their_forms() -> None:
    assert [piece for piece, mark in marked("Behind the background, a Dog on the LEFT", ("left", "back")) if mark] == [
        "Behind",
        "LEFT",
    ]
    assert marked("nothing here", ()) == (("nothing here", False),)
    assert "".join(piece for piece, _ in marked(HOSTILE[1], ("up",))) == HOSTILE[1]


def test_the_drawing_has_front_up_and_left_on_the_left() -> None:
    room = {"room_length_m": 8.0, "room_width_m": 4.0, "receiver_x_m": 2.0, "receiver_y_m": 1.0}
    drawn = draw_room({**room, "source_x_m": 5.0, "source_y_m": 3.0})
    assert (drawn.width, drawn.height, drawn.units_per_m) == (100.0, 200.0, 25.0)
    assert drawn.receiver == (75.0, 150.0)
    # 3 m ahead is 75 units up the page, 2 m to the left is 50 units to its left.
    assert drawn.source == (25.0, 75.0)
    assert drawn.rings == ((1.0, 25.0), (2.0, 50.0))


@pytest.mark.parametrize(
    ("azimuth", "elevation", "text"),
    [
        (90.0, 12.4, "90° to the left of front, 12° up, 1.50 m away"),
        (-35.0, -41.0, "35° to the right of front, 41° down, 1.50 m away"),
        (0.2, 0.0, "straight ahead, level, 1.50 m away"),
        (180.0, 0.0, "straight behind, level, 1.50 m away"),
    ],
)
def test_the_place_in_words(azimuth: float, elevation: float, text: str) -> None:
    assert place_in_words({"azimuth_deg": azimuth, "elevation_deg": elevation, "distance_m": 1.5}) == text


def test_numbers_for_a_reader() -> None:
    assert [number(12345.6), number(-0.04, 1, True), number(-3.26, 1, True), number(2.0, 1, True)] == [
        "12\u202f346",
        "0.0",
        "−3.3",
        "+2.0",
    ]
    assert {number(None), number(float("nan")), number(float("-inf"))} == {"–"}


def test_the_data_of_the_plots() -> None:
    centres, counts = azimuth_counts(np.array([0.0, 7.0, -7.0, 90.0, 180.0, -179.0, np.nan]))
    assert dict(zip(centres[counts > 0], counts[counts > 0], strict=True)) == {0.0: 3, 90.0: 1, 180.0: 2}
    right, ahead = from_above(np.array([0.0, 90.0, -90.0]), np.array([0.0, 60.0, 0.0]), np.array([2.0, 2.0, 3.0]))
    np.testing.assert_allclose(right, [0.0, -1.0, 3.0], atol=1e-12)
    np.testing.assert_allclose(ahead, [2.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(t30_deviation_percent(np.array([500.0]), np.array([510.0])), [2.0])


def test_many_rows_are_drawn_as_density_and_the_page_stays_light(tmp_path: Path) -> None:
    made = make_release(tmp_path / "many", 4000, audio=False)
    text = write_report(made, samples=2).read_text(encoding="utf-8")
    assert len(text) < 900_000


# --- The table's data -----------------------------------------------------------------------------------------------


def data_of(report: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The columns and the texts that a report's scripts hand over, read as a script engine reads them."""

    def payload(path: Path, number: str) -> dict[str, Any]:
        found = re.fullmatch(r"elsaReport\.take\((\w+),'(.*)'\);\n", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert found
        assert found[1] == number
        assert not re.search("[\n\u2028\u2029]", found[2])
        text = re.sub(r"\\(u[0-9a-f]{4}|.)", lambda one: chr(int(one[1][1:], 16)) if one[1][1:] else one[1], found[2])
        return dict(json.loads(text))

    files = sorted((report / "data").glob("rows-*.js"))
    return payload(report / "data" / "rows.js", "null"), [payload(path, str(at)) for at, path in enumerate(files)]


def integers(column: Mapping[str, Any]) -> list[int]:
    """The integers of a column of numbers."""
    return [int(value) for value in np.frombuffer(base64.b64decode(column["values"]), dtype=f"<i{column['bits'] // 8}")]


def test_the_table_has_every_row_s_captions_words_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS_A_FILE", 7)
    made = make_release(tmp_path / "demo", 40, audio=False)
    columns, texts = data_of(write_report(made, samples=2).parent)
    rows = [row for split in SPLITS for row in all_rows(made) if row["split"] == split]
    assert columns["count"] == 40
    assert [len(part["id"]) for part in texts] == [7, 7, 7, 7, 7, 5]
    assert [one for part in texts for one in part["after"]] == [row["captions"] for row in rows]
    before = [[part["originals"][at] for at in of_row] for part in texts for of_row in part["before"]]
    assert before == [row["captions_original"] for row in rows]
    links = [part["clips"][at][3] for part in texts for at in part["clip"]]
    assert links == [safe_link(row["source_url"]) for row in rows]
    for facet in columns["facets"][:6]:
        values = [*facet["values"], None]
        assert [values[code] for code in base64.b64decode(facet["codes"])] == [row[facet["name"]] for row in rows]
    assert integers(columns["numbers"]["distance_m"]) == [round(100 * row["distance_m"]) for row in rows]
    starts = np.repeat(columns["shards"], columns["shardSizes"])
    files = [f"{shard}/{file}" for shard, file in zip(starts, (f for part in texts for f in part["file"]), strict=True)]
    stated = {row["id"]: row["file_name"] for row in rows}
    assert [Path(file).name for file in files] == [stated[row["id"]] for row in rows]


def test_only_rows_that_were_chosen_or_asked_for_have_players(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 16)
    row_id = all_rows(made)[-1]["id"]
    page = write_report(made, original_of=original_of, samples=2, rows=[row_id, row_id])
    columns, texts = data_of(page.parent)
    assert len(columns["players"]) in (2, 3)
    heard = [texts[0]["id"][int(row)] for row in columns["players"]]
    assert row_id in heard
    for files in columns["players"].values():
        assert all((page.parent / "audio" / file).is_file() for file in files)
    with pytest.raises(RowUnknown, match="no row nobody"):
        write_report(made, rows=["nobody"])


def test_data_of_an_earlier_larger_release_is_removed(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 4, audio=False)
    stale = made / "report" / "data" / "rows-00009.js"
    stale.parent.mkdir(parents=True)
    stale.write_text("left")
    write_report(made)
    assert not stale.exists()


@given(st.lists(st.one_of(st.none(), st.floats(-40.0, 40.0), st.floats(-1e5, 1e5), st.just(float("nan")))))
def test_numbers_keep_their_decimals_and_gaps(values: list[float | None]) -> None:
    column = table.number_column(np.array([np.nan if value is None else value for value in values], dtype=float), 2)
    least = -(2 ** (column["bits"] - 1))
    wanted = [least if value is None or not np.isfinite(value) else round(value * 100) for value in values]
    assert integers(column) == pytest.approx(wanted, abs=0.5)


@given(st.lists(st.tuples(st.sampled_from(["a", "ab", None]), st.sampled_from(["b", "", None])), max_size=30))
def test_codes_are_equal_where_all_columns_are(pairs: list[tuple[str | None, str | None]]) -> None:
    first, second = (pa.chunked_array([pa.array([pair[at] for pair in pairs], pa.string())]) for at in (0, 1))
    codes = codes_of(first, second)
    assert len(codes) == len(pairs)
    for a, b in combinations(range(len(pairs)), 2):
        assert (codes[a] == codes[b]) == (pairs[a] == pairs[b])


def test_words_in_captions_are_counted_and_long_captions_held_together() -> None:
    captions = pa.chunked_array([pa.array([["a dog  barks", " two words "], None, [], ["", "x " * 500]])])
    counts = word_lengths(captions)
    assert {int(at): int(counts[at]) for at in np.flatnonzero(counts)} == {0: 1, 2: 1, 3: 1, LONGEST_WORDS: 1}


def test_licences_are_counted_by_clip(page: _Page) -> None:
    assert page.row("data-licence=CC-BY-4.0")[:2] == ["CC-BY-4.0", "10"]


def test_captions_are_counted_by_how_they_were_written_and_by_attempt(release: Path, page: _Page) -> None:
    statuses = Counter(status for row in all_rows(release) for status in row["caption_status"])
    for status, count in statuses.items():
        cells = page.row(f"data-bar={status}")
        assert cells[2:] == [str(count), f"{100 * count / statuses.total():.1f} %"]
    assert page.row("data-bar=attempt 1")[2:] == ["6", "50.0 %"]


# --- What is heard --------------------------------------------------------------------------------------------------


def _heads() -> list[Head]:
    return [SPHERE, *([Head(KEMAR_SOFA, "KEMAR")] if KEMAR_SOFA.is_file() else [])]


def _band(ears: np.ndarray, kind: str, hertz: float) -> np.ndarray:
    return np.asarray(sosfilt(butter(2, hertz, kind, fs=SAMPLE_RATE_HZ, output="sos"), ears, axis=0))


def _right_later_by_samples(ears: np.ndarray) -> int:
    low = _band(ears, "lowpass", 1000.0)
    return int(np.argmax(np.correlate(low[:, 1], low[:, 0], "full"))) - (len(low) - 1)


def _left_louder_by_db(ears: np.ndarray) -> float:
    energy = np.sum(ears**2, axis=0)
    return float(10 * np.log10(energy[0] / energy[1]))


@pytest.fixture(params=_heads(), ids=lambda head: head.text)
def head(request: pytest.FixtureRequest) -> Head:
    found: Head = request.param
    return found


def _click(azimuth_deg: float, elevation_deg: float = 0.0) -> np.ndarray:
    click = np.zeros(4800)
    click[1000] = 1.0
    return _encode(click, azimuth_deg, elevation_deg)


def test_plus_90_is_louder_and_earlier_in_the_left_ear(head: Head) -> None:
    ears = foa_to_binaural(_click(90.0), head)
    assert ears.shape == (4800, 2)
    assert _left_louder_by_db(ears) > 6.0
    # A head's delay at the side is 0.6 to 0.8 ms; first order keeps more than half of it below 1 kHz.
    assert 0.3e-3 < _right_later_by_samples(ears) / SAMPLE_RATE_HZ < 0.9e-3


def test_minus_90_is_the_mirror_image(head: Head) -> None:
    left, right = foa_to_binaural(_click(90.0), head), foa_to_binaural(_click(-90.0), head)
    # Heads are symmetric to within what a manikin is.
    assert _left_louder_by_db(right) == pytest.approx(-_left_louder_by_db(left), abs=0.5)
    assert _right_later_by_samples(right) == -_right_later_by_samples(left)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (180.0, 0.0), (0.0, 90.0)])
def test_the_median_plane_is_the_same_in_both_ears(head: Head, azimuth: float, elevation: float) -> None:
    ears = foa_to_binaural(_click(azimuth, elevation), head)
    assert _left_louder_by_db(ears) == pytest.approx(0.0, abs=0.3)
    assert _right_later_by_samples(ears) == 0


def test_sides_are_ordered_by_azimuth(head: Head) -> None:
    levels = [_left_louder_by_db(foa_to_binaural(_click(azimuth), head)) for azimuth in (-90, -45, 0, 45, 90)]
    assert levels == sorted(levels)


def test_the_rigid_sphere_is_one_at_low_and_doubles_at_high_frequencies() -> None:
    facing, away = sphere_response([1.0, -1.0], [20.0, 20_000.0])
    assert abs(facing[0]) == pytest.approx(1.0, abs=0.02)
    assert abs(away[0]) == pytest.approx(1.0, abs=0.02)
    # A wall doubles the pressure of a wave that meets it.
    assert 20 * np.log10(abs(facing[1])) == pytest.approx(6.0, abs=0.2)
    # Woodworth has it arrive early by the radius over the speed of sound.
    early = np.angle(sphere_response([1.0], [500.0])[0, 0]) / (2 * np.pi * 500.0)
    assert 0.8 * 0.0875 / 343 < early < 1.7 * 0.0875 / 343


def test_the_head_is_taken_from_the_argument_then_the_environment(tmp_path: Path) -> None:
    sofa = tmp_path / "mine.sofa"
    sofa.write_bytes(b"not a SOFA file")
    assert find_head(sofa, {}).sofa == sofa
    assert find_head(None, {SOFA_VARIABLE: str(sofa)}).sofa == sofa
    with pytest.raises(FileNotFoundError, match=r"nowhere\.sofa"):
        find_head("nowhere.sofa", {})
    with pytest.raises(ValueError, match=r"mine\.sofa"):
        foa_to_binaural(_click(0.0), find_head(sofa, {}))


@pytest.mark.parametrize(("rate", "seconds", "heard_s"), [(48_000, 3.0, 3.0), (44_100, 12.0, 10.0), (8_000, 1.0, 1.0)])
def test_what_is_heard_is_ten_seconds_at_most_and_as_loud_as_the_rest(
    rate: int, seconds: float, heard_s: float
) -> None:
    sound, out_rate = for_listening(0.01 * np.random.default_rng(1).standard_normal(int(rate * seconds)), rate)
    assert out_rate == SAMPLE_RATE_HZ
    assert len(sound) == int(heard_s * SAMPLE_RATE_HZ)
    assert np.max(np.abs(sound)) == pytest.approx(10 ** (PEAK_DBFS / 20))
    assert (sound[-1] == 0.0) == (seconds > 10)


def test_silence_and_bad_samples_stay_finite() -> None:
    assert not for_listening(np.zeros((100, 2)), SAMPLE_RATE_HZ)[0].any()
    assert np.isfinite(for_listening(np.array([0.1, np.nan, np.inf]), SAMPLE_RATE_HZ)[0]).all()


def test_the_files_sound_as_the_rows_say(release: Path) -> None:
    """The binaural file of a row at the side is louder on that side, the original is mono, each within its bounds."""
    summary = summarise(release)
    audio = release / "report" / "audio"
    assert len(list(audio.glob("binaural-*.mp3"))) == 8
    checked = 0
    for index in pick(summary, 8):
        row = summary.rows.slice(index, 1).to_pylist()[0]
        full = next(one for one in all_rows(release) if one["id"] == row["id"])
        key = hashlib.sha256(full["source_sha256"].encode()).hexdigest()[:16]
        original, rate = soundfile.read(audio / f"original-{key}.mp3", always_2d=True)
        assert original.shape[1] == 1
        assert rate == SAMPLE_RATE_HZ
        assert np.abs(original).max() > 0.4
        if row["direction"] in ("left", "right") and abs(row["elevation_deg"]) < 40:
            ears, _ = soundfile.read(audio / binaural_name(full, find_head()), always_2d=True)
            assert (_left_louder_by_db(ears) > 3.0) == (row["direction"] == "left")
            assert abs(_left_louder_by_db(ears)) > 3.0
            checked += 1
    assert checked >= 2


def test_originals_of_an_earlier_report_are_kept_and_used(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 8)
    first = write_report(made, original_of=original_of, samples=4).read_bytes()
    stale = made / "report" / "audio" / "binaural-0000000000000000.mp3"
    stale.write_bytes(b"left by an earlier release")
    assert write_report(made, samples=4).read_bytes() == first
    assert not stale.exists()
