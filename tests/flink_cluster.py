"""A real Flink cluster on loopback for tests: a job manager and a task manager from Flink's own jars."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.ports import free_port

SLOTS = 2
_OPENED = (
    "java.net", "java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.nio", "java.text", "java.time",
    "java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch",
)  # fmt: skip


def flink_lib() -> Path | None:
    """The folder of Flink's jars: of FLINK_HOME, else of the package apache-flink-libraries; None where neither is."""
    if os.environ.get("FLINK_HOME"):
        return Path(os.environ["FLINK_HOME"]) / "lib"
    found = importlib.util.find_spec("pyflink")
    places = [] if found is None else found.submodule_search_locations or []
    return next((Path(place) / "lib" for place in places if (Path(place) / "lib").is_dir()), None)


def job_server_jar(version: str) -> Path | None:
    """Beam's job server for this version of Flink: FLINK_JOB_SERVER_JAR, else what Beam has downloaded before."""
    import apache_beam

    given = os.environ.get("FLINK_JOB_SERVER_JAR")
    cache = Path.home() / ".apache_beam" / "cache" / "jars"
    path = Path(given) if given else cache / f"beam-runners-flink-{version}-job-server-{apache_beam.__version__}.jar"
    return path if path.is_file() else None


def why_no_cluster() -> str | None:
    """What is missing to start a cluster, in one line."""
    if shutil.which("java") is None:
        return "no java, so no Flink cluster"
    if flink_lib() is None:
        return "no Flink: neither FLINK_HOME nor the package apache-flink-libraries"
    return None


def ask(url: str) -> Any:
    """What the cluster's REST interface says."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@contextmanager
def flink_cluster(folder: Path) -> Iterator[str]:
    """The address of a cluster with SLOTS free slots; it ends with the block, and its logs stay in `folder`."""
    lib, rest, rpc = flink_lib(), free_port(), free_port()
    assert lib is not None
    (folder / "conf").mkdir(parents=True)
    settings = {
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": rpc,
        "jobmanager.bind-host": "127.0.0.1",
        "jobmanager.memory.process.size": "1gb",
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": rest,
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.numberOfTaskSlots": SLOTS,
        # Flink's start script works these out; without it they have to be said.
        "taskmanager.cpu.cores": SLOTS,
        "taskmanager.memory.framework.heap.size": "128mb",
        "taskmanager.memory.framework.off-heap.size": "128mb",
        "taskmanager.memory.task.heap.size": "256mb",
        "taskmanager.memory.task.off-heap.size": "0mb",
        "taskmanager.memory.managed.size": "128mb",
        "taskmanager.memory.network.min": "64mb",
        "taskmanager.memory.network.max": "64mb",
        "taskmanager.memory.jvm-metaspace.size": "256mb",
        "taskmanager.memory.jvm-overhead.min": "192mb",
        "taskmanager.memory.jvm-overhead.max": "192mb",
        "io.tmp.dirs": str(folder / "tmp"),
        "web.tmpdir": str(folder / "web"),
    }
    for name in ("tmp", "web"):
        (folder / name).mkdir()
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
    (folder / "conf" / "config.yaml").write_text(text, encoding="utf-8")
    opened = [part for name in _OPENED for part in ("--add-opens", f"java.base/{name}=ALL-UNNAMED")]
    base = ["java", "-Xmx512m", *opened, "-cp", f"{lib}/*"]
    mains = (
        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
        "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
    )
    processes = []
    with (folder / "log.txt").open("wb") as log:
        try:
            for main in mains:
                command = [*base, main, "--configDir", str(folder / "conf")]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log))
            url = f"http://127.0.0.1:{rest}"
            _wait_for_slots(url, processes, folder / "log.txt")
            yield url
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_for_slots(url: str, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + 180
    while True:
        for process in processes:
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            if ask(f"{url}/overview")["slots-available"] == SLOTS:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(0.5)
