"""The HTTP client: bodies that never end or unfold, slow servers, proxies, and variables that no header can hold."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import ClassVar

import httpx2
import pytest
from openai import APIStatusError, AsyncOpenAI

from prompts import load_prompt
from transforms.captions.endpoint import client
from transforms.captions.endpoint.address import UserAddress
from transforms.captions.endpoint.client import BodyTooLarge, connect, is_loopback, unsendable_variable
from transforms.captions.openai_writer import OpenAIWriter
from transforms.records import CaptionRequest, ReplyKind
from transforms.words import SpatialWords

COMPLETION = b'{"choices": [{"message": {"content": "A dog barks."}}]}'


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends what the test has set, a piece at a time."""

    # Every request gets all of them, also one of a client that still asks an earlier server of the same port.
    pieces: Sequence[bytes] = ()
    status = 200
    headers_sent: ClassVar[dict[str, str]] = {}
    pause_s = 0.0
    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(self.status)
        for name, value in {"Content-Type": "application/json", **self.headers_sent}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in self.pieces:
                self.wfile.write(piece)
                time.sleep(self.pause_s)
        except OSError:
            pass

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing on the test's stderr."""


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[Handler], str]]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    served = type("Served", (Handler,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), served)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield served, f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def post(base_url: str) -> bytes:
    """The body of an answer, through the client alone."""

    async def run() -> bytes:
        opened: AsyncOpenAI = connect(UserAddress(base_url), 5.0)
        try:
            response = await opened.post("/chat/completions", cast_to=httpx2.Response, body={"model": "m"})
            return response.content
        finally:
            await opened.close()

    return asyncio.run(run())


def test_nothing_compressed_is_asked_for_and_what_comes_so_is_unfolded(handler: tuple[type[Handler], str]) -> None:
    served, base_url = handler
    for encoding, body in (
        ("identity", COMPLETION),
        ("gzip", gzip.compress(COMPLETION)),
        ("deflate", zlib.compress(COMPLETION)),
    ):
        served.headers_sent, served.pieces = {"Content-Encoding": encoding}, [body]
        assert post(base_url) == COMPLETION
    assert {headers["accept-encoding"] for _, headers in served.seen} == {"identity"}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("encoding", "pieces"),
    [
        ("identity", [b"x" * 65_536] * 1000),
        # A thousand bytes for one.
        ("gzip", [gzip.compress(b"x" * 50_000_000)]),
        ("br", [b"x"]),
        ("gzip", [b"no gzip"]),
    ],
    ids=["endless", "bomb", "brotli", "no-gzip"],
)
def test_a_body_without_end_is_cut_off_also_in_an_error(
    encoding: str,
    pieces: list[bytes],
    status: int,
    handler: tuple[type[Handler], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "LARGEST_BODY_BYTES", 100_000)
    served, base_url = handler
    served.status, served.headers_sent, served.pieces = status, {"Content-Encoding": encoding}, pieces
    with pytest.raises(BodyTooLarge):
        post(base_url)
    served.headers_sent, served.pieces = {}, [COMPLETION]
    if status == 400:
        with pytest.raises(APIStatusError):
            post(base_url)


def test_a_server_that_drips_has_one_deadline_for_all_of_its_answer(
    handler: tuple[type[Handler], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.captions.openai_writer._RETRIES", 0)
    served, base_url = handler
    served.pieces, served.pause_s = [b" "] * 100, 0.05
    prompt = load_prompt("place")
    writer = OpenAIWriter(UserAddress(base_url), "m", {prompt.id: prompt}, concurrency=1, timeout_s=0.3)
    begin = time.monotonic()
    (reply,) = writer.ask([CaptionRequest("r", 0, "A dog barks", SpatialWords(direction="left"), 0, prompt.id)], 0)
    writer.close()
    assert (reply.error, reply.kind) == ("APITimeoutError", ReplyKind.FAILED)
    assert time.monotonic() - begin < 3


def test_a_server_on_this_machine_is_asked_without_a_proxy(
    handler: tuple[type[Handler], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, base_url = handler
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    served.pieces = [COMPLETION]
    assert post(base_url) == COMPLETION
    assert served.seen[-1][0] == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *((host, True) for host in ("localhost", "127.0.0.1", "127.3.2.1", "::1", "api.localhost")),
        *((host, False) for host in ("10.0.0.1", "api.openai.com", "localhost.example.org", "::2", "127.0.0.1.nip.io")),
    ],
)
def test_what_is_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"])
@pytest.mark.parametrize(
    "value", ["sk-ключ", "sk-one\nsk-two", "sk with spaces", "sk-\x1b[2J", "sk\r", " sk", "\ud800"]
)
def test_a_variable_that_no_header_can_hold_is_named_without_its_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {name: value})
    reason = unsendable_variable()
    assert reason is not None
    assert reason.startswith(f"{name} cannot be sent")
    assert value not in reason
    assert reason.isprintable()
    monkeypatch.setattr("os.environ", {name: "sk-proj-aB3_/+=."})
    assert unsendable_variable() is None
