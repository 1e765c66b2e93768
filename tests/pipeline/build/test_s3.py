"""A build on an object store: the digest of the local one, whole objects, few requests, and no key anywhere."""

from __future__ import annotations

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.build import BuildError, build
from pipeline.command import UNUSABLE, main
from pipeline.recipe import load_recipe
from tests.commands import start_build, wait_until
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.s3_server import BUCKET, ENVIRONMENT, KEY, SECRET, S3Server, reach, s3_server
from tests.sounds import small_folder

pytestmark = pytest.mark.slow

SETTINGS = [part for setting in SMALL for part in ("--set", setting)]


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def server(running: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    return reach(running, monkeypatch)


def endpoint(server: S3Server) -> str:
    return f"--s3_endpoint_url={server.url}"


def digest_at(server: S3Server, prefix: str) -> str:
    digest: str = json.loads(server.keys(f"{prefix}/release.json")[f"{prefix}/release.json"])["digest"]
    return digest


def upload(server: S3Server, folder: Path, prefix: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            server.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def test_a_release_on_s3_is_the_local_one(server: S3Server, release: Path, recordings: Path) -> None:
    before = len(server.requests)
    outcome = build(
        load_recipe("folder", SMALL),
        str(recordings),
        f"s3://{BUCKET}/release",
        beam_flags=(endpoint(server), "--direct_num_workers=2"),
    )
    assert outcome.whole
    assert outcome.totals.digest == json.loads((release / "release.json").read_text())["digest"]
    objects = server.keys("release/")
    local = {f"release/{path.relative_to(release).as_posix()}" for path in release.rglob("*") if path.is_file()}
    assert {name for name in objects if "/report/" not in name} == {name for name in local if "/report/" not in name}
    for name in local:
        if name.endswith((".flac", "/metadata.parquet")):
            assert objects[name] == (release / name.removeprefix("release/")).read_bytes(), name
    # Atomic where a rename is a copy: the final name at once, and nothing copied.
    assert not [request for request in server.since(before) if "partial" in request]
    assert not server.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    assert not any(SECRET.encode() in data or KEY.encode() in data for data in objects.values())


def test_requests_are_one_an_object_and_a_listing_a_prefix(server: S3Server, tmp_path: Path) -> None:
    counts = {}
    for clips in (4, 8):
        folder = small_folder(tmp_path / str(clips), clips=clips)
        before = len(server.requests)
        flags = (endpoint(server), *ONE_WORKER)
        outcome = build(load_recipe("folder", SMALL), str(folder), f"s3://{BUCKET}/n{clips}", beam_flags=flags)
        assert outcome.whole
        asked = server.since(before)
        listings = [request for request in asked if "list-type=2" in request]
        written = [request for request in asked if re.search(r"PUT .*(\.flac|/metadata\.parquet)$", request)]
        assert len(written) == len(set(written)), "an object was written twice"
        flacs = [request for request in written if request.endswith(".flac")]
        assert len(flacs) == outcome.totals.row_count
        # Reads and looks are of shards and of the release, none of a row.
        assert not [request for request in asked if ".flac" in request and not request.startswith("PUT")]
        counts[clips] = len(listings)
    assert counts[4] == counts[8]


def test_input_and_answers_on_s3_give_the_same_digest(server: S3Server, release: Path, recordings: Path) -> None:
    upload(server, recordings, "input")
    server.put("answers.parquet", (release / "answers.parquet").read_bytes())
    before = len(server.requests)
    outcome = build(
        load_recipe("folder", SMALL),
        f"s3://{BUCKET}/input",
        f"s3://{BUCKET}/from-s3",
        beam_flags=(endpoint(server), *ONE_WORKER),
        answers=f"s3://{BUCKET}/answers.parquet",
    )
    assert outcome.whole
    assert outcome.totals.digest == json.loads((release / "release.json").read_text())["digest"]
    of_clips = [request for request in server.since(before) if re.search(r"/input/.*\.wav", request)]
    assert sorted(of_clips) == sorted(set(of_clips)), "a clip was asked for twice"
    assert all(request.startswith("GET") for request in of_clips)
    assert len(server.since(before, "prefix=input")) == 1


def test_a_plan_measures_clips_on_s3(server: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A plan took no options of Beam's, and the processes that measure knew none.
    upload(server, small_folder(tmp_path / "in", clips=3), "planned")
    words = ["--input", f"s3://{BUCKET}/planned", "--workers=1", "--json", *SETTINGS, endpoint(server)]
    assert main(["plan", "folder", *words]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["rows"] == 5
    assert values["forecast"]["sample"]["clips"] == 3
    assert values["forecast"]["sample"]["refused"] == 0


def test_a_build_on_s3_that_is_killed_goes_on(server: S3Server, tmp_path: Path) -> None:
    recordings = small_folder(tmp_path / "in", clips=10)
    whole = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "whole"), beam_flags=ONE_WORKER)
    before = len(server.requests)
    process = start_build(recordings, f"s3://{BUCKET}/killed", *ONE_WORKER, endpoint(server), **ENVIRONMENT)
    wait_until(lambda: bool(server.since(before, r"PUT .*killed/.*/metadata\.parquet")), process)
    os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate()
    there = server.keys("killed/")
    assert "killed/release.json" not in there
    for name, data in there.items():
        if name.endswith(".parquet"):
            pq.read_table(io.BytesIO(data))
    # The dead build's lock has a date; who takes over does not wait for it here.
    server.client.delete_object(Bucket=BUCKET, Key="killed/.elsa/lock.json")
    before = len(server.requests)
    flags = (endpoint(server), *ONE_WORKER)
    resumed = build(load_recipe("folder", SMALL), str(recordings), f"s3://{BUCKET}/killed", beam_flags=flags)
    assert resumed.totals.digest == whole.totals.digest == digest_at(server, "killed")
    done = [name for name in there if re.search(r"killed/(train|validation|test)/.*/metadata\.parquet", name)]
    assert done
    assert not [name for name in done if server.since(before, f"PUT /{BUCKET}/{re.escape(name)}")]
    assert not [name for name in server.keys("killed/") if "/.elsa/" in name]
    assert SECRET not in said


@pytest.mark.parametrize(
    ("output", "flags", "line"),
    [
        pytest.param("s3://no-such-bucket/release", (), "no such bucket", id="no bucket"),
        pytest.param(
            f"s3://{BUCKET}/release", ("--s3_endpoint_url=http://127.0.0.1:1",), "Could not connect", id="no endpoint"
        ),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line_before_anything_runs(
    server: S3Server,
    recordings: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    flags: tuple[str, ...],
    line: str,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(BuildError, match=line) as raised:
        build(load_recipe("folder", SMALL), str(recordings), output, beam_flags=flags or (endpoint(server),))
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "command", [["verify"], ["report"], ["reproduce", "--input", "in", "--output", "out"]], ids=lambda words: words[0]
)
def test_commands_that_want_a_local_copy_say_so(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command[0], f"s3://{BUCKET}/release", *command[1:]]) == UNUSABLE
    said = capsys.readouterr().err
    assert "not on this machine" in said
    assert said.count("\n") == 1
