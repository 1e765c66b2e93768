"""Where two releases differ: which rows and columns, and which versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.release import metadata_paths, read_release_json, read_rows
from transforms.release_rows import ROW_COLUMNS, row_digest

#: Rows that are named; the rest is counted.
MOST_ROWS = 20


def differences(first: str, second: str) -> list[str]:
    """A line for each row that differs, after a line for each version that does; none where the digests are equal."""
    stated, again = read_release_json(first), read_release_json(second)
    if stated["digest"] == again["digest"]:
        return []
    lines = list(_versions(stated["versions"], again["versions"]))
    rows = {values["id"]: values for values in read_rows(first, metadata_paths(first))}
    others = {values["id"]: values for values in read_rows(second, metadata_paths(second))}
    differing = list(_rows(rows, others))
    lines += differing[:MOST_ROWS]
    if len(differing) > MOST_ROWS:
        lines.append(f"… and {len(differing) - MOST_ROWS} more rows differ")
    return lines


def _versions(stated: dict[str, str], again: dict[str, str]) -> Iterator[str]:
    for name in sorted({*stated, *again}):
        if stated.get(name) != again.get(name):
            yield f"version of {name}: {stated.get(name)} then, {again.get(name)} now"


def _rows(rows: dict[str, dict[str, Any]], others: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name in sorted({*rows, *others}):
        if name not in others or name not in rows:
            yield f"row {name}: only in the {'first' if name in rows else 'second'}"
        elif row_digest(rows[name]) != row_digest(others[name]):
            columns = [c.name for c in ROW_COLUMNS if c.hashed and rows[name][c.name] != others[name][c.name]]
            yield f"row {name}: {', '.join(columns)} differ"
