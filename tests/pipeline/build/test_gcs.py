"""gs:// through Beam's file system, on a server on loopback: files, errors in one line, and a whole build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from unittest import mock

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.build import BuildError, build
from pipeline.recipe import load_recipe
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.ports import free_port
from transforms import storage

pytestmark = pytest.mark.slow

emulator = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator is not installed")
pytest.importorskip("apache_beam.io.gcp.gcsio", reason="apache-beam[gcp] is not installed")

BUCKET = "some-bucket"


class PatientServer(HTTPServer):
    """The emulator answers one request after another; with five places in its queue the sixth client waits in vain."""

    request_queue_size = 128


@pytest.fixture(scope="module")
def address(release: Path) -> Iterator[str]:
    # The release that all tests share is made before anything here points elsewhere.
    port = free_port()
    with mock.patch.object(emulator.server, "HTTPServer", PatientServer):
        server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
        server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()


@pytest.fixture(autouse=True)
def reached(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    # No key on this machine is used, and no machine in the cloud is asked for one.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    # Beam would look for a key five times, with pauses of 20 seconds in all.
    monkeypatch.setattr(auth._Credentials, "_credentials_init", True)
    FileSystems.set_options(PipelineOptions([]))


def test_what_is_written_is_read_listed_and_removed() -> None:
    path = f"gs://{BUCKET}/folder/a b.bin"
    storage.write_bytes(path, b"0123456789")
    storage.write_bytes(f"gs://{BUCKET}/folder/deep/empty", b"")
    assert storage.read_bytes(path) == b"0123456789"
    assert storage.read_range(path, 2, 3) == b"234"
    assert storage.list_sizes(f"gs://{BUCKET}/folder") == {"a b.bin": 10, "deep/empty": 0}
    assert storage.exists(path)
    storage.remove_folder(f"gs://{BUCKET}/folder")
    assert not storage.exists(path)
    assert storage.list_files(f"gs://{BUCKET}/folder") == []


def test_what_is_wrong_is_told_in_one_line() -> None:
    with pytest.raises(FileNotFoundError, match=rf"not found: 'gs://{BUCKET}/nothing'"):
        storage.read_bytes(f"gs://{BUCKET}/nothing")
    # Listing such a bucket is left out: now and then the emulator stops answering, and the client waits for it.
    with pytest.raises(FileNotFoundError, match="not found: 'gs://no-such-bucket/file'"):
        storage.write_bytes("gs://no-such-bucket/file", b"x")


def test_what_could_not_be_written_is_not_sent_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    created, create = [], FileSystems.create
    monkeypatch.setattr(FileSystems, "create", lambda *path, **how: created.append(create(*path, **how)) or created[-1])
    with pytest.raises(FileNotFoundError):
        storage.write_bytes("gs://no-such-bucket/file", b"x")
    # An open one sends its data when it is collected, and waits two minutes for a server that is gone.
    assert [file.closed for file in created] == [True]


def test_a_release_on_gs_is_the_local_one(release: Path, recordings: Path) -> None:
    for path in sorted(recordings.rglob("*")):
        if path.is_file():
            storage.write_bytes(f"gs://{BUCKET}/input/{path.relative_to(recordings).as_posix()}", path.read_bytes())
    output = f"gs://{BUCKET}/release"
    outcome = build(load_recipe("folder", SMALL), f"gs://{BUCKET}/input", output, beam_flags=ONE_WORKER)
    assert outcome.whole
    assert outcome.totals.digest == json.loads((release / "release.json").read_text())["digest"]
    found = {name for name in storage.list_files(output) if name.endswith((".flac", "/metadata.parquet"))}
    local = {path.relative_to(release).as_posix() for path in release.glob("*/*/*.*")}
    assert found == {name for name in local if not name.startswith("report/")}


def test_a_bucket_that_is_not_there_is_one_line_before_anything_runs(recordings: Path) -> None:
    with pytest.raises(BuildError, match="not found"):
        build(load_recipe("folder", SMALL), str(recordings), "gs://no-such-bucket/release", beam_flags=ONE_WORKER)
