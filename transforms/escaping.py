"""Text that came from outside, written so that it stays text: on a terminal, in Markdown, in HTML, in a spreadsheet."""

from __future__ import annotations

import re
from typing import Any

#: What turns the direction of the text around it, and control characters other than tab and the ends of lines.
_TURNING_OR_CONTROL = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
#: What begins or ends something in Markdown; an underscore within a word does not.
_MARKDOWN = re.compile(r"[\\`*\[\]|]|(?<![^\W_])_|_(?![^\W_])")
#: A spreadsheet takes a cell that begins with one of these as a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def terminal_text(text: str) -> str:
    r"""Text on one line for a terminal: what does not print, such as ESC, BEL or a direction mark, as \x1b."""
    return "".join(_escaped(character) if not character.isprintable() else character for character in text)


def markdown_text(text: str) -> str:
    """Text on one line for a paragraph or a table cell of Markdown, where it makes no link, image, code or HTML."""
    return _MARKDOWN.sub(r"\\\g<0>", terminal_text(" ".join(text.split()))).replace("<", "&lt;")


def markdown_code(text: str) -> str:
    """Text for a code span of Markdown, which ends at the next backtick."""
    return terminal_text(" ".join(text.split())).replace("`", "'")


def html_text(value: Any) -> Any:
    r"""A value for a template that escapes HTML by itself; control characters and direction marks become \x1b.

    A string that is marked as HTML, and a value that is no string, are returned as they are.
    """
    if type(value) is not str:
        return value
    return _TURNING_OR_CONTROL.sub(lambda found: _escaped(found[0]), value)


def web_link(url: Any) -> str | None:
    """The URL when it is http or https, else None, so that no list of captions can bring a script into a page."""
    return url if isinstance(url, str) and re.match(r"https?://[^\s]+\Z", url, flags=re.IGNORECASE) else None


def spreadsheet_cell(text: str | None) -> str | None:
    """A cell of a CSV file that people open in a spreadsheet: an apostrophe keeps a formula from being calculated."""
    return f"'{text}" if text is not None and text.startswith(_FORMULA_SIGNS) else text


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
