"""Hostile releases of every kind: no traceback and nothing outside; the benchmark runs thousands, in every command."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.hostile.releases import CHANGES, SECRET, SECRET_TEXT, state_again
from tests.hostile.run import classes_in, run_command
from tests.many_rows import write_many_rows

pytestmark = pytest.mark.slow

KINDS = sorted(set(CHANGES), key=lambda change: change.__name__)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest") / "release"
    write_many_rows(folder, 8, rows_per_shard=4)
    return folder


@pytest.mark.parametrize("change", KINDS, ids=lambda change: change.__name__)
def test_a_hostile_release_costs_a_line_and_nothing_else(change, honest: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / SECRET).write_text(SECRET_TEXT)
    release = tmp_path / "release"
    shutil.copytree(honest, release)
    change(random.Random(change.__name__), release)
    state_again(release)
    # What draws and what starts workers is left to the benchmark.
    for words in (
        ["verify", release],
        ["export", "webdataset", release, "--output", tmp_path / "tars"],
        ["export", "dcase", release, "--output", tmp_path / "dcase", "--classes", classes_in(tmp_path)],
    ):
        outcome = run_command(words[0], list(map(str, words)), tmp_path)
        assert not outcome.fault, outcome.said[-2_000:]
