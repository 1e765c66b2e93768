"""The page of a small release made here: its numbers, what it escapes, what it loads, and what comes first."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.report import write_report
from pipeline.report.variety import STRONG_WRITER
from pipeline.report.wording import unbroken_duration
from tests.pipeline.report.generated_release import HOSTILE, all_rows, make_release, original_of
from transforms.escaping import web_link
from transforms.records import SPLITS
from transforms.words import VOCABULARY

pytestmark = pytest.mark.slow


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


def test_the_first_screen_is_a_row_to_hear_and_the_digest_comes_last(page: _Page) -> None:
    text = "".join(page.text)
    first = next(at for at, (_, attributes) in enumerate(page.elements) if attributes.get("class") == "card first")
    inside = [attributes for _, attributes in page.elements[first:] if attributes.get("class")][:40]
    assert [attributes["data-name"].split(":")[0] for attributes in inside if attributes["class"] == "listen"][:2] == [
        "Original",
        "Binaural",
    ]
    order = [
        text.rindex("More rows") if part == "More rows" else text.index(part)
        for part in ("Caption of the clip", "Spatial caption", "Azimuth", "From above", "More rows")
    ]
    assert order == sorted(order)
    digest = hashlib.sha256(b"release").hexdigest()
    assert text.count(digest) == 1
    assert text.index(digest) > text.index("Licences", text.index("More rows"))
    assert "0.0 hours" not in text


def test_no_sample_at_all_is_said(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 4, audio=False)
    text = "".join(_Page(write_report(made, samples=0).read_text(encoding="utf-8")).text)
    assert "There are no rows to show." in text


def test_the_numbers_of_every_split_are_on_the_page(release: Path, page: _Page) -> None:
    rows, rejected = all_rows(release), pq.read_table(release / "rejected.parquet").to_pylist()
    for split in (*SPLITS, "all"):
        here = [row for row in rows if split in (row["split"], "all")]
        status = Counter(status for row in here for status in row["caption_status"])
        assert page.row(f"data-split={split}") == [
            split,
            str(len(here)),
            unbroken_duration(sum(row["duration_s"] for row in here)),
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


def test_each_outcome_of_an_answer_has_a_few_examples_as_text(release: Path, page: _Page) -> None:
    answers = pq.read_table(release / "answers.parquet").to_pylist()
    for outcome in ("missing_direction", "content_lost", "<b>odd"):
        here = [one["text"] for one in answers if one["reason"] == outcome]
        shown = page.row(f"data-outcome={outcome}")[4]
        beginnings = [text[:20] for text in dict.fromkeys(here)]
        assert len(beginnings) > 3
        assert [text in shown for text in beginnings[:4]] == [True, True, True, False]


def test_the_decisions_of_the_judge_are_shown_with_what_it_read(release: Path, page: _Page) -> None:
    answers = pq.read_table(release / "answers.parquet").to_pylist()
    kept = page.row("data-judged=kept")
    assert kept[:2] == ["kept", "6"]
    assert '{"direction": null}' in kept[2]
    about = next(one for one in answers if one["asked"] == "judge" and one["kept"])
    written = [one["text"] for one in answers if one["asked"] == "writer" and one["row_id"] == about["row_id"]]
    assert written[0][:20] in kept[2]
    lost = page.row("data-judged=judge_direction")
    assert lost[:2] == ["judge_direction", "6"]
    assert HOSTILE[0] in lost[2]
    assert "generated-judge" in "".join(page.text)


def test_answers_of_a_release_without_a_judge_are_all_the_writers(tmp_path: Path) -> None:
    made = make_release(tmp_path / "older", 8, audio=False)
    answers = pq.read_table(made / "answers.parquet")
    pq.write_table(answers.filter(pc.equal(answers["asked"], "writer")).drop(["asked"]), made / "answers.parquet")
    page = _Page(write_report(made).read_text(encoding="utf-8"))
    assert page.row("data-outcome=kept")[:4] == ["kept", "·", "2", "2"]
    assert "Decisions of the judge" not in "".join(page.text)


def test_the_variety_of_captions_is_shown_by_who_wrote_them(page: _Page) -> None:
    cells = ["by a language model", "1", "1 in 1", "–", "100 %", "100 %", "–", "0 %"]
    assert page.row("data-variety=rewritten") == cells
    assert page.row("data-variety=template")[1:6] == ["1", "1 in 1", "–", "0 %", "0 %"]
    assert page.row("data-variety=all")[1:6] == ["2", "2 in 2", "–", "50 %", "50 %"]
    assert page.row("data-variety=strong writer")[1] == str(STRONG_WRITER.captions)


def test_rejected_inputs_are_shown_by_reason_with_examples(page: _Page) -> None:
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
    assert "strong writer" not in text
    assert "No input was rejected" in text
    assert "--input" in text
    assert "could not be played" in text


def test_empty_splits_and_missing_values_do_not_break_the_plots(tmp_path: Path) -> None:
    made = make_release(tmp_path / "holes", 4, audio=False)
    for path in made.glob("*/*/metadata.parquet"):
        table = pq.read_table(path)
        lost = dict.fromkeys(("t30_ms", "drr_db", "room_height_m", "azimuth_deg", "elevation_deg", "distance_m"))
        rows = [{**row, **lost} for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows if "train" in str(path) else [], schema=table.schema), path)
    text = "".join(_Page(write_report(made).read_text(encoding="utf-8")).text)
    assert "no values" in text
    assert "nan" not in text.lower().replace("binaural", "")


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a release"):
        write_report(tmp_path)


def test_licences_are_counted_by_clip(page: _Page) -> None:
    assert page.row("data-licence=CC-BY-4.0")[:2] == ["CC-BY-4.0", "10"]


def test_captions_are_counted_by_who_wrote_them(release: Path, page: _Page) -> None:
    statuses = Counter(status for row in all_rows(release) for status in row["caption_status"])
    for status, label in (("rewritten", "model"), ("template", "template")):
        share = f"{100 * statuses[status] / statuses.total():.1f} %"
        assert page.row(f"data-bar={label}")[2:] == [str(statuses[status]), share]


def test_attempts_count_from_1_and_the_bar_of_one_answer_is_short(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 8, audio=False)
    answers = pq.read_table(made / "answers.parquet")
    kept = [(attempt, True) for attempt in [0] * 49 + [3]] + [(0, False), (1, False)]
    rows = [{**answers.slice(0, 1).to_pylist()[0], "attempt": attempt, "kept": good} for attempt, good in kept]
    pq.write_table(pa.Table.from_pylist(rows, schema=answers.schema), made / "answers.parquet")
    source = write_report(made).read_text(encoding="utf-8")
    page = _Page(source)
    assert page.row("data-bar=attempt 1")[2:] == ["49", "of 50"]
    assert page.row("data-bar=attempt 4")[2:] == ["1", "of 1"]
    assert re.search(r'data-bar="attempt 4".*?width:([\d.]+)%', source)[1] == "2.0"
    assert "attempt 0" not in source


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
    assert web_link("https://example.org/x") == "https://example.org/x"
    for bad in (
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://a b",
        "https://a\n",
        "",
        None,
    ):
        assert web_link(bad) is None
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
        folder = write_report(made, original_of=original_of, samples=2).parent
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }
        contents.append(files)
    assert contents[0] == contents[1]
    assert sorted(Path(name).suffix for name in contents[0]) == [".html"] + [".js"] * 2 + [".mp3"] * 4


def test_many_rows_are_drawn_as_density_and_the_page_stays_light(tmp_path: Path) -> None:
    made = make_release(tmp_path / "many", 4000, audio=False)
    text = write_report(made, samples=2).read_text(encoding="utf-8")
    assert len(text) < 900_000
