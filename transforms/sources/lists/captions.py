"""The captions of a cell: one text, or a list of them, also one that was written as text by Python, JSON or NumPy."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from transforms.sources.lists.text import decode_text, printable, short, stripped

#: What tools write where there is nothing.
GAPS = frozenset(("nan", "none", "null", "n/a", "<na>", "#n/a", "#name?", "#ref!", "#value!"))

#: A text that begins so was a list, a tuple or an array of texts.
_LIST = re.compile(r"""\[\s*(?:[bu]?['"]|(?:np\.|numpy\.)?str_\(|\]|None\b|nan\b|null\b)|\(\s*[bu]?['"]""")
_BYTES = re.compile(r"""b'(?:[^'\\]|\\.)*'|b"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_ARRAY = re.compile(r"(?:np\.|numpy\.)?array\((?P<list>\[.*\])\s*(?:,\s*dtype=[^()\[\]]*)?\)", re.DOTALL)

_PART = re.compile(
    r"""\s*(?:
        (?P<call>(?:np\.|numpy\.)?str_\(\s*)?
        (?P<text>[bBuU]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
        (?(call)\s*\))
        |(?P<gap>None|null|nan|NaN|<NA>)
    )\s*(?P<comma>,?)\s*""",
    re.VERBOSE | re.DOTALL,
)


class NotText(ValueError):
    """A caption that is neither text nor a list of texts; the message says what it is."""


def captions_of(*values: Any) -> tuple[str, ...]:
    """The captions in a row's values: texts, lists of texts, and lists that were written as text; gaps are left out.

    Space and invisible signs around a caption are no part of it.

    Raises:
        NotText: where a value is something else, or a list that cannot be told from a text with certainty.
    """
    texts = (stripped(printable(text)) for value in values for text in _texts(value))
    return tuple(text for text in texts if not says_nothing(text))


def says_nothing(text: str) -> bool:
    """Whether a text holds no letter or digit, or is what tools write where there is nothing ("nan", "None")."""
    plain = stripped(text)
    return plain.casefold() in GAPS or not any(sign.isalnum() for sign in plain)


def text_of(value: Any) -> str | None:
    """One value as text, as it is; None where it is a gap, a list or a struct."""
    if isinstance(value, bytes):
        return decode_text(value)
    if value is None or value != value or isinstance(value, dict | list | tuple):
        return None
    return str(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for part in value:
            if isinstance(part, list | tuple):
                raise NotText("a caption is a list in a list; it has to be a text or a list of texts")
            for text in _one(part):
                yield from _written_list(text)
        return
    for text in _one(value):
        yield from _written_list(text)


def _one(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield decode_text(value)
    elif isinstance(value, dict):
        raise NotText(f"a caption is a struct ({short(', '.join(map(str, value)), 40)}); it has to be a text")
    # A number that is not itself is a gap, as pandas has it.
    elif value is not None and value == value:
        raise NotText(f"a caption is {short(str(value), 40)!r} ({type(value).__name__}); it has to be a text")


def _written_list(text: str) -> Iterator[str]:
    """The texts of a list that was written as text; any other text as it is."""
    plain = stripped(text)
    if _BYTES.fullmatch(plain):
        yield _literal(plain) or text
        return
    array = _ARRAY.fullmatch(plain)
    if array is not None:
        plain = array["list"]
    if plain.startswith("{") and plain.endswith("}"):
        raise NotText(f"a caption is a struct or a set, {short(plain, 40)}; it has to be a text or a list of texts")
    if not _LIST.match(plain):
        if plain.startswith("[") and plain.endswith("]") and ("," in plain or _from_json(plain) is not None):
            raise NotText(f"{short(plain, 40)} may be a list; write its texts with quotation marks, as JSON does")
        yield text
        return
    parts = _from_json(plain) or _from_python(plain)
    if parts is None:
        if plain.startswith("("):
            yield text
            return
        raise NotText(f"{short(plain, 40)} begins as a list of texts and is none")
    for part in parts:
        yield from _one(part)


def _from_json(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _from_python(text: str) -> list[str] | None:
    """The texts of what Python or NumPy print for a list; NumPy puts no commas between them."""
    closing = {"[": "]", "(": ")"}[text[0]]
    found: list[str] = []
    commas: list[bool] = []
    position = 1
    while not text.startswith(closing, position):
        part = _PART.match(text, position)
        # Two quotation marks side by side are some other way to write one.
        if part is None or (text[part.end() - 1] in "'\"" and not text.startswith(closing, part.end())):
            return None
        if part["gap"] is None:
            value = _literal(part["text"])
            if value is None:
                return None
            found.append(value)
        commas.append(bool(part["comma"]))
        position = part.end()
    # Commas between all or between none; one may stand behind the last.
    if position + 1 != len(text) or len(set(commas[:-1])) > 1 or (commas[:-1] and commas[-1] > commas[0]):
        return None
    return found


def _literal(token: str) -> str | None:
    with warnings.catch_warnings():
        # A backslash before another letter is itself.
        warnings.simplefilter("ignore")
        try:
            value = ast.literal_eval(token.replace("\r", "\\r").replace("\n", "\\n"))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return decode_text(value) if isinstance(value, bytes) else str(value)
