"""A small release, built once for the tests that only read one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.build import build
from pipeline.recipe import load_recipe
from tests.sounds import small_folder

SMALL = (
    "caption.writer=template",
    "rows_per_shard=2",
    "rooms.train=3",
    "rooms.validation=2",
    "rooms.test=2",
    "seed=11",
)
#: All in the test's own process.
ONE_WORKER = ("--direct_num_workers=1", "--direct_running_mode=in_memory")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="session")
def release(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("releases") / "small"
    outcome = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert outcome.whole
    return output


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build by the command draws no report, which takes longer than a small build and is tested by itself."""
    monkeypatch.setattr("pipeline.report.of_release.write_report_of", lambda *_: None)
