"""An export to tar shards holds every row and sound, has the same bytes each time, and takes no damaged file along."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.commands.export import ExportCommand, parse_size
from pipeline.export.checked_rows import ReleaseDamaged
from pipeline.export.output_folder import ExportError
from pipeline.export.webdataset import export_webdataset, sample_key
from pipeline.release.layout import ReleaseError
from tests.many_rows import write_many_rows
from tests.pipeline.export.tiny_release import TinyRow, noise, source, write_tiny_release

SMALL_TARS = 60_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("many") / "release"
    write_many_rows(output, 40, rows_per_shard=10)
    return output


def export(release: Path, output: Path, shard_bytes: int = SMALL_TARS) -> dict[str, str]:
    """Exports; the SHA-256 of every file by its name."""
    export_webdataset(release, output, io.StringIO(), shard_bytes=shard_bytes)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(output.iterdir())}


def test_every_row_and_its_sound_are_in_a_tar_of_its_split(many: Path, tmp_path: Path) -> None:
    export(many, tmp_path / "tars")
    rows = {}
    for path in many.glob("*/*/metadata.parquet"):
        rows.update((row["id"], (path.parent, row)) for row in pq.read_table(path).to_pylist())
    found = set()
    for path in sorted((tmp_path / "tars").glob("*.tar")):
        assert path.stat().st_size <= SMALL_TARS + tarfile.RECORDSIZE
        with tarfile.open(path) as tar:
            names = tar.getnames()
            assert len(names) == len(set(names))
            assert all(name.count(".") == 1 for name in names)
            for flac, told in zip(names[::2], names[1::2], strict=True):
                assert flac.removesuffix(".flac") == told.removesuffix(".json")
                values = json.load(tar.extractfile(told))  # type: ignore[arg-type]
                shard, row = rows[values["id"]]
                assert values == row
                assert path.name.startswith(values["split"])
                assert tar.extractfile(flac).read() == (shard / row["file_name"]).read_bytes()  # type: ignore[union-attr]
                found.add(values["id"])
    assert found == set(rows)
    index = json.loads((tmp_path / "tars" / "index.json").read_text())
    assert sum(tar["rows"] for tar in index["tars"].values()) == 40
    assert len(index["tars"]) > 3


def test_files_of_higher_degrees_are_members_of_their_own(tmp_path: Path) -> None:
    samples = np.tile(noise(0.2), (1, 4))
    third = TinyRow("third.wav", [source("rain", 0.0, 0.2)], samples)
    ears = TinyRow("ears.wav", [source("rain", 0.0, 0.2)], samples[:, :2])
    release = write_tiny_release(tmp_path / "release", [third, ears])
    export(release, tmp_path / "tars", 1_000_000)
    with tarfile.open(tmp_path / "tars" / "train-000000.tar") as tar:
        names = tar.getnames()
        assert [name.partition(".")[2] for name in names] == ["flac", "d2.flac", "d3.flac", "json", "flac", "json"]
        assert len({name.partition(".")[0] for name in names}) == 2
        for name in names[1:3]:
            data = tar.extractfile(name).read()  # type: ignore[union-attr]
            assert data == next(release.glob(f"train/*/{name}")).read_bytes()
    next(release.glob("train/*/third*.d3.flac")).write_bytes(b"x")
    with pytest.raises(ReleaseDamaged, match=r"\.d3\.flac: its SHA-256"):
        export(release, tmp_path / "again")


def test_the_same_release_gives_the_same_bytes_after_a_stop_too(many: Path, tmp_path: Path) -> None:
    first = export(many, tmp_path / "first")
    assert export(many, tmp_path / "second") == first
    # As a kill would leave it: some tars, a partial one, no index.
    tars = sorted((tmp_path / "second").glob("*.tar"))
    tars[-1].rename(tars[-1].with_name(f".{tars[-1].name}.partial"))
    index = json.loads((tmp_path / "second" / "index.json").read_text())
    (tmp_path / "second" / ".export.json").write_text(json.dumps({k: index[k] for k in ("digest", "shard_bytes")}))
    (tmp_path / "second" / "index.json").unlink()
    assert export(many, tmp_path / "second") == first


def test_a_folder_that_holds_something_else_is_refused(many: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(ExportError, match="not empty"):
        export(many, tmp_path / "mine")
    export(many, tmp_path / "tars")
    with pytest.raises(ExportError, match="another release or with other options"):
        export(many, tmp_path / "tars", 2 * SMALL_TARS)
    with pytest.raises(ReleaseError):
        export(tmp_path, tmp_path / "none")


def test_a_damaged_release_is_not_exported(many: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(many, tmp_path / "copy"))
    flac = sorted(copy.glob("train/*/*.flac"))[3]
    data = bytearray(flac.read_bytes())
    data[-1] ^= 1
    flac.write_bytes(data)
    with pytest.raises(ReleaseDamaged, match=flac.name):
        export(copy, tmp_path / "tars")
    assert not list((tmp_path / "tars").glob(".*.partial"))
    metadata = sorted(copy.glob("train/*/metadata.parquet"))[0]
    metadata.write_bytes(metadata.read_bytes() + b"x")
    with pytest.raises(ReleaseDamaged, match=r"metadata\.parquet"):
        export(copy, tmp_path / "more")


@pytest.mark.parametrize(("text", "size"), [("1G", 10**9), ("500M", 5 * 10**8), ("2kB", 2000), ("7", 7)])
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1T", "x", "1.5G", "G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_size(text)


def test_a_key_has_no_dot() -> None:
    assert sample_key("a.b c-0-12ab.flac") == "a-b-c-0-12ab"


def test_the_command_says_what_it_wrote_and_where_it_stops(
    many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: object) -> tuple[int, str]:
        command = ExportCommand()
        parser = argparse.ArgumentParser()
        command.configure(parser)
        code = command.run(parser.parse_args(["webdataset", *map(str, words)]))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    code, told = run(many, "--output", tmp_path / "tars", "--shard-size", "1M")
    assert code == 0
    assert "40 rows in 3 tar shards" in told
    code, told = run(tmp_path, "--output", tmp_path / "tars")
    assert (code, told.count("\n")) == (2, 1)
    code, told = run("s3://bucket/release", "--output", tmp_path / "tars")
    assert (code, told.count("\n")) == (2, 1)
