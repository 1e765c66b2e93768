"""The whole pipe over Beam's Job API with external workers, as Flink runs it, gives the digest of the local runner."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.build import build
from pipeline.recipe import load_recipe
from tests.pipeline.conftest import SMALL


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(module: str, port_option: str) -> Iterator[int]:
    """A server of Beam's on loopback that answers on a port of its own; it ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", module, f"{port_option}={port}"]
    # The pool starts its workers as `python`, so that has to be this one.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, f"{module} ended with {process.returncode}"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{module} does not answer"
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_external_workers_over_the_job_api_give_the_same_digest(
    release: Path, recordings: Path, tmp_path: Path
) -> None:
    with (
        served("apache_beam.runners.portability.local_job_service_main", "--port") as jobs,
        served("apache_beam.runners.worker.worker_pool_main", "--service_port") as pool,
    ):
        flags = (
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{pool}",
        )
        outcome = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "o"), beam_flags=flags)
    assert outcome.whole
    assert outcome.totals.digest == json.loads((release / "release.json").read_text())["digest"]
