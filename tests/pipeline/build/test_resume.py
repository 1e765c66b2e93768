"""A build that is killed and run again ends as one that was never killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import soundfile

from pipeline.build import BuildError, build
from pipeline.check.verify import verify
from pipeline.recipe import load_recipe
from pipeline.release.totals import total
from tests.commands import start_build, wait_until
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import RATE, noise_burst, small_folder

pytestmark = pytest.mark.slow


def rows_on_disk(output: Path) -> int:
    return len(list(output.glob("*/*/*.flac")))


def test_a_build_killed_at_random_moments_ends_with_the_same_digest(tmp_path: Path) -> None:
    recordings, output = small_folder(tmp_path / "in", clips=10), tmp_path / "killed"
    whole = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "whole"), beam_flags=ONE_WORKER)
    draw = random.Random(4)
    seen = 0
    for _ in range(3):
        process = start_build(recordings, output, *ONE_WORKER)
        # Killed only once something has been done since the last kill, or all moments would lie before the first row.
        wait_until(lambda: rows_on_disk(output) > seen or process.poll() is not None)  # noqa: B023
        time.sleep(draw.random() * 0.3)
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.communicate()
        seen = rows_on_disk(output)
    resumed = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert resumed.totals.digest == whole.totals.digest
    assert verify(output).problems == []
    assert {path.relative_to(output) for path in output.rglob("*") if path.suffix == ".flac"} == {
        path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.flac")
    }
    assert not list(output.rglob("*.partial"))
    stated = [json.loads((folder / "release.json").read_text()) for folder in (output, tmp_path / "whole")]
    assert stated[0]["files"] == stated[1]["files"]


@pytest.mark.parametrize("settings", [SMALL, (*SMALL, "limit=5")], ids=["killed", "with a larger limit"])
def test_the_rows_of_a_release_come_from_one_input(
    settings: tuple[str, ...], release: Path, recordings: Path, tmp_path: Path
) -> None:
    # Killed, every clip replaced under its name, built again: a release of two inputs, and verify passed.
    other, output = shutil.copytree(recordings, tmp_path / "in"), tmp_path / "out"
    if settings == SMALL:
        shutil.copytree(release, output)
        (output / ".elsa").mkdir()
        (output / "release.json").rename(output / ".elsa" / "build.json")
        sorted(output.glob("train/*/metadata.parquet"))[0].unlink()
    else:
        build(load_recipe("folder", settings), str(other), str(output), beam_flags=ONE_WORKER)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}
    for path in other.glob("*.wav"):
        soundfile.write(path, noise_burst(0.6, seed=int(path.stem[-1]) + 50), RATE)
    with pytest.raises(BuildError, match=r"of the clips that its finished shards were built from are other files now"):
        build(load_recipe("folder", SMALL), str(other), str(output), beam_flags=ONE_WORKER)
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}.items() >= before.items()
    outcome = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert outcome.totals.digest == total(str(release), None).digest
