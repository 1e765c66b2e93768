"""The data of the table of all rows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import table, write_report
from pipeline.report.samples import RowUnknown
from tests.pipeline.report.generated_release import all_rows, make_release, original_of
from transforms.escaping import web_link
from transforms.records import SPLITS

pytestmark = pytest.mark.slow


def data_of(report: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The columns and the texts that a report's scripts hand over, read as a script engine reads them."""

    def payload(path: Path, number: str) -> dict[str, Any]:
        found = re.fullmatch(r"elsaReport\.take\((\w+),'(.*)'\);\n", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert found
        assert found[1] == number
        assert not re.search("[\n\u2028\u2029]", found[2])
        text = re.sub(r"\\(u[0-9a-f]{4}|.)", lambda one: chr(int(one[1][1:], 16)) if one[1][1:] else one[1], found[2])
        return dict(json.loads(text))

    files = sorted((report / "data").glob("rows-*.js"))
    return payload(report / "data" / "rows.js", "null"), [payload(path, str(at)) for at, path in enumerate(files)]


def integers(column: Mapping[str, Any]) -> list[int]:
    """The integers of a column of numbers."""
    return [int(value) for value in np.frombuffer(base64.b64decode(column["values"]), dtype=f"<i{column['bits'] // 8}")]


def test_the_table_has_every_row_s_captions_words_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS_A_FILE", 7)
    made = make_release(tmp_path / "demo", 40, audio=False)
    columns, texts = data_of(write_report(made, samples=2).parent)
    rows = [row for split in SPLITS for row in all_rows(made) if row["split"] == split]
    assert columns["count"] == 40
    assert [len(part["id"]) for part in texts] == [7, 7, 7, 7, 7, 5]
    assert [one for part in texts for one in part["after"]] == [row["captions"] for row in rows]
    before = [[part["originals"][at] for at in of_row] for part in texts for of_row in part["before"]]
    assert before == [row["captions_original"] for row in rows]
    links = [part["clips"][at][3] for part in texts for at in part["clip"]]
    assert links == [web_link(row["source_url"]) for row in rows]
    for facet in columns["facets"][:6]:
        values = [*facet["values"], None]
        assert [values[code] for code in base64.b64decode(facet["codes"])] == [row[facet["name"]] for row in rows]
    assert integers(columns["numbers"]["distance_m"]) == [round(100 * row["distance_m"]) for row in rows]
    starts = np.repeat(columns["shards"], columns["shardSizes"])
    files = [f"{shard}/{file}" for shard, file in zip(starts, (f for part in texts for f in part["file"]), strict=True)]
    stated = {row["id"]: row["file_name"] for row in rows}
    assert [Path(file).name for file in files] == [stated[row["id"]] for row in rows]


def test_only_rows_that_were_chosen_or_asked_for_have_players(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 16)
    row_id = all_rows(made)[-1]["id"]
    page = write_report(made, original_of=original_of, samples=2, rows=[row_id, row_id])
    columns, texts = data_of(page.parent)
    assert len(columns["players"]) in (2, 3)
    heard = [texts[0]["id"][int(row)] for row in columns["players"]]
    assert row_id in heard
    for files in columns["players"].values():
        assert all((page.parent / "audio" / file).is_file() for file in files)
    with pytest.raises(RowUnknown, match="no row nobody"):
        write_report(made, rows=["nobody"])


def test_data_of_an_earlier_larger_release_is_removed(tmp_path: Path) -> None:
    made = make_release(tmp_path / "demo", 4, audio=False)
    stale = made / "report" / "data" / "rows-00009.js"
    stale.parent.mkdir(parents=True)
    stale.write_text("left")
    write_report(made)
    assert not stale.exists()


@given(st.lists(st.one_of(st.none(), st.floats(-40.0, 40.0), st.floats(-1e5, 1e5), st.just(float("nan")))))
def test_numbers_keep_their_decimals_and_gaps(values: list[float | None]) -> None:
    column = table.number_column(np.array([np.nan if value is None else value for value in values], dtype=float), 2)
    least = -(2 ** (column["bits"] - 1))
    wanted = [least if value is None or not np.isfinite(value) else round(value * 100) for value in values]
    assert integers(column) == pytest.approx(wanted, abs=0.5)
