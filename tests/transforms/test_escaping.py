"""Text from outside stays text: on a terminal, in Markdown, in HTML and in a spreadsheet."""

from __future__ import annotations

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from transforms.escaping import html_text, markdown_code, markdown_text, spreadsheet_cell, terminal_text, web_link


@given(st.text())
def test_a_terminal_gets_no_command_and_no_second_line(text: str) -> None:
    assert terminal_text(text).isprintable()


@pytest.mark.parametrize("text", ["\x1b[2J", "\a", "a\nb", "\u202eabc", "\udcff", "\x9b31m", "\u2028"])
def test_what_does_not_print_is_shown_as_its_code(text: str) -> None:
    assert "\\" in terminal_text(text)


def test_what_prints_is_left_alone() -> None:
    assert terminal_text("été 🎧 \\n") == "été 🎧 \\n"


def tags_of(text: str) -> set[str]:
    """The kinds of elements that Markdown makes of a text."""
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True})
    tokens = parser.parseInline(text)[0].children or []
    return {token.type for token in tokens} - {"text", "text_special"}


@pytest.mark.parametrize(
    "text",
    [
        "[free](javascript:alert(1))",
        "![pixel](https://example.org/x.png)",
        "<script>alert(1)</script>",
        "<javascript:alert(1)>",
        "`code` **bold** _leaning_",
        "[a]: javascript:x\n[a]",
    ],
)
def test_markdown_of_a_stranger_is_shown_as_it_was_written(text: str) -> None:
    assert not tags_of(markdown_text(text))


@given(st.text(alphabet="[]()!<>*_`\\|a :\n"))
def test_no_text_becomes_markdown(text: str) -> None:
    assert not tags_of(markdown_text(text))


@pytest.mark.parametrize(
    "text", ["CC-BY-4.0", "unknown", "decode: no_samples", "Attribution 3.0 (see http://a.org/b_c)"]
)
def test_names_of_licences_and_reasons_stay_as_they_were(text: str) -> None:
    assert markdown_text(text) == text


def test_a_code_span_is_not_left() -> None:
    assert markdown_code("a`<b>`\n# c") == "a'<b>' # c"


def test_a_page_shows_marks_that_would_turn_its_text() -> None:
    environment = jinja2.Environment(autoescape=True, finalize=html_text)
    page = environment.from_string("{{ a }}{{ b }}{{ c }}").render(a="<\u202e\x1b>", b=Markup("<b>\u202e</b>"), c=1)
    assert page == "&lt;\\u202e\\x1b&gt;<b>\u202e</b>1"
    assert html_text("a\u202fb\tc\n") == "a\u202fb\tc\n"


def test_only_the_web_is_linked() -> None:
    assert web_link("HTTPS://a.org") == "HTTPS://a.org"
    assert web_link("javascript:alert(1)") is None


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_spreadsheet_calculates_nothing(formula: str) -> None:
    assert spreadsheet_cell(formula) == f"'{formula}"


@pytest.mark.parametrize("cell", [None, "", "Jane = Doe", "a-b"])
def test_other_cells_stay_as_they_are(cell: str | None) -> None:
    assert spreadsheet_cell(cell) == cell
