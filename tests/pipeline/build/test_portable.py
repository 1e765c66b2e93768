"""The whole pipe over Beam's Job API with external workers, as Flink runs it, gives the digest of the local runner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2_grpc

from pipeline.build import build
from pipeline.recipe import load_recipe
from tests.beam_servers import JOB_SERVICE, WORKER_POOL, served
from tests.pipeline.conftest import ONE_WORKER, SMALL

pytestmark = pytest.mark.slow

SCENES = (
    "scenes.sources_max=2",
    "scenes.share=0.7",
    "scenes.moving_share=0.5",
    "scenes.duration_s=1",
    "audio.min_duration_s=0.6",
)


class _InTurn(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts each worker that is asked for in the next of several pools, as a cluster's service before them does."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.asked = dict.fromkeys(ports, 0)
        self._next = cycle(ports)
        self._pool_of: dict[str, int] = {}

    def StartWorker(self, request: Any, context: Any) -> Any:
        port = self._pool_of[request.worker_id] = next(self._next)
        self.asked[port] += 1
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            return beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel).StartWorker(request)

    def StopWorker(self, request: Any, context: Any) -> Any:
        with grpc.insecure_channel(f"localhost:{self._pool_of[request.worker_id]}") as channel:
            return beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel).StopWorker(request)


@contextmanager
def in_front_of(*ports: int) -> Iterator[tuple[int, _InTurn]]:
    """One port for several pools of workers, and how many workers each was asked for."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    servicer = _InTurn(ports)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port, servicer
    finally:
        server.stop(grace=None).wait()


def test_workers_of_two_pools_over_the_job_api_give_the_same_digest(recordings: Path, tmp_path: Path) -> None:
    # Plain rows, and scenes of one source or two, still and moving.
    recipe = load_recipe("folder", (*SMALL, *SCENES))
    with (
        served(*JOB_SERVICE) as jobs,
        served(*WORKER_POOL) as one,
        served(*WORKER_POOL) as other,
        in_front_of(one, other) as (pools, servicer),
    ):
        flags = (
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{pools}",
        )
        outcome = build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=flags)
    here = build(recipe, str(recordings), str(tmp_path / "here"), beam_flags=ONE_WORKER)
    assert outcome.whole
    assert outcome.totals.digest == here.totals.digest
    assert list(servicer.asked.values()) == [1, 1]
