"""Lists in whatever encoding, cut off or not: all that can be read is read, the rest is told."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.sources import SourceUnusable
from transforms.sources.input_tree import Place
from transforms.sources.text_files import (
    decode_text,
    parse_csv,
    parse_json_object,
    parse_json_objects,
    printable,
    read_csv,
    read_json_objects,
)

#: No lone halves of characters, no NULs, and no carriage returns, which any reader of text takes for ends of lines.
CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=30)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
@settings(deadline=None)
def test_a_csv_comes_back_as_it_was(rows: list[tuple[str, str]], encoding: str, ends: str, delimiter: str) -> None:
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL)
    table.writerow(["file_name", "caption"])
    table.writerows(rows)
    # A byte order mark at the head of plain UTF-8 is one.
    decoded = decode_text(text.getvalue().encode(encoding))
    found = parse_csv(decoded, ("file_name", "caption"), "list.csv")
    assert [(row["file_name"], row["caption"]) for row in found] == rows


def test_latin_1_nul_bytes_and_missing_cells(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b'file_name,caption,more\r-7.wav,"a\xe9\0b\nc",x\rNA\r\r"q,""q",d,e,too,many\r')
    assert read_csv(str(path), ("file_name",)) == [
        {"file_name": "-7.wav", "caption": "aéb\nc", "more": "x"},
        {"file_name": "NA", "caption": "", "more": ""},
        {"file_name": 'q,"q', "caption": "d", "more": "e"},
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("a,b\n1,2\n", "no column file_name; its columns are a, b"),
        ('file_name,caption\na,"open\nb,x\nc,y\n', "never closed"),
        ("file_name,caption\na," + "x" * (1 << 21), "line 2"),
    ],
)
def test_a_list_that_would_lose_lines_is_one_clear_line(text: str, named: str) -> None:
    with pytest.raises(SourceUnusable, match=named) as error:
        parse_csv(text, ("file_name",), "list.csv")
    assert "\n" not in str(error.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_text(data: bytes) -> None:
    text = decode_text(data)
    assert "\0" not in text
    printable(text).encode()


@given(st.text(max_size=40))
def test_printable_text_can_be_kept_and_is_kept(text: str) -> None:
    kept = printable(text)
    assert kept.encode("utf-8").decode() == kept
    assert printable(kept) == kept
    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        assert kept == text.replace("\0", "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=6)


def pieces(text: str, size: int) -> Iterator[str]:
    for at in range(0, len(text), size):
        yield text[at : at + size]


@given(objects=OBJECTS, size=st.integers(40, 90), form=st.sampled_from(["list", "data", "lines"]))
@settings(deadline=None)
def test_objects_of_a_list_come_one_by_one(objects: list[dict[str, object]], size: int, form: str) -> None:
    text = {
        "list": json.dumps(objects),
        "data": json.dumps({"num_captions_per_audio": 1, "data": objects}),
        "lines": "\n".join(map(json.dumps, objects)),
    }[form]
    if form == "lines" and objects and "data" in objects[0]:
        return
    assert list(parse_json_objects(pieces(text, size))) == objects


@given(objects=OBJECTS, cut=st.integers(0, 400))
@settings(deadline=None)
def test_a_list_that_is_cut_gives_what_is_whole_and_says_so(objects: list[dict[str, object]], cut: int) -> None:
    head = '{"data": ['
    text = head + ", ".join(map(json.dumps, objects)) + "]}"
    ends, at = [], len(head)
    for value in objects:
        at += len(json.dumps(value))
        ends.append(at)
        at += 2
    cut = len(head) + cut % (at - len(head) + 1)
    found = list(parse_json_objects(pieces(text[:cut], 50)))
    whole = sum(end <= cut for end in ends)
    assert found[:whole] == objects[:whole]
    closed = len(head) + len(", ".join(map(json.dumps, objects))) < cut
    assert len(found) == whole + (not closed)
    assert closed or isinstance(found[-1], str)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_text_makes_a_json_list_raise(text: str) -> None:
    for form in (text, '{"data": [' + text, "[" + text):
        found = list(parse_json_objects(iter([form])))
        assert all(isinstance(one, dict) for one in found[:-1])


def test_a_list_of_any_length_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(json.dumps({"data": [{"id": str(n), "é": "x" * 900} for n in range(3000)]}).encode("utf-16"))
    found = list(read_json_objects(Place(str(path), path.stat().st_size)))
    assert [one["id"] for one in found if isinstance(one, dict)] == [str(n) for n in range(3000)]
    with pytest.raises(SourceUnusable, match="cannot be read"):
        list(read_json_objects(Place(str(tmp_path / "none"), 1)))


def test_what_holds_no_object_is_none() -> None:
    for data in (b"", b"[]", b"3", b'{"a": ', b"\xff\xfe", b"[" * 100_000):
        assert parse_json_object(data) is None
    assert parse_json_object('\ufeff{"a": "é"}'.encode("utf-16-le")) == {"a": "é"}
