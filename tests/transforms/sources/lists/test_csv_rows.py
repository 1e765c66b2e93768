"""CSV as people write it: rows come back exactly, and a line that cannot be read is named and swallows no other."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.sources import SourceUnusable
from transforms.sources.lists.csv_rows import parse_csv, read_csv
from transforms.sources.lists.rows import BadRow, Columns, Row
from transforms.sources.lists.text import decode_text, stripped
from transforms.sources.names import LOOKS_LIKE_AUDIO

#: No lone halves of characters, no NULs, and no carriage returns, which pandas leaves without quotation marks.
CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=30)
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=8)

COLUMNS = Columns(
    ("file_name",), one_of=("caption", "captions"), also=("license",), looks={"file_name": LOOKS_LIKE_AUDIO}
)


def parsed(text: str) -> list[tuple[str, ...] | str]:
    """A row's cells, or for a line that cannot be read its number and why."""
    rows = parse_csv(text, COLUMNS, "in/l.csv")
    return [tuple(row.cells.values()) if isinstance(row, Row) else f"{row.where.number}: {row.detail}" for row in rows]


def not_blank(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows without those that hold nothing, which are passed over."""
    return [row for row in rows if any(map(stripped, row))]


@given(
    rows=ROWS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    separator=st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_what_csv_writes_comes_back_as_it_was(
    rows: list[tuple[str, str]], encoding: str, ends: str, delimiter: str, quoting: int, separator: bool
) -> None:
    text = io.StringIO()
    if separator:
        text.write(f"sep={delimiter}{ends}")
    # With \r or \n alone at the ends of lines, the writer leaves the other without quotation marks.
    table = csv.writer(
        text, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL if ends == "\r" else quoting
    )  # type: ignore[arg-type]
    table.writerow(["file_name", "caption"])
    table.writerows(rows)
    assert parsed(decode_text(text.getvalue().encode(encoding))) == not_blank(rows)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), windows=st.booleans())
@settings(deadline=None, max_examples=50)
def test_what_pandas_writes_comes_back_as_it_was(rows: list[tuple[str, str]], windows: bool) -> None:
    table = pd.DataFrame(rows, columns=["file_name", "caption"])
    text = table.to_csv(index=False, lineterminator="\r\n" if windows else "\n")
    assert parsed(text) == not_blank(rows)


@given(
    rows=st.lists(st.tuples(st.integers(0, 99), st.text("ab ,\"\n'éß…", max_size=9)), min_size=1, max_size=9),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    damage=st.lists(st.tuples(st.integers(0, 400), st.sampled_from(b'"",;\n\r\0a\xe9 ')), max_size=4),
)
@settings(deadline=None, max_examples=100)
def test_no_damage_swallows_a_line(rows: list[tuple[int, str]], quoting: int, damage: list[tuple[int, int]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    table.writerow(["file_name", "caption"])
    head = len(text.getvalue())
    table.writerows([f"{number}.wav", caption] for number, caption in rows)
    data = bytearray(text.getvalue().encode())
    for at, byte in damage:
        if head + at < len(data):
            data[head + at] = byte
    damaged = decode_text(bytes(data))
    lines = list(io.StringIO(damaged, newline=""))
    found = parse_csv(damaged, COLUMNS, "l.csv")
    assert [row.where.number for row in found] == sorted({row.where.number for row in found})
    # A line is a row, a bad row, blank, or within a caption that names no file of its own.
    starts = {row.where.number for row in found}
    for number, line in enumerate(lines[1:], 2):
        if number not in starts and line.strip(' ,"\r\n'):
            last = max(start for start in starts if start < number)
            row = next(one for one in found if one.where.number == last)
            assert isinstance(row, Row)
            assert not line.split(",")[0].strip(' "').endswith(".wav") or "," not in line
            within = "".join(row.cells.values())
            assert all(part in within for part in re.split('[",]', line.strip("\r\n")))


def test_missing_cells_nul_bytes_and_latin_1_are_named_or_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b'file_name,caption,license\r-7.wav,"a\xe9b\nc",x\rNA\r\r"q,""q",d,e,too,many\rn,\0,\rz.wav,NA,\r')
    rows = read_csv(str(path), COLUMNS)
    assert [row.cells for row in rows if isinstance(row, Row)] == [
        {"file_name": "-7.wav", "caption": "aéb\nc", "license": "x"},
        {"file_name": "z.wav", "caption": "NA", "license": ""},
    ]
    assert [f"{row.where}: {row.detail}" for row in rows if isinstance(row, BadRow)] == [
        "list.csv line 4: 1 cell, fewer than the header's 3: an empty cell needs its delimiter too",
        "list.csv line 6: 5 cells, more than the header's 3: a cell that holds the delimiter needs quotation marks",
        "list.csv line 7: it holds a NUL byte",
    ]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a.ogg,A rooster crows, then a dog barks\n", [("a.ogg", "A rooster crows, then a dog barks")]),
        ("a.ogg,1,000 birds sing, far away\n", [("a.ogg", "1,000 birds sing, far away")]),
        ('a.ogg, "A dog, barking"\n', [("a.ogg", "A dog, barking")]),
        ('a.ogg,"A dog barks", then howls\n', [("a.ogg", "A dog barks, then howls")]),
        ("a.ogg,['A dog', 'A cat']\n", [("a.ogg", "['A dog', 'A cat']")]),
        ("a.ogg,A dog,,\n ,, ,\n,,\n\n  \n", [("a.ogg", "A dog")]),
    ],
)
def test_a_row_with_more_cells_keeps_its_whole_caption(text: str, rows: list[tuple[str, str]]) -> None:
    assert parsed(f"file_name,caption\n{text}") == rows


@pytest.mark.parametrize("row", ["a.ogg,A dog,train", "a.ogg,A dog,0.5", 'a.ogg,"A dog, far","en"', "a.ogg"])
def test_cells_that_have_no_column_are_no_part_of_a_caption(row: str) -> None:
    bad, good = parsed(f"file_name,caption\n{row}\nb.ogg,B\n")
    assert isinstance(bad, str)
    assert bad.startswith("2: ")
    assert good == ("b.ogg", "B")


def test_a_caption_with_commas_before_the_last_column_is_refused_with_its_line() -> None:
    (bad, good) = parsed("file_name,caption,license\na.ogg,A dog, a cat,CC0\nb.ogg,B,CC0\n")
    assert str(bad).startswith("2: 4 cells, more than the header's 3")
    assert good == ("b.ogg", "B", "CC0")


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        # An opening mark that a later opening mark, a later word's mark, or nothing closes.
        (['a.wav,"A dog', "b.wav,B", 'c.wav,"A cat', "d.wav,D"], [2, 4]),
        (['a.wav,"A dog', "b.wav,B", 'c.wav,A cat"', "d.wav,D"], [2]),
        (['a.wav,"A dog', "b.wav,B", 'c.wav,"C', 'd.wav,D"'], [2, 4]),
        (['a.wav,"A dog', "b.wav,B", "c.wav,C", "d.wav,D"], [2]),
        (['"a.wav,A dog', "b.wav,B", 'c.wav,"C"', "d.wav,D"], [2]),
        (['a.wav,"A dog" barks', "b.wav,B", "c.wav,C", "d.wav,D"], [2]),
        (['a.wav, "A dog', "b.wav,B", "c.wav,C", "d.wav,D"], [2]),
        (['a.wav,"A dog', "b.wav,B, far", 'c.wav,"C"', "d.wav,D"], [2]),
        (['a.mp4,"A dog', "b.mp4,B", 'c.mp4,C"', "d.mp4,D"], [2]),
    ],
)
def test_a_stray_quotation_mark_costs_its_own_line(lines: list[str], broken: list[int]) -> None:
    rows = parse_csv("\n".join(["file_name,caption", *lines, ""]), COLUMNS, "l.csv")
    assert [row.where.number for row in rows] == [2, 3, 4, 5]
    assert [row.where.number for row in rows if isinstance(row, BadRow)] == broken
    assert all("quotation mark" in row.detail for row in rows if isinstance(row, BadRow))
    assert all(str(row.cells["caption"]).count("\n") == 0 for row in rows if isinstance(row, Row))


def test_a_caption_of_several_lines_is_one_row() -> None:
    text = 'file_name,caption\na.wav,"A dog\nbarks, ""twice""\n\nby a.wav"\nb.wav,B\n'
    assert parsed(text) == [("a.wav", 'A dog\nbarks, "twice"\n\nby a.wav'), ("b.wav", "B")]


def test_many_stray_quotation_marks_take_no_longer_than_their_lines() -> None:
    text = "file_name,caption\n" + 'a.wav,"A dog\n' * 30_000
    assert len(parse_csv(text, COLUMNS, "l.csv")) == 30_000


def test_empty_cells_that_excel_leaves_out_are_empty() -> None:
    rows = [f"{number}.wav,A dog,{'CC0' if number < 15 else ''}" for number in range(40)]
    # Excel's second block of sixteen rows has no licence at all, and its commas are left out.
    excel = [row.rstrip(",") if number >= 15 else row for number, row in enumerate(rows)]
    assert parsed("\n".join(["file_name,caption,license", *excel])) == parsed(
        "\n".join(["file_name,caption,license", *rows])
    )
    # One row alone was cut by somebody.
    bad = [
        row
        for row in parsed("\n".join(["file_name,caption,license", *rows[:19], "x.wav,B", *rows[20:]]))
        if row[0] == "2"
    ]
    assert len(bad) == 1


@pytest.mark.parametrize("head", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n\n", "\ufeffsep=;\n", "\n\n", ""])
def test_the_delimiter_is_found_and_lines_are_counted_from_the_top(head: str) -> None:
    text = f"{head}file_name;caption\na.wav;A dog, far\nb.wav\n"
    good, bad = parse_csv(text, COLUMNS, "l.csv")
    assert isinstance(good, Row)
    assert dict(good.cells) == {"file_name": "a.wav", "caption": "A dog, far"}
    assert bad.where.number == text.replace("\r\n", "\n").count("\n")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("a,b\n1,2\n", "no column file_name; its columns are a, b"),
        ("file_name,text\n1,2\n", "no column caption or captions; its columns are file_name, text"),
        ("File_Name,Caption\n", "is File_Name meant"),
        ('file_name,"caption\na,b\n', "line 1: a quotation mark is opened and never closed"),
        ("file_name,caption,caption\na,b,c\n", "two columns that are called caption"),
        ("file_name,caption,x;file_name;caption;y\na,b\n", "not certain"),
        ("sep=;\nfile_name,caption\n", "no column file_name"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_clear_line(text: str, named: str) -> None:
    with pytest.raises(SourceUnusable, match=named) as error:
        parse_csv(text, COLUMNS, "list.csv")
    assert "\n" not in str(error.value)


def test_a_cell_without_end_costs_its_line() -> None:
    bad, good = parsed(f"file_name,caption\na.wav,{'x' * (1 << 21)}\nb.wav,B\n")
    assert "field limit" in str(bad)
    assert good == ("b.wav", "B")


def test_columns_that_nobody_reads_cost_no_memory() -> None:
    # Half a megabyte filled five gigabytes: every row had a cell for each column.
    text = "file_name,caption" + "," * 100_000 + "\n" + "a.wav,b\n" * 20_000
    with pytest.raises(SourceUnusable, match="100002 columns, more than 4096"):
        parse_csv(text, Columns(need=("file_name",), one_of=("caption",)), "metadata.csv")
