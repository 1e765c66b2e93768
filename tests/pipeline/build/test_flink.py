"""A build on a real Flink cluster gives the digest of the local runner, where Beam's job server is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.build import build
from pipeline.recipe import load_recipe
from tests.beam_servers import WORKER_POOL, served
from tests.flink_cluster import SLOTS, ask, flink_cluster, job_server_jar, why_no_cluster
from tests.pipeline.conftest import SMALL

pytestmark = pytest.mark.skipif(why_no_cluster() is not None, reason=why_no_cluster() or "")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with flink_cluster(tmp_path_factory.mktemp("flink") / "cluster") as url:
        yield url


def test_the_cluster_is_a_real_one_with_slots(cluster: str) -> None:
    overview = ask(f"{cluster}/overview")
    assert (overview["taskmanagers"], overview["slots-available"]) == (1, SLOTS)
    assert overview["flink-version"].startswith(("1.19", "1.20", "2."))


def test_flink_gives_the_digest_of_the_local_runner(
    cluster: str, release: Path, recordings: Path, tmp_path: Path
) -> None:
    version = ".".join(ask(f"{cluster}/overview")["flink-version"].split(".")[:2])
    jar = job_server_jar(version)
    if jar is None:
        pytest.skip(f"no job server of Beam's for Flink {version}: set FLINK_JOB_SERVER_JAR")
    with served(*WORKER_POOL) as pool:
        flags = (
            "--runner=FlinkRunner",
            f"--flink_master={cluster}",
            f"--flink_version={version}",
            f"--flink_job_server_jar={jar}",
            "--flink_submit_uber_jar",
            f"--parallelism={SLOTS}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{pool}",
        )
        outcome = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "o"), beam_flags=flags)
    assert outcome.whole
    assert outcome.totals.digest == json.loads((release / "release.json").read_text())["digest"]
    (job,) = ask(f"{cluster}/jobs/overview")["jobs"]
    assert job["state"] == "FINISHED"
