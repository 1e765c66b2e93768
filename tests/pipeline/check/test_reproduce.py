"""Where two releases differ is said by version, input, refusal, row and column; of equal digests nothing is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline.check.reproduce import MOST_ROWS, differences
from pipeline.command import main
from pipeline.release.totals import total
from tests.many_rows import write_many_rows
from tests.sounds import RATE, noise_burst
from tests.tables import change_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("many") / "release"
    write_many_rows(output, 60, rows_per_shard=20)
    return output


@pytest.fixture
def copy(many: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(many, tmp_path / "copy"))


def change(release: Path, column: str, value: Any, rows: int = 1) -> list[str]:
    """Gives the first rows of the first shard another value; their ids."""
    path = sorted(release.glob("train/*/metadata.parquet"))[0]
    names = pq.read_table(path, columns=["id"])["id"].to_pylist()[:rows]
    change_table(path, column, lambda _: value, range(rows))
    return [str(name) for name in names]


def restate(release: Path, **stated: Any) -> None:
    path = release / "release.json"
    values = {**json.loads(path.read_text()), **stated, "digest": total(str(release), None).digest}
    path.write_text(json.dumps(values))


def test_equal_digests_have_no_difference_however_the_rows_fall_into_shards(many: Path, tmp_path: Path) -> None:
    write_many_rows(tmp_path / "other", 60, rows_per_shard=8)
    assert differences(str(many), str(many)) == []
    assert differences(str(many), str(tmp_path / "other")) == []


def test_rows_that_differ_are_counted_by_column_and_named(many: Path, copy: Path) -> None:
    (name,) = change(copy, "captions", ["Another caption."])
    change(copy, "gain_db", -3.5, rows=2)
    restate(copy)
    lines = differences(str(many), str(copy))
    assert lines[0] == "2 of 60 rows differ: captions in 1, gain_db in 2"
    assert f"row {name}: captions, gain_db differ" in lines
    assert len(lines) == 3


def test_rows_that_moved_to_another_shard_are_held_against_each_other(many: Path, tmp_path: Path) -> None:
    write_many_rows(tmp_path / "other", 60, rows_per_shard=8)
    (name,) = change(tmp_path / "other", "duration_s", 9.0)
    restate(tmp_path / "other")
    lines = differences(str(many), str(tmp_path / "other"))
    # Which clips the generator has refused depends on the shards, so lines of refusals come before.
    assert lines[-2:] == ["1 of 60 rows differ: duration_s in 1", f"row {name}: duration_s differ"]


def test_a_row_that_only_one_has_is_named_with_the_one(many: Path, copy: Path) -> None:
    path = sorted(copy.glob("train/*/metadata.parquet"))[-1]
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    restate(copy)
    name = table["id"][0].as_py()
    assert differences(str(many), str(copy))[1:] == [f"row {name}: only in the first"]
    assert differences(str(copy), str(many))[1:] == [f"row {name}: only in the second"]


def test_of_many_rows_the_first_are_named_and_the_rest_counted(many: Path, tmp_path: Path) -> None:
    write_many_rows(tmp_path / "other", 80, rows_per_shard=20)
    lines = differences(str(many), str(tmp_path / "other"))
    rows = [line for line in lines if line.startswith("row ")]
    assert len(rows) == MOST_ROWS
    assert rows == sorted(rows)
    assert lines[-1].endswith("more rows differ")
    assert "the input lists other clips, captions or licences than it did" in lines


def test_other_versions_and_refusals_come_first(many: Path, copy: Path) -> None:
    change(copy, "gain_db", -3.5)
    versions = json.loads((copy / "release.json").read_text())["versions"]
    restate(copy, versions={**versions, "numpy": "1.0"})
    rejected = pq.read_table(copy / "rejected.parquet").to_pylist()
    new = {**rejected[0], "file": "new.wav", "reason": "silent"}
    schema = pq.read_schema(copy / "rejected.parquet")
    pq.write_table(pa.Table.from_pylist([new, *rejected[1:]], schema), copy / "rejected.parquet")
    lines = differences(str(many), str(copy))
    assert lines[0] == f"version of numpy: {versions['numpy']} then, 1.0 now"
    assert lines[1] == "rejected now, not then: new.wav: silent"
    assert lines[2].startswith(f"rejected then, not now: {rejected[0]['file']}")


def test_a_release_made_again_from_a_changed_recording_is_told_by_row_and_column(
    release: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(recordings, tmp_path / "other"))
    soundfile.write(other / "burst 0.wav", noise_burst(0.6, seed=99), RATE)
    words = ["reproduce", release, "--input", other, "--output", tmp_path / "again", "--direct_num_workers=1"]
    assert main([str(word) for word in words]) == 1
    told = capsys.readouterr().err.splitlines()
    assert "elsa: row train/burst 0.wav#0: source_sha256, pcm_sha256 differ" in told
    assert "elsa: 2 of 10 rows differ: pcm_sha256 in 2, source_sha256 in 2" in told
    assert not any("Traceback" in line for line in told)


def test_the_release_itself_is_no_place_to_make_it_again(
    release: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", str(release), "--input", str(recordings), "--output", str(release)]) == 2
    assert "is the release itself" in capsys.readouterr().err
