"""A hundred hostile releases: no traceback and nothing outside; the benchmark runs thousands, and in more commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.hostile.releases import SECRET, SECRET_TEXT, make_hostile
from tests.hostile.run import Honest, run_command
from tests.many_rows import write_many_rows

RELEASES = 100


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    folder = tmp_path_factory.mktemp("honest")
    write_many_rows(folder / "release", 8, rows_per_shard=4)
    (folder / "recordings").mkdir()
    return Honest((folder / "release",), folder, folder / "recordings")


def test_hostile_releases_cost_one_line_each(honest: Honest, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / SECRET).write_text(SECRET_TEXT)
    release = tmp_path / "release"
    faults = []
    for seed in range(RELEASES):
        shutil.copytree(honest.releases[0], release)
        changes = make_hostile(seed, release)
        # What draws and what starts threads is left to the benchmark.
        words = {
            "export": ["export", "webdataset", str(release), "--output", str(tmp_path / f"tars-{seed}")],
            "verify": ["verify", str(release)],
        }
        name = "verify" if seed % 2 else "export"
        outcome = run_command(name, words[name], tmp_path)
        if outcome.fault:
            faults.append(f"{seed} {name} {changes}: {outcome.fault}: {outcome.said[-300:]}")
        shutil.rmtree(release)
    assert not faults, "\n".join(faults)
