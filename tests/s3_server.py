"""A real S3 server on loopback for tests (moto's), which counts what it is asked for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import boto3
import pytest
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from transforms.storage import s3_objects

KEY, SECRET, BUCKET = "AKIDFORTESTS", "secret-for-tests-0123456789", "bucket"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}


class S3Server:
    """The server's address, its client, and the requests that it has had as `METHOD path?query`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[str] = []
        self.lock = Lock()
        self.broken: list[tuple[str, int]] = []
        """(pattern, status): a request that the pattern matches is answered with the status, once each."""
        self.client: Any = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        )

    def keys(self, prefix: str = "") -> dict[str, bytes]:
        """Every object below a prefix, by its key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        names = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {name: self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names}

    def put(self, key: str, data: bytes) -> None:
        """Puts an object."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def put_many(self, keys: Iterable[str]) -> None:
        """Puts empty objects behind the server's back, which takes no requests."""
        backend = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]
        for key in keys:
            backend.put_object(BUCKET, key, b"")

    def since(self, count: int, pattern: str = "") -> list[str]:
        """The requests after the first `count` that match a pattern."""
        with self.lock:
            return [request for request in self.requests[count:] if re.search(pattern, request)]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server on a port of its own with an empty bucket; it ends with the block."""
    # It says a line a request, which a failing test would print.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    threaded = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    server = S3Server(f"http://{host}:{port}")
    assert threaded._server is not None
    application = threaded._server.app

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        query = environ.get("QUERY_STRING", "")
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{'?' + query if query else ''}"
        with server.lock:
            server.requests.append(request)
            fault = next((fault for fault in server.broken if re.search(fault[0], request)), None)
            if fault is not None:
                server.broken.remove(fault)
        if fault is not None:
            # The body has to be read, or the connection breaks before the answer.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{fault[1]} broken", [("Content-Length", "0")])
            return [b""]
        return application(environ, start_response)

    threaded._server.app = counted
    try:
        server.client.create_bucket(Bucket=BUCKET)
        yield server
    finally:
        threaded.stop()


def reach(server: S3Server, monkeypatch: pytest.MonkeyPatch, **more: str) -> S3Server:
    """The server, with its keys in the environment of the test, which knows no other server."""
    for name, value in {**ENVIRONMENT, "AWS_MAX_ATTEMPTS": "3", **more}.items():
        monkeypatch.setenv(name, value)
    # The client is kept for a process; another server is another client.
    s3_objects._clients.clear()
    return server


__all__ = ["BUCKET", "ENVIRONMENT", "KEY", "SECRET", "S3Server", "reach", "s3_server"]
