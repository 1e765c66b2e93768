"""The differences between two releases: versions, rejected inputs, rows and columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.compute as pc

from pipeline.release.layout import REJECTED, metadata_paths, read_answers, read_table, sha256_of, stated_release
from pipeline.release.usable_rows import read_usable_rows
from transforms.bounds.limits import MOST_ROWS_OF_A_SHARD
from transforms.bounds.parquet_footer import read_footer
from transforms.bounds.parquet_tables import most_file_bytes
from transforms.records import ERROR_PREFIX, ReplyKind
from transforms.shards.release_rows import REJECTION_SCHEMA, hashed_columns, row_digest
from transforms.storage import folder_files

#: So many rows and rejected inputs are named; the others are counted.
MOST_ROWS = 20

_Rows = dict[str, dict[str, Any]]


def differences(first: str, second: str) -> list[str]:
    """The differences, one line each; none if the digests are equal.

    Versions come first, then the input and its rejections, the number of differing rows by column, and rows by name.
    The releases are read one shard at a time; for rows that lie in different shards only the digests are kept.

    Raises:
        ReleaseError, TableRefused: when a file of one of them is damaged, or larger than a limit allows.
        OSError: when one cannot be read.
    """
    stated, again = stated_release(first), stated_release(second)
    if stated.digest == again.digest:
        return []
    lines = list(_versions(stated.versions, again.versions))
    if stated.input_sha256 != again.input_sha256:
        lines.append("the input lists other clips, captions or licences than it did")
    lines += _rejected(first, second)
    comparison = _Comparison(first, second)
    comparison.run()
    return [*lines, *comparison.lines()]


def _versions(stated: Mapping[str, str], again: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*stated, *again}):
        if stated.get(name) != again.get(name):
            yield f"version of {name}: {stated.get(name)} then, {again.get(name)} now"


def _rejected(first: str, second: str) -> list[str]:
    columns = ("file", "stage", "reason")
    rejected = [
        {
            tuple(str(record[name]) for name in columns)
            for record in read_table(release, REJECTED, columns, REJECTION_SCHEMA).to_pylist()
        }
        for release in (first, second)
    ]
    lines = [f"rejected now, not then: {file}: {reason}" for file, _, reason in sorted(rejected[1] - rejected[0])]
    lines += [f"rejected then, not now: {file}: {reason}" for file, _, reason in sorted(rejected[0] - rejected[1])]
    return _most(lines, "more inputs are rejected in only one of the two")


def not_asked(first: str, second: str) -> list[str]:
    """A line about captions of the second release that the answers of the first one do not hold; nobody is asked."""
    missing = pc.equal(read_answers(second)["reason"], f"{ERROR_PREFIX}{ReplyKind.NOT_ASKED.value}")
    count = pc.sum(missing).as_py() or 0
    if not count:
        return []
    return [f"{count} captions have no answer in {first}: nobody is asked, and the template wrote them"]


class _Comparison:
    """Compares the rows of two releases shard by shard."""

    def __init__(self, first: str, second: str) -> None:
        self.releases = (first, second)
        self.rows = self.differing = 0
        self.columns: Counter[str] = Counter()
        self.named: dict[str, str] = {}
        # Rows whose partner is not in the same shard: id → digest and shard.
        self._alone: tuple[dict[str, tuple[bytes, str]], dict[str, tuple[bytes, str]]] = ({}, {})

    def run(self) -> None:
        """Reads both releases once, and the few shards with named rows again."""
        paths = [set(metadata_paths(release)) for release in self.releases]
        for path in sorted(paths[0] | paths[1]):
            hashes = [
                _read(release, path) if path in there else (0, None)
                for release, there in zip(self.releases, paths, strict=True)
            ]
            self.rows += hashes[0][0]
            if hashes[0][1] != hashes[1][1]:
                there = zip(self.releases, paths, strict=True)
                self._compare(path, *(_rows_of(release, path) if path in names else {} for release, names in there))
        self._compare_alone()

    def lines(self) -> list[str]:
        """The number of differing rows by column, and the names of the first ones."""
        if not self.differing:
            return []
        where = ", ".join(f"{name} in {count}" for name, count in sorted(self.columns.items()))
        names = [line for _, line in sorted(self.named.items())][:MOST_ROWS]
        more = self.differing - len(names)
        head = f"{self.differing} of {self.rows} rows differ{f': {where}' if where else ''}"
        return [head, *names, *([f"… and {more} more rows differ"] if more else [])]

    def _compare(self, path: str, rows: _Rows, others: _Rows) -> None:
        for name in rows.keys() & others.keys():
            self._pair(name, rows[name], others[name])
        for side, (mine, its) in enumerate(((rows, others), (others, rows))):
            for name in mine.keys() - its.keys():
                self._alone[side][name] = (row_digest(mine[name]), path)

    def _compare_alone(self) -> None:
        mine, others = self._alone
        for name in sorted(mine.keys() | others.keys()):
            if name not in others or name not in mine:
                self.differing += 1
                self._name(name, f"row {name}: only in the {'first' if name in mine else 'second'}")
            elif mine[name][0] != others[name][0]:
                pair = [
                    _rows_of(release, side[name][1])[name]
                    for release, side in zip(self.releases, self._alone, strict=True)
                ]
                self._pair(name, *pair)

    def _pair(self, name: str, row: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        if row_digest(row) == row_digest(other):
            return
        columns = [c.name for c in max(map(hashed_columns, (row, other)), key=len) if row[c.name] != other[c.name]]
        self.differing += 1
        self.columns.update(columns)
        self._name(name, f"row {name}: {', '.join(columns)} differ")

    def _name(self, name: str, line: str) -> None:
        self.named[name] = line
        if len(self.named) > 2 * MOST_ROWS:
            self.named = dict(sorted(self.named.items())[:MOST_ROWS])


def _read(release: str, path: str) -> tuple[int, str]:
    """The number of rows in the table of a shard, and the SHA-256 of its file."""
    with folder_files.open_file(release, path) as file:
        return read_footer(file).rows, sha256_of(file, most_file_bytes(MOST_ROWS_OF_A_SHARD))


def _rows_of(release: str, path: str) -> _Rows:
    """The rows of a shard by their ids.

    Raises:
        TableRefused: as for `read_usable_rows`.
    """
    return {values["id"]: values for values in read_usable_rows(release, path)}


def _most(lines: list[str], what: str) -> list[str]:
    if len(lines) <= MOST_ROWS:
        return lines
    return [*lines[:MOST_ROWS], f"… and {len(lines) - MOST_ROWS} {what}"]
