"""Odd values, and honest values of JSON, YAML and tables with odd ones in them."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: A table of as many nulls takes a third of a megabyte.
MANY = 60_000_000

TEXTS = (
    "",
    " ",
    "x" * 70_000,
    "\x1b[2J\a\u202e",
    "a\nb\r\tc\0d",
    "../../outside/secret.txt",
    "/dev/zero",
    "=1+1",
    "[x](javascript:alert(1)) <script>alert(1)</script> `a` | b",
    "NaN",
    "train/00000-of-99999",
    "١٢٣",
    "\u2028\ufeff\U0010ffff",
    "https://attacker.invalid/v1",
    "C:\\Windows",
)
NUMBERS = (0, -1, 1, True, 10**12, 10**30, 2**63 - 1, -(2**63), 1.5, -0.0, 1e300, 5e-324, 1e12)


def odd_value(draw: random.Random) -> Any:
    """A value of any type that JSON has."""
    kind = draw.randrange(8)
    if kind < 3:
        return draw.choice(TEXTS)
    if kind < 5:
        return draw.choice(NUMBERS)
    if kind == 5:
        return None
    if kind == 6:
        return draw.choice(([], {}, [None], [[1, "a"], {"b": []}], list(range(300)), {"a": {"b": {"c": 1}}}))
    value: Any = 1
    for _ in range(draw.choice((5, 40, 2_000))):
        value = draw.choice(([value], {"a": value}))
    return value


def change_somewhere(draw: random.Random, value: Any) -> None:
    """Changes, removes or adds one key or element anywhere inside a list or an object."""
    inner = value
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        if not keys:
            break
        key = draw.choice(keys)
        if not isinstance(inner[key], (dict, list)) or draw.random() < 0.3:
            if draw.random() < 0.15:
                del inner[key]
            else:
                inner[key] = odd_value(draw)
            return
        inner = inner[key]
    if isinstance(inner, dict):
        inner[draw.choice(TEXTS)] = odd_value(draw)
    else:
        inner.append(odd_value(draw))


def odd_json(draw: random.Random, text: str) -> bytes:
    """A JSON text that is none, or more than one would like to read."""
    middle = draw.randrange(max(len(text), 1))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: b"null",
        lambda: text[:middle].encode(),
        lambda: b"[" * 200_000,
        lambda: b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        lambda: b"[" + b"[]," * 1_500_000 + b"1]",
        lambda: b'{"digest": NaN, "shards": [Infinity]}',
        lambda: b'{"digest": ' + b"9" * 6_000 + b"}",
        lambda: b'{"digest": 1e999, "name": "\\ud800"}',
        lambda: b"\xff\xfe" + text.encode("utf-16-le"),
        lambda: text.encode()[:middle] + bytes(draw.randrange(256) for _ in range(8)) + text.encode()[middle:],
        lambda: b'{"a": "' + b"x" * 3_000_000 + b'"}',
    )
    return draw.choice(kinds)()


def odd_yaml(draw: random.Random, text: str) -> bytes:
    """A YAML text that is none, or that grows as it is read."""
    middle = draw.randrange(max(len(text), 1))
    lines = [
        "a0: &a0 [x, x]",
        *(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 30)),
    ]
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: text[:middle].encode(),
        lambda: "\n".join(lines).encode(),
        lambda: f"{text}\nextra: &a [*a]\n".encode(),
        lambda: b"[" * 100_000,
        lambda: b"a: " + b"1:" * 200_000 + b"1",
        lambda: b"a: " + b"9" * 100_000,
        lambda: b"a: 2001-99-99\n? [b]\n: c\n",
        lambda: b"- x\n" * 700_000,
        lambda: text.encode()[:middle] + bytes(draw.randrange(256) for _ in range(8)) + text.encode()[middle:],
        lambda: b"!!python/object/apply:os.system ['true']",
    )
    return draw.choice(kinds)()


def odd_cells(draw: random.Random, column: pa.ChunkedArray) -> list[Any]:
    """The cells of a column, some of them odd but of the column's type."""
    kind = column.type
    values = column.to_pylist()
    for _ in range(draw.choice((1, 1, 1, len(values)))):
        if values:
            values[draw.randrange(len(values))] = odd_cell(draw, kind)
    return values


def change_cell(draw: random.Random, value: Any, kind: pa.DataType) -> Any:
    """A cell of which one value somewhere is odd, but of its type."""
    if pa.types.is_list(kind) and value and draw.random() < 0.9:
        at = draw.randrange(len(value))
        return [*value[:at], change_cell(draw, value[at], kind.value_type), *value[at + 1 :]]
    if pa.types.is_struct(kind) and value and draw.random() < 0.9:
        field = draw.choice(list(kind))
        return {**value, field.name: change_cell(draw, value[field.name], field.type)}
    return odd_cell(draw, kind)


