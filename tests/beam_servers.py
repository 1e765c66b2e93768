"""Beam's own servers on loopback for tests: the job service, and pools of worker processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

JOB_SERVICE = ("tests.two_worker_jobs", "--port")
WORKER_POOL = ("apache_beam.runners.worker.worker_pool_main", "--service_port")


@contextmanager
def served(module: str, port_option: str) -> Iterator[int]:
    """A server of Beam's on loopback that answers on a port of its own; it ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", module, f"{port_option}={port}"]
    # The pool starts its workers as `python`, so that has to be this one.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, env=environment, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
