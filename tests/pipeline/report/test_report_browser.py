"""The report in a browser, from a disk and without a network, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.report import table, write_report
from pipeline.report.marking import marked
from tests.pipeline.report.browser import emulate, open_browser, open_page, program, until
from tests.pipeline.report.generated_release import all_rows, make_release, original_of
from tests.pipeline.report.open_report import PLAYS, chip, contrasts, decoded_by, focused, found, press, shown, wait_for
from transforms.records import SPLITS
from transforms.words import VOCABULARY

pytestmark = pytest.mark.slow

ROWS = 60
# Small files of texts, so that every test goes over their borders.
ROWS_A_FILE = 25


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not Path(program("chromium")).exists() or not Path(program("chromedriver")).exists():
        print("skipped: chromium or chromedriver is not installed (Debian: apt-get install chromium chromium-driver)")
        pytest.skip("chromium is not installed")
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_release(tmp_path_factory.mktemp("release") / "demo", ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "ROWS_A_FILE", ROWS_A_FILE)
        write_report(made, original_of=original_of, samples=8)
    return made


@pytest.fixture(scope="module")
def rows(release: Path) -> list[dict[str, Any]]:
    """The rows in the order of the table."""
    return [row for split in SPLITS for row in all_rows(release) if row["split"] == split]


@pytest.fixture
def browser(running: Any, release: Path) -> Iterator[Any]:
    """The report, freshly opened; whatever the test did, the console must have stayed silent and the network unused."""
    emulate(running)
    running.get_log("browser")
    open_page(running, release / "report" / "index.html")
    yield running
    names = running.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(name.startswith(("file:", "data:")) for name in names), names
    assert [entry for entry in running.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def mixed_order() -> list[int]:
    """The order that the table begins with: in each file of texts every row once, in steps of a golden section."""
    order = []
    for first in range(0, ROWS, ROWS_A_FILE):
        count = min(ROWS_A_FILE, ROWS - first)
        step = max(1, round(count * 0.381966))
        while gcd(count, step) > 1:
            step += 1
        order += [first + at * step % count for at in range(count)]
    return order


def mixed(rows: Iterable[int]) -> list[int]:
    """These rows in the order that the table begins with."""
    wanted = set(rows)
    return [row for row in mixed_order() if row in wanted]


# --- The first screen -----------------------------------------------------------------------------------------------


def test_the_first_screen_shows_a_whole_row(running: Any, tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 24)
    captions = {
        "captions_original": ["A dog barks while birds sing"],
        "captions": ["Far off, down below, on the left, in a large, highly reverberant room, a dog barks."],
    }
    for path in made.glob("*/*/metadata.parquet"):
        rows = pq.read_table(path)
        plain = [{**row, **captions} for row in rows.to_pylist()]
        pq.write_table(pa.Table.from_pylist(plain, schema=rows.schema), path)
    page = write_report(made, original_of=original_of, samples=2)
    script = """
      const first = document.querySelector('.card.first');
      return ['h1', '.before', '.after', '.players div:first-child .listen', '.players div:last-of-type .listen',
              '.measures', '.room svg'].map(part => {
        const box = (first.querySelector(part) || document.querySelector(part)).getBoundingClientRect();
        return [part, box.left >= 0, box.right <= innerWidth, box.top >= 0, box.bottom <= innerHeight, box.width > 30];
      });
    """
    for width, height in ((1280, 800), (390, 844)):
        emulate(running, width=width, height=height)
        open_page(running, page)
        parts = running.execute_script(script)
        assert [part for part in parts if not all(part[1:])] == []
        assert running.execute_script("return scrollY") == 0
    running.get_log("browser")


def test_the_table_begins_with_rows_of_many_clips(browser: Any, rows: list[dict[str, Any]]) -> None:
    assert sorted(mixed_order()) == list(range(ROWS))
    first = [rows[at] for at in shown(browser)]
    assert len({row["source_id"] for row in first}) >= 5


# --- Finding rows ---------------------------------------------------------------------------------------------------


def test_words_narrow_the_rows_down(browser: Any, rows: list[dict[str, Any]]) -> None:
    assert found(browser) == f"All {ROWS} rows, 1 to 10 shown"
    chip(browser, "direction", "left").click()
    left = [at for at, row in enumerate(rows) if row["direction"] == "left"]
    wait_for(browser, f"{len(left)} of {ROWS} rows")
    assert shown(browser) == mixed(left)[:10]
    # Within an attribute either word will do, of two attributes both are asked.
    chip(browser, "direction", "none").click()
    chip(browser, "split", "train").click()
    either = [at for at, row in enumerate(rows) if row["direction"] in ("left", None) and row["split"] == "train"]
    wait_for(browser, f"{len(either)} of {ROWS} rows")
    assert shown(browser) == mixed(either)[:10]
    # A word says how many rows it would leave beside what is chosen elsewhere.
    right = sum(row["direction"] == "right" and row["split"] == "train" for row in rows)
    script = "return arguments[0].nextElementSibling.querySelector('small').textContent"
    assert browser.execute_script(script, chip(browser, "direction", "right")) == str(right)
    browser.find_element("id", "clear").click()
    wait_for(browser, f"All {ROWS} rows")


def test_the_status_of_captions_can_be_chosen(browser: Any, rows: list[dict[str, Any]]) -> None:
    both = [at for at, row in enumerate(rows) if set(row["caption_status"]) == {"rewritten", "template"}]
    chip(browser, "captions", "some of each").click()
    wait_for(browser, f"{len(both)} of {ROWS} rows")
    assert shown(browser) == mixed(both)[:10]


@pytest.mark.parametrize("text", ["DOG barks", "ἦχος", "<script>document", '"birds sing, left"', "\\u0041", "x" * 200])
def test_a_text_is_found_in_all_captions(browser: Any, rows: list[dict[str, Any]], text: str) -> None:
    terms = [text.strip('"')] if text.startswith('"') else text.split()
    wanted = []
    for at, row in enumerate(rows):
        texts = "\n".join([row["source_id"], *row["captions_original"], *row["captions"]]).lower()
        if all(term.lower() in texts for term in terms):
            wanted.append(at)
    assert wanted, "the release must hold the text for this test to say anything"
    browser.find_element("id", "text").send_keys(text)
    wait_for(browser, f"{len(wanted)} of {ROWS} rows")
    assert shown(browser) == mixed(wanted)[:10]


def test_nothing_found_is_said(browser: Any) -> None:
    browser.find_element("id", "text").send_keys("no caption has this")
    wait_for(browser, "No rows")
    assert "No row has all of this" in browser.find_element("id", "shown").text


def test_rows_are_sorted_both_ways_and_back(browser: Any, rows: list[dict[str, Any]]) -> None:
    button = browser.find_element("css selector", "[data-sort=distance_m] button")
    head = browser.find_element("css selector", "[data-sort=distance_m]")
    places = range(ROWS)
    orders = {
        "ascending": sorted(places, key=lambda at: round(100 * rows[at]["distance_m"])),
        "descending": sorted(places, key=lambda at: -round(100 * rows[at]["distance_m"])),
        None: mixed_order(),
    }
    for order, wanted in orders.items():
        button.click()
        until(browser, "return document.querySelector('#shown tr').dataset.row === arguments[0]", str(wanted[0]))
        assert shown(browser) == wanted[:10]
        assert head.get_attribute("aria-sort") == order


def test_pages_are_turned_and_the_button_keeps_the_focus(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    turn = {
        name: browser.find_element("css selector", f".pages [data-to={name}]") for name in ("next", "last", "previous")
    }
    turn["next"].click()
    wait_for(browser, f"All {ROWS} rows, 11 to 20")
    assert shown(browser) == mixed_order()[10:20]
    turn["last"].click()
    wait_for(browser, f"All {ROWS} rows, 51 to 60")
    assert turn["last"].get_attribute("aria-disabled") == "true"
    assert focused(browser) == "BUTTON Last"
    page = browser.find_element("id", "page")
    page.send_keys(Keys.CONTROL + "a" + Keys.NULL + "3" + Keys.ENTER)
    wait_for(browser, f"All {ROWS} rows, 21 to 30")
    browser.execute_script(
        "const size = document.getElementById('size'); size.value = '100'; size.dispatchEvent(new Event('change'))"
    )
    wait_for(browser, f"All {ROWS} rows, 1 to {ROWS} shown")
    assert shown(browser) == mixed_order()


def test_every_caption_is_text_and_nothing_else(browser: Any, rows: list[dict[str, Any]]) -> None:
    browser.execute_script(
        "const size = document.getElementById('size'); size.value = '100'; size.dispatchEvent(new Event('change'))"
    )
    wait_for(browser, f"All {ROWS} rows, 1 to {ROWS}")
    script = """
      const texts = cell => [...cell.querySelectorAll('p')].map(one => one.textContent);
      return [...document.querySelectorAll('#shown .said')].map(texts);
    """
    in_order = [rows[at] for at in mixed_order()]
    assert browser.execute_script(script) == [[row["captions"][0], row["captions_original"][0]] for row in in_order]
    marks = """
      const texts = cell => [...cell.querySelectorAll('mark')].map(one => one.textContent);
      return [...document.querySelectorAll('#shown .said')].map(texts);
    """
    words = [[row[attribute] for attribute in VOCABULARY if row[attribute]] for row in in_order]
    pieces = [marked(row["captions"][0], of_row) for row, of_row in zip(in_order, words, strict=True)]
    assert browser.execute_script(marks) == [[piece for piece, is_mark in of_row if is_mark] for of_row in pieces]
    assert sum(is_mark for of_row in pieces for _, is_mark in of_row) > ROWS / 2
    opened = "document.querySelectorAll('#shown button.open').forEach(button => button.click());"
    browser.execute_script(opened)
    made = "return [...document.querySelectorAll('#shown *')].map(one => one.localName)"
    wanted = set(
        "tr td th button span bdi small p mark div dl dt dd em code footer a audio svg circle line path text".split()
    )
    assert set(browser.execute_script(made)) <= wanted
    assert browser.title.startswith("generated <release>")
    links = browser.execute_script("return [...document.querySelectorAll('#shown a')].map(link => link.href)")
    assert links
    assert all(link.startswith("https://example.org/") for link in links)


# --- Hearing rows ---------------------------------------------------------------------------------------------------


def test_players_of_the_sample_are_made_when_asked_for(browser: Any, release: Path) -> None:
    assert browser.execute_script("return document.querySelectorAll('audio').length") == 0
    first, second = browser.find_elements("css selector", ".card button.listen")[:2]
    assert first.get_attribute("aria-label").startswith("Original: ")
    first.click()
    assert 3.9 < until(browser, PLAYS, 0) < 10.2
    browser.execute_script("document.querySelector('audio').currentTime = 1.5")
    second.click()
    assert 3.9 < until(browser, PLAYS, 1) < 10.2
    # The second player takes over from the first, at the same place in the sound.
    state = "return [...document.querySelectorAll('audio')].map(one => [one.paused, one.currentTime])"
    (paused, _), (_, at) = browser.execute_script(state)
    assert paused
    assert at >= 1.4
    assert focused(browser).startswith("AUDIO Binaural: ")
    source = browser.execute_script("return document.querySelectorAll('audio')[1].getAttribute('src')")
    decoded = decoded_by(browser, (release / "report" / source).read_bytes())
    assert decoded["channels"] == 2
    assert decoded["peak"] > 0.1
    assert decoded["seconds"] > 3.9


def test_a_row_of_the_sample_has_both_players(browser: Any) -> None:
    chip(browser, "players", "binaural").click()
    wait_for(browser, f"8 of {ROWS} rows")
    browser.find_element("css selector", "#shown button.open").click()
    assert 3.9 < until(browser, PLAYS, 1) < 10.2
    names = browser.execute_script("return [...document.querySelectorAll('.opened audio')].map(one => one.ariaLabel)")
    assert [name.split(":")[0] for name in names] == ["Original", "Binaural"]


def test_any_other_row_plays_its_file_and_says_how_to_get_more(browser: Any, rows: list[dict[str, Any]]) -> None:
    chip(browser, "players", "file alone").click()
    wait_for(browser, f"{ROWS - 8} of {ROWS} rows")
    button = browser.find_element("css selector", "#shown button.open")
    button.click()
    assert until(browser, PLAYS, 0) == pytest.approx(4.0, abs=0.1)
    row = rows[shown(browser)[0]]
    source = browser.execute_script("return document.querySelector('.opened audio').getAttribute('src')")
    assert re.fullmatch(rf"\.\./{row['split']}/0000\d-of-0000\d/{row['file_name']}", source)
    assert f"elsa report RELEASE --rows={row['id']}" in browser.find_element("css selector", ".opened").text
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert browser.execute_script("return document.querySelectorAll('audio').length") == 0
    assert button.get_attribute("aria-expanded") == "false"


def test_a_keyboard_is_enough(browser: Any, rows: list[dict[str, Any]]) -> None:
    from selenium.webdriver.common.keys import Keys

    press(browser, Keys.TAB)
    assert focused(browser) == "A Skip to the content"
    press(browser, Keys.ENTER)
    seen = []
    while not focused(browser).startswith("INPUT") and len(seen) < 80:
        press(browser, Keys.TAB)
        seen.append(focused(browser))
    press(browser, "barks")
    wanted = [at for at, row in enumerate(rows) if "barks" in "\n".join([*row["captions"], *row["captions_original"]])]
    wait_for(browser, f"{len(wanted)} of {ROWS} rows")
    while not focused(browser).startswith("BUTTON Listen to") and len(seen) < 160:
        press(browser, Keys.TAB)
        seen.append(focused(browser))
        # Whatever has the focus shows it.
        outline = """
          const at = document.activeElement;
          return getComputedStyle(at.matches('.chip input') ? at.nextElementSibling : at).outlineStyle;
        """
        assert browser.execute_script(outline) not in ("none", ""), seen[-1]
    press(browser, Keys.ENTER)
    until(browser, "return [...document.querySelectorAll('audio')].some(one => one.currentTime > 0)")
    assert focused(browser).startswith("AUDIO")
    press(browser, Keys.ESCAPE)
    assert focused(browser).startswith("BUTTON Listen to")
    assert browser.execute_script("return document.querySelectorAll('audio').length") == 0
    # A word is chosen with the space bar, on the way back.
    while not focused(browser).startswith("INPUT on") and len(seen) < 240:
        press(browser, Keys.SHIFT + Keys.TAB + Keys.NULL)
        seen.append(focused(browser))
        if browser.execute_script("return document.activeElement.type") == "checkbox":
            break
    before = found(browser)
    press(browser, Keys.SPACE)
    until(browser, "return document.activeElement.checked")
    until(
        browser, "return document.getElementById('found').textContent.replace(/\u202f/g, '') !== arguments[0]", before
    )


# --- For everybody --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 390])
def test_every_control_has_a_name_and_the_table_is_one(browser: Any, release: Path, width: int) -> None:
    """In the tree that Chromium gives to screen readers."""
    emulate(browser, width=width)
    open_page(browser, release / "report" / "index.html")
    browser.execute_script(
        "document.querySelectorAll('details').forEach(one => { one.open = true; });"
        "document.querySelector('#shown button.open').click()"
    )
    until(browser, "return document.querySelector('.opened audio')")
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    by_role: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            role = node.get("role", {}).get("value", "")
            by_role.setdefault(role, []).append(str(node.get("name", {}).get("value", "")).strip())
    for role in (
        "button",
        "link",
        "checkbox",
        "searchbox",
        "combobox",
        "spinbutton",
        "image",
        "table",
        "region",
        "Audio",
    ):
        assert by_role.get(role), role
        assert all(by_role[role]), role
    assert len(by_role["table"]) >= 1
    assert any(name == "All rows" for name in by_role["table"])
    assert len(by_role["rowheader"]) >= 10
    live = [node for node in nodes if node.get("role", {}).get("value") == "status" and not node.get("ignored")]
    assert len(live) == 1
    levels = browser.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.localName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    doubled = """
      const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
      return ids.filter((id, at) => ids.indexOf(id) !== at);
    """
    assert browser.execute_script(doubled) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_in_both_schemes(browser: Any, release: Path, scheme: str) -> None:
    emulate(browser, scheme=scheme)
    open_page(browser, release / "report" / "index.html")
    chip(browser, "direction", "left").click()
    until(browser, "return document.querySelector('#found').textContent.includes(' of ')")
    browser.execute_script("document.querySelector('#shown button.open').click()")
    until(browser, "return document.querySelector('.opened')")
    ratios = contrasts(browser)
    assert len(ratios) > 200
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(value) for value in re.findall(r"\d+", paper)[:3]) > 384) == (scheme == "light")
    assert [(text, round(ratio, 2)) for text, ratio in ratios if ratio < 4.5] == []


def test_a_phone_scrolls_one_way_only(browser: Any, release: Path) -> None:
    emulate(browser, width=360)
    open_page(browser, release / "report" / "index.html")
    browser.execute_script(
        "document.querySelectorAll('details').forEach(one => { one.open = true; });"
        "document.querySelectorAll('#shown button.open').forEach(one => one.click())"
    )
    until(browser, "return document.querySelectorAll('.opened').length === 10")
    wide = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]
    emulate(browser)
    wide = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]


def test_who_wants_no_motion_gets_none(browser: Any) -> None:
    smooth = "return getComputedStyle(document.documentElement).scrollBehavior"
    assert browser.execute_script(smooth) == "auto"
    emulate(browser, motion="no-preference")
    assert browser.execute_script(smooth) == "smooth"


# --- Releases that lack something -----------------------------------------------------------------------------------


def test_splits_without_rows_have_no_words_and_no_errors(running: Any, tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 12, audio=False)
    for path in made.glob("t*/*/metadata.parquet"):
        rows = pq.read_table(path)
        pq.write_table(rows.slice(0, 0), path)
    emulate(running)
    open_page(running, write_report(made))
    assert found(running) == "All 3 rows, 1 to 3 shown"
    for path in made.glob("*/*/metadata.parquet"):
        rows = pq.read_table(path)
        pq.write_table(pa.Table.from_pylist([], schema=rows.schema), path)
    open_page(running, write_report(made))
    assert found(running) == "No rows"


def test_data_that_is_gone_is_said(running: Any, tmp_path: Path) -> None:
    page = write_report(make_release(tmp_path / "demo", 4, audio=False))
    (page.parent / "data" / "rows.js").unlink()
    running.get(page.as_uri())
    said = until(running, "const note = document.querySelector('#rows [role=alert]'); return note && note.textContent")
    assert "data/rows.js could not be read" in said
    page = write_report(make_release(tmp_path / "other", 4, audio=False))
    (page.parent / "data" / "rows-00000.js").unlink()
    running.get(page.as_uri())
    until(running, "return document.getElementById('problem').textContent.includes('rows-00000.js could not be read')")
    running.get_log("browser")


def test_a_page_whose_texts_are_gone_is_said(running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS_A_FILE", 10)
    page = write_report(make_release(tmp_path / "demo", 12, audio=False))
    (page.parent / "data" / "rows-00001.js").unlink()
    open_page(running, page)
    running.find_element("css selector", ".pages [data-to=last]").click()
    until(running, "return document.getElementById('problem').textContent.includes('rows-00001.js could not be read')")
    assert not running.execute_script("return document.getElementById('problem').hidden")
    running.get_log("browser")
