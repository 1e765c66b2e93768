"""Rows that no build has written cost a redo one line: nobody is asked, and the release stays as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.build.redo_captions import redo_captions
from tests.chat_server import chat_server, obedient
from tests.many_rows import write_many_rows
from transforms.bounds import Refused


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of which half of the captions had no answer."""
    folder = tmp_path_factory.mktemp("odd") / "release"
    write_many_rows(folder, 8, rows_per_shard=8, unanswered=True)
    return folder


def of_another_type(table: pa.Table) -> pa.Table:
    return with_column(table, "caption_status", pa.array([1] * table.num_rows))


def of_two_lengths(table: pa.Table) -> pa.Table:
    return with_column(table, "captions_original", pa.array([["a", "b", "c"]] * table.num_rows))


def with_another_word(table: pa.Table) -> pa.Table:
    return with_column(table, "direction", pa.array(["\x1b[2Jover there"] * table.num_rows))


def with_gaps(table: pa.Table) -> pa.Table:
    return with_column(table, "seed", pa.nulls(table.num_rows, table.schema.field("seed").type))


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (of_another_type, "its column caption_status is of the type int64"),
        (of_two_lengths, "captions, captions_original and caption_status are not of one length"),
        (with_another_word, "direction is .*, none of "),
        (with_gaps, "seed is null"),
    ],
)
def test_rows_of_which_no_model_can_be_asked_cost_a_redo_one_line(
    change: Callable[[pa.Table], pa.Table], named: str, honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    release = Path(shutil.copytree(honest, tmp_path / "release"))
    for path in release.glob("*/*/metadata.parquet"):
        pq.write_table(change(pq.read_table(path)), path)
    before = {path: path.read_bytes() for path in release.rglob("*.parquet")}
    with chat_server(obedient) as server, pytest.raises(Refused, match=f"metadata.parquet: {named}"):
        redo_captions(str(release), (f"caption.base_url={server.base_url}",))
    assert server.requests == []
    assert {path: path.read_bytes() for path in release.rglob("*.parquet")} == before
