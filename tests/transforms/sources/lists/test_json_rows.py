"""Lists of JSON, cut off or not: all that can be read is read, and the rest is named by its line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.sources import SourceUnusable
from transforms.sources.lists.json_rows import (
    parse_json_lines,
    parse_json_object,
    parse_json_objects,
    read_json_objects,
)
from transforms.sources.lists.rows import BadRow, Columns, Row

COLUMNS = Columns(("file_name",), one_of=("caption", "captions"))
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def values_of(text: str) -> list[object]:
    return [row.cells for row in parse_json_lines(text, COLUMNS, "l.jsonl") if isinstance(row, Row)]


@given(rows=st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3)), min_size=1, max_size=6), ascii_only=st.booleans())
@settings(deadline=None, max_examples=50)
def test_json_lines_come_back_as_they_were(rows: list[tuple[str, list[str]]], ascii_only: bool) -> None:
    written = [{"file_name": name, "captions": captions} for name, captions in rows]
    assert values_of("\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in written)) == written
    table = io.StringIO()
    pd.DataFrame(written).to_json(table, orient="records", lines=True, force_ascii=ascii_only)
    assert values_of(table.getvalue()) == written


def test_other_ends_of_lines_are_part_of_a_text() -> None:
    captions = ["A\u2028dog", "b\u0085arks", "at\x0bnight\x0c\x1c", "and\u2029day"]
    lines = [json.dumps({"file_name": "a.wav", "caption": caption}, ensure_ascii=False) for caption in captions]
    assert [row["caption"] for row in values_of("\r\n".join(lines))] == captions  # type: ignore[index]


def test_each_broken_line_is_named_and_costs_itself() -> None:
    lines = [
        '{"file_name": "a.wav", "caption": "A"}',
        "",
        "[1]",
        '{"file_name": "b.wav", "capt',
        '{"file_name": "c.wav", "caption": "C", "caption": "D"}',
        '{"file_name": "d\0.wav", "caption": "D"}',
        '{"file_name": "e.wav", "caption": "E"} {"file_name": "f.wav"}',
        "[" * 100_000,
        '{"file_name": "g.wav", "caption": "G"}',
    ]
    rows = parse_json_lines("\n".join(lines), COLUMNS, "deep/l.jsonl")
    assert [str(row.where) for row in rows] == [f"l.jsonl line {number}" for number in (1, 3, 4, 5, 6, 7, 8, 9)]
    details = [row.detail for row in rows if isinstance(row, BadRow)]
    assert [isinstance(row, Row) for row in rows] == [True, *[False] * 6, True]
    assert details[0] == "it is no JSON object"
    assert "'caption' twice" in details[2]
    assert "NUL" in details[3]
    assert "deeply" in details[5]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("{not json}\n", "line 1"),
        ('{"name": "a"}', "no column file_name; its columns are name"),
        ('{"file_name": "a"}', "no column caption or captions"),
        ('{"File Name": "a", "caption": "b"}', "is File Name meant"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_clear_line(text: str, named: str) -> None:
    with pytest.raises(SourceUnusable, match=named) as error:
        parse_json_lines(text, COLUMNS, "l.jsonl")
    assert "\n" not in str(error.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=6)


def pieces(text: str, size: int) -> Iterator[str]:
    for at in range(0, len(text), size):
        yield text[at : at + size]


@given(objects=OBJECTS, size=st.integers(40, 90), form=st.sampled_from(["list", "data", "lines"]))
@settings(deadline=None, max_examples=50)
def test_objects_of_a_list_come_one_by_one(objects: list[dict[str, object]], size: int, form: str) -> None:
    text = {
        "list": json.dumps(objects),
        "data": json.dumps({"num_captions_per_audio": 1, "data": objects}),
        "lines": "\n".join(map(json.dumps, objects)),
    }[form]
    if form == "lines" and objects and "data" in objects[0]:
        return
    found = list(parse_json_objects(pieces(text, size), "l.json"))
    assert [row.cells for row in found if isinstance(row, Row)] == objects
    assert [row.where.entry for row in found] == list(range(1, len(objects) + 1))
    assert [row.where.number for row in found] == (
        [*range(1, len(objects) + 1)] if form == "lines" else [1] * len(found)
    )


@given(objects=OBJECTS, cut=st.integers(0, 400))
@settings(deadline=None, max_examples=50)
def test_a_list_that_is_cut_gives_what_is_whole_and_says_so(objects: list[dict[str, object]], cut: int) -> None:
    head = '{"data": ['
    text = head + ", ".join(map(json.dumps, objects)) + "]}"
    ends, at = [], len(head)
    for value in objects:
        at += len(json.dumps(value))
        ends.append(at)
        at += 2
    cut = len(head) + cut % (at - len(head) + 1)
    found = list(parse_json_objects(pieces(text[:cut], 50), "l.json"))
    whole = sum(end <= cut for end in ends)
    assert [row.cells for row in found[:whole] if isinstance(row, Row)] == objects[:whole]
    closed = len(head) + len(", ".join(map(json.dumps, objects))) < cut
    assert len(found) == whole + (not closed)
    assert closed or isinstance(found[-1], BadRow)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=50)
def test_no_text_makes_a_json_list_raise(text: str) -> None:
    for form in (text, '{"data": [' + text, "[" + text):
        found = list(parse_json_objects(iter([form]), "l.json"))
        assert all(isinstance(one, Row) for one in found[:-1])


def test_a_list_of_any_length_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(json.dumps({"data": [{"id": str(n), "é": "x" * 900} for n in range(3000)]}).encode("utf-16"))
    found = list(read_json_objects(str(path), path.stat().st_size, "list.json"))
    assert [one.cells["id"] for one in found if isinstance(one, Row)] == [str(n) for n in range(3000)]
    with pytest.raises(SourceUnusable, match="cannot be read"):
        list(read_json_objects(str(tmp_path / "none"), 1, "none"))


def test_an_object_of_a_long_list_is_named_by_its_line_and_its_number() -> None:
    text = json.dumps({"data": [{"id": 1}, {"id": 2}]}, indent=1) + "\n"
    first, second = parse_json_objects(pieces(text, 7 * len(text)), "l.json")
    assert (str(first.where), str(second.where)) == ("l.json line 3 entry 1", "l.json line 6 entry 2")
    *_, broken = parse_json_objects(iter([text.replace("2", "2,,")]), "l.json")
    assert isinstance(broken, BadRow)
    assert str(broken.where) == "l.json line 6 entry 2"


def test_one_foreign_byte_in_a_list_of_one_line_costs_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    text = json.dumps([{"caption": "Café, naïve, déjà vu"}, {"caption": "x"}], ensure_ascii=False)
    path.write_bytes(text.encode().replace(b"x", b"\x85"))
    found = [row.cells for row in read_json_objects(str(path), path.stat().st_size, "l") if isinstance(row, Row)]
    assert found == [{"caption": "Café, naïve, déjà vu"}, {"caption": "…"}]


def test_what_holds_no_object_says_why() -> None:
    for data in (b"", b"[]", b"3", b'{"a": ', b"\xff\xfe", b"[" * 100_000, b'{"a": "\0"}'):
        assert isinstance(parse_json_object(data), str)
    assert parse_json_object('\ufeff{"a": "é"}'.encode("utf-16-le")) == {"a": "é"}
