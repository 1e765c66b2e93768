"""Objects on a real S3 server: whole or not there, few requests, and one line for what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.s3_server import BUCKET, SECRET, S3Server, reach, s3_server
from transforms import storage
from transforms.storage import s3_objects

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def server(running: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    return reach(running, monkeypatch, AWS_ENDPOINT_URL_S3=running.url)


def address(*parts: str) -> str:
    return "/".join((f"s3://{BUCKET}", *parts))


def test_what_is_written_is_read_and_listed_with_its_size_and_removed(server: S3Server) -> None:
    path = address("folder é", "a b.bin")
    storage.write_bytes(path, b"0123456789")
    storage.write_bytes(address("folder é", "deep", "empty"), b"")
    storage.write_bytes(address("folder é beside"), b"x")
    assert storage.read_bytes(path) == b"0123456789"
    assert storage.read_range(path, 2, 3) == b"234"
    assert storage.read_range(path, 8, 100) == b"89"
    assert storage.read_range(path, 3, 0) == b""
    assert storage.list_sizes(address("folder é")) == {"a b.bin": 10, "deep/empty": 0}
    assert storage.list_files(address("folder é") + "/") == ["a b.bin", "deep/empty"]
    assert storage.exists(path)
    storage.remove_folder(address("folder é"))
    assert not storage.exists(path)
    assert storage.list_files(address("folder é")) == []
    assert storage.exists(address("folder é beside"))
    storage.remove_folder(address("folder é"))


def test_a_write_and_a_read_are_one_request_each_and_a_listing_one_a_thousand(server: S3Server) -> None:
    before = len(server.requests)
    storage.write_bytes(address("one"), b"x" * 100_000)
    assert [request.split()[0] for request in server.since(before)] == ["PUT"]
    storage.read_bytes(address("one"))
    assert len(server.since(before)) == 2
    server.put_many(f"many/{number:05d}" for number in range(1_003))
    before = len(server.requests)
    assert len(storage.list_files(address("many"))) == 1_003
    assert len(server.since(before)) == 2
    storage.remove_folder(address("many"))
    assert len(server.since(before, "POST")) == 2


def test_a_large_object_goes_up_in_parts_and_appears_when_all_are_there(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_objects, "ONE_REQUEST_BYTES", 1 << 20)
    data = bytes(range(256)) * (20 * 2**20 // 256)
    before = len(server.requests)
    storage.write_bytes(address("large"), data)
    assert len(server.since(before, "partNumber=")) > 1
    assert storage.read_bytes(address("large")) == data
    # Each try of the second part fails.
    server.broken += [("PUT .*broken.*partNumber=2", 403)] * 5
    with pytest.raises(OSError, match="broken"):
        storage.write_bytes(address("broken"), data)
    server.broken.clear()
    assert not storage.exists(address("broken"))
    assert storage.list_files(address("broken")) == []
    assert not server.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


@pytest.mark.parametrize("status", [500, 503])
def test_what_passes_is_tried_again(server: S3Server, status: int) -> None:
    storage.write_bytes(address("again"), b"x")
    server.broken += [("GET /bucket/again", status), ("PUT /bucket/again", status)]
    assert storage.read_bytes(address("again")) == b"x"
    storage.write_bytes(address("again"), b"y")
    assert storage.read_bytes(address("again")) == b"y"
    assert not server.broken


def test_what_is_wrong_is_told_in_one_line(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such object: 's3://bucket/nothing'"):
        storage.read_bytes(address("nothing"))
    with pytest.raises(FileNotFoundError, match=r"no such bucket: 's3://no-such-bucket'"):
        storage.write_bytes("s3://no-such-bucket/file", b"x")
    with pytest.raises(FileNotFoundError, match=r"no such bucket"):
        storage.list_files("s3://no-such-bucket/folder")
    with pytest.raises(OSError, match="names no bucket"):
        storage.read_bytes("s3:///file")
    server.broken += [("GET /bucket/closed", 403)]
    with pytest.raises(PermissionError, match=r"not permitted .*s3://bucket/closed"):
        storage.read_bytes(address("closed"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3_objects._clients.clear()
    with pytest.raises(OSError, match="Could not connect") as raised:
        storage.read_bytes(address("file"))
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_without_a_key_the_variables_are_named(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nothing")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nothing")
    s3_objects._clients.clear()
    with pytest.raises(PermissionError, match="AWS_ACCESS_KEY_ID"):
        storage.read_bytes(address("file"))


def test_the_client_is_made_once(server: S3Server) -> None:
    assert s3_objects._client() is s3_objects._client()


def test_a_scheme_without_its_package_names_it() -> None:
    with pytest.raises(OSError, match="nosuch:// needs"):
        storage.read_bytes("nosuch://bucket/file")