def odd_cell(draw: random.Random, kind: pa.DataType) -> Any:
    if draw.random() < 0.2:
        return None
    if pa.types.is_list(kind):
        many = 20 if pa.types.is_nested(kind.value_type) else 3_000
        return [odd_cell(draw, kind.value_type) for _ in range(draw.choice((0, 1, 2, 7, many)))]
    if pa.types.is_struct(kind):
        return {field.name: odd_cell(draw, field.type) for field in kind}
    if pa.types.is_boolean(kind):
        return draw.random() < 0.5
    if pa.types.is_floating(kind):
        return draw.choice((float("nan"), float("inf"), -float("inf"), 1e308, -1e12, 0.0, -0.0, 5e-324, 1e11, 180.0))
    if pa.types.is_integer(kind):
        bits = kind.bit_width
        least, most = (
            (0, 2**bits - 1) if pa.types.is_unsigned_integer(kind) else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        return draw.choice((least, most, 0, 1))
    return draw.choice(TEXTS)


def odd_table(draw: random.Random, table: pa.Table) -> bytes:
    """A Parquet file with odd cells, columns or sizes in place of an honest one."""
    number = draw.randrange(table.num_columns)
    name, column = table.schema.names[number], table.column(number)

    def with_cells() -> pa.Table:
        return table.set_column(number, table.schema.field(number), pa.array(odd_cells(draw, column), column.type))

    def with_column(values: Any, kind: pa.DataType | None = None) -> pa.Table:
        return table.set_column(number, name, pa.array(values, kind))

    kinds: tuple[Callable[[], pa.Table], ...] = (
        with_cells,
        with_cells,
        with_cells,
        with_cells,
        lambda: table.drop_columns([name]),
        lambda: table.rename_columns([draw.choice(TEXTS) if one == name else one for one in table.schema.names]),
        lambda: with_column([draw.randrange(9) for _ in range(table.num_rows)], pa.int64()),
        lambda: with_column([draw.choice(TEXTS) for _ in range(table.num_rows)], pa.string()),
        lambda: with_column([b"\xff\xfe"] * table.num_rows, pa.binary()),
        lambda: with_column([[[1]]] * table.num_rows),
        lambda: with_column([{"a": {"b": 1}}] * table.num_rows),
        lambda: with_column([None] * table.num_rows, column.type),
        lambda: with_column([None] * table.num_rows, pa.null()),
        lambda: _with_broken_text(table, number),
        lambda: table.append_column(draw.choice(TEXTS), pa.array([1] * table.num_rows)),
        lambda: pa.concat_tables([table] * draw.choice((2, 3, 500))),
        lambda: table.slice(0, 0),
        lambda: table.take(list(range(table.num_rows))[::-1]),
        lambda: pa.table({name: pa.nulls((1 << 22) // _fields_of(column.type), column.type)}),
        lambda: pa.table({f"c{count}": [1] for count in range(5_000)}),
    )
    chosen = draw.randrange(len(kinds) + 4)
    if chosen < len(kinds):
        return packed(kinds[chosen](), draw)
    data = bytearray(packed(table, draw))
    special: tuple[Callable[[], bytes], ...] = (
        lambda: bytes(data[: draw.randrange(len(data))]),
        lambda: _flipped(draw, data),
        lambda: grown_column(table, number),
        lambda: b"PAR1" + bytes(draw.randrange(256) for _ in range(200)) + b"PAR1",
    )
    return special[chosen - len(kinds)]()


def grown_column(table: pa.Table, number: int) -> bytes:
    """A table of a few kilobytes whose rows have one cell that fills memory when it is decoded."""
    name, kind = table.schema.names[number], table.schema.types[number]
    if pa.types.is_list(kind):
        # Here they are in memory before they are packed, each field of a source too.
        many = MANY // _fields_of(kind.value_type) ** 2
        cells = pa.ListArray.from_arrays([0, *[many] * max(table.num_rows, 1)], pa.nulls(many, kind.value_type))
        cells = cells.slice(0, table.num_rows)
    elif pa.types.is_string(kind):
        codes = pa.array(np.zeros(200_000, dtype=np.int32))
        return packed(pa.table({name: pa.DictionaryArray.from_arrays(codes, ["y" * 500_000])}), None)
    else:
        return packed(pa.table({name: pa.nulls(MANY, kind)}), None)
    return packed(table.set_column(number, table.schema.field(number), cells), None)


def _fields_of(kind: pa.DataType) -> int:
    if pa.types.is_list(kind):
        return _fields_of(kind.value_type)
    return sum(_fields_of(field.type) for field in kind) if pa.types.is_struct(kind) else 1


def _with_broken_text(table: pa.Table, number: int) -> pa.Table:
    broken = pa.array([b"\xff\xfe"] * table.num_rows, pa.binary())
    texts = pa.Array.from_buffers(pa.string(), table.num_rows, broken.buffers())
    return table.set_column(number, table.schema.names[number], texts)


def _flipped(draw: random.Random, data: bytearray) -> bytes:
    for _ in range(draw.choice((1, 1, 3, 30))):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def packed(table: pa.Table, draw: random.Random | None) -> bytes:
    """The table as a Parquet file."""
    file = io.BytesIO()
    options: dict[str, Any] = (
        {} if draw is None else draw.choice(({}, {"row_group_size": 3}, {"use_dictionary": False}))
    )
    pq.write_table(table, file, compression="zstd", **options)
    return file.getvalue()
