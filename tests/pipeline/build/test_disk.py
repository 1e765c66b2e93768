"""A disk that is full or takes nothing: one line, what was done stays, and a later build completes."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.check.verify import verify
from pipeline.command import main
from tests.commands import build_words, without_progress
from tests.pipeline.build.test_build import digest_of
from tests.pipeline.conftest import ONE_WORKER
from transforms.storage import folder_files

pytestmark = pytest.mark.slow


def lines_of(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return without_progress(capfd.readouterr().err)


@pytest.fixture(autouse=True)
def _log_apart() -> Iterator[None]:
    """What Beam logs goes into a file in a command of its own; here it would go to the stderr that is captured."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of seven megabytes in memory, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount on this machine")
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=7m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"a file system of seven megabytes cannot be mounted here: {tried.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@pytest.mark.usefixtures("no_report")
def test_a_build_on_a_disk_that_gets_full_stops_and_goes_on_when_there_is_room(
    release: Path, recordings: Path, small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = small_disk / "release"
    assert main(build_words(recordings, output, "--direct_num_workers=2")) == 1
    (line,) = lines_of(capfd)
    assert "the build stopped: No space left on device" in line
    assert "run the same command again to go on" in line
    # There may be none: the workers may fill it before either has finished a shard.
    kept = list(output.glob("*/*/metadata.parquet"))
    assert not list(small_disk.rglob("*.partial"))
    remount(small_disk, "size=200m")
    # Who goes on need not be as many; one process starts faster.
    assert main(build_words(recordings, output, *ONE_WORKER)) == 0
    assert digest_of(output) == digest_of(release)
    assert set(kept) <= set(output.glob("*/*/metadata.parquet"))
    assert verify(output).problems == []


def test_a_release_on_a_read_only_disk_is_refused_in_one_line(
    recordings: Path, small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    remount(small_disk, "ro")
    assert main(build_words(recordings, small_disk / "release", *ONE_WORKER)) == 2
    (line,) = lines_of(capfd)
    assert "release cannot be written: Read-only file system" in line
    remount(small_disk, "rw")


@pytest.mark.usefixtures("no_report")
def test_a_disk_that_is_full_at_any_moment_costs_one_line_and_nothing_that_was_done(
    release: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, write = tmp_path / "o", folder_files.write_bytes
    full: list[str] = []

    def write_unless_full(folder: str, name: str, data: bytes, **how: bool) -> None:
        if name.endswith(full[-1]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.path.join(folder, name))
        write(folder, name, data, **how)

    monkeypatch.setattr(folder_files, "write_bytes", write_unless_full)
    moments = [
        ("build.json", 2), ("plan.parquet", 2), ("recipe.yaml", 2), ("00000.parquet", 1), (".flac", 1),
        ("metadata.parquet", 1), ("README.md", 1), ("croissant.json", 1), ("release.json", 1),
    ]  # fmt: skip
    done: set[Path] = set()
    for name, code in moments:
        full.append(name)
        assert main(build_words(recordings, output, *ONE_WORKER)) == code, name
        lines = lines_of(capfd)
        assert len(lines) == 1, (name, lines)
        assert "No space left on device" in lines[0], name
        assert not (output / "release.json").exists()
        now = set(output.glob("*/*/metadata.parquet"))
        assert done <= now
        done = now
    assert len(done) > 1
    full.append("nothing is")
    assert main(build_words(recordings, output, *ONE_WORKER)) == 0
    assert lines_of(capfd) == []
    assert digest_of(output) == digest_of(release)
    assert verify(output).problems == []


def test_a_report_that_cannot_be_written_is_one_line_and_the_release_stands(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipeline.report.of_release.write_report_of", no_space)
    assert main(build_words(recordings, tmp_path / "o", *ONE_WORKER)) == 1
    (line,) = lines_of(capfd)
    assert "the report cannot be written: No space left on device; elsa report" in line
    assert verify(tmp_path / "o").problems == []


@pytest.mark.parametrize(("name", "code"), [(".elsa/build.json", 2), ("train/00000-of-00002/metadata.parquet", 1)])
def test_a_file_of_an_unfinished_release_that_nobody_can_read_is_named_in_one_line(
    release: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    output = tmp_path / "o"
    shutil.copytree(release, output)
    (output / "release.json").rename(output / "kept.json")
    if code == 2:
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_bytes(b"\0 no json")
    else:
        (output / "kept.json").rename(output / "release.json")
        name = str(sorted(output.glob("train/*/metadata.parquet"))[0].relative_to(output))
        (output / name).write_bytes(b"no parquet")
    assert main(build_words(recordings, output, *ONE_WORKER)) == code
    (line,) = lines_of(capfd)
    assert name.rpartition("/")[2] in line
