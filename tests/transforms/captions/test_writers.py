"""The writers: OpenAI's protocol against a small server on loopback, and the small model where its package is."""

from __future__ import annotations

import atexit
import http.server
import json
import pickle
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from prompts import load_prompt
from tests.chat_server import Raw, chat_server
from transforms.captions import openai_writer
from transforms.captions.answer_budget import Budget, Ledger
from transforms.captions.endpoint import circuit_breaker
from transforms.captions.endpoint.address import UserAddress
from transforms.captions.openai_writer import OpenAIWriter
from transforms.captions.writers import WriterUnavailable, writer_unavailable_reason
from transforms.records import CaptionRequest, Reply, ReplyKind
from transforms.words import SpatialWords

PROMPT = replace(load_prompt("place"), temperature=0.7, max_tokens=50)

SENTINEL = "sk-sentinel-4711"


class Server(http.server.ThreadingHTTPServer):
    """Answers by what the last message's caption names: right, slow, 429, 500, garbage, shape, hang."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.times: list[float] = []
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is what some tests want."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers["Authorization"])
            self.server.times.append(time.monotonic())
            seen = len(self.server.bodies)
            self.server.in_flight += 1
            self.server.most_in_flight = max(self.server.most_in_flight, self.server.in_flight)
        try:
            self._answer(body["messages"][-1]["content"], seen)
        finally:
            with self.server.lock:
                self.server.in_flight -= 1

    def _answer(self, asked: str, seen: int) -> None:
        if "slow" in asked:
            time.sleep(0.2)
        if "hang" in asked:
            time.sleep(1.5)
        if "429" in asked and seen == 1:
            return self._send(429, b'{"error": {"message": "slow down"}}', {"Retry-After": "1"})
        if "500 once" in asked and seen == 1:
            return self._send(500, b"oops", {"Retry-After": "0.05"})
        if "odd server" in asked:
            refused = next(
                (name for name in ("max_tokens", "seed", "temperature") if name in self.server.bodies[-1]), None
            )
            if refused is not None:
                return self._send(400, json.dumps({"error": {"message": f"Unsupported: {refused}"}}).encode(), {})
        if "moved" in asked:
            return self._send(307, b"", {"Location": "http://127.0.0.1:9/v1/chat/completions"})
        if "page" in asked:
            return self._send(200, b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"})
        if "stream" in asked:
            return self._send(200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', {"Content-Type": "text/event-stream"})
        if "in parts" in asked:
            parts = [{"type": "text", "text": "A dog "}, {"type": "text", "text": "barks."}]
            return self._send(200, json.dumps({"choices": [{"message": {"content": parts}}]}).encode(), {})
        if "null" in asked:
            return self._send(200, b'{"choices": [{"message": {"content": null}}]}', {})
        if "400" in asked:
            return self._send(
                400, json.dumps({"error": {"message": f"bad {self.headers['Authorization']}"}}).encode(), {}
            )
        if "garbage" in asked:
            return self._send(200, b"\xff\xfe<html>", {})
        if "shape" in asked:
            return self._send(200, b'{"choices": []}', {})
        text = "\ud800 " * 200_000 if "300 kB" in asked else f"echo: {asked[-60:]}"
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
        return self._send(200, json.dumps(answer).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def writers(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[OpenAIWriter]]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    opened: list[OpenAIWriter] = []
    yield opened
    for writer in opened:
        writer.close()


def open_writer(base_url: str | None, concurrency: int = 4, timeout_s: float = 5.0) -> OpenAIWriter:
    return OpenAIWriter(
        UserAddress(base_url),
        "m",
        {PROMPT.id: PROMPT},
        concurrency=concurrency,
        timeout_s=timeout_s,
    )


def _writer(server: Server, opened: list[OpenAIWriter], concurrency: int = 4, timeout_s: float = 5.0) -> OpenAIWriter:
    opened.append(open_writer(server.url, concurrency, timeout_s))
    return opened[-1]


def _requests(captions: Sequence[str]) -> list[CaptionRequest]:
    words = SpatialWords(direction="left")
    return [
        CaptionRequest(f"row-{number}", 0, caption, words, number, PROMPT.id) for number, caption in enumerate(captions)
    ]


def test_replies_are_in_order_with_their_tokens(server: Server, writers: list[OpenAIWriter]) -> None:
    requests = _requests([f"{'slow' if number % 2 else 'quick'} rain {number}" for number in range(10)])
    replies = _writer(server, writers).ask(requests, 0)
    assert [reply.error for reply in replies] == [None] * 10
    assert all(f"rain {number}" in reply.text for number, reply in enumerate(replies))
    assert {(reply.prompt_tokens, reply.completion_tokens) for reply in replies} == {(11, 7)}
    assert server.bodies[0]["model"] == "m"
    assert (server.bodies[0]["temperature"], server.bodies[0]["max_tokens"]) == (0.7, 50)


def test_each_request_and_attempt_has_a_seed_of_its_own(server: Server, writers: list[OpenAIWriter]) -> None:
    writer = _writer(server, writers)
    for attempt in (0, 1, 0):
        writer.ask(_requests(["rain", "wind"]), attempt)
    seeds = [frozenset(str(body["seed"]) for body in server.bodies[at : at + 2]) for at in (0, 2, 4)]
    assert seeds[0] == seeds[2]
    assert len(seeds[0] | seeds[1]) == 4


def test_requests_in_flight_are_shared_by_all_threads(server: Server, writers: list[OpenAIWriter]) -> None:
    writer = _writer(server, writers, concurrency=6)
    threads = [threading.Thread(target=writer.ask, args=(_requests(["slow"] * 6), 0)) for _ in range(3)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.most_in_flight == 6
    assert time.monotonic() - begin < 18 * 0.2


@pytest.mark.slow
def test_a_429_is_tried_again_when_the_server_says(server: Server, writers: list[OpenAIWriter]) -> None:
    (reply,) = _writer(server, writers).ask(_requests(["429"]), 0)
    assert reply.error is None
    assert len(server.times) == 2
    assert server.times[1] - server.times[0] >= 0.9


def test_a_500_is_tried_again(server: Server, writers: list[OpenAIWriter]) -> None:
    (reply,) = _writer(server, writers).ask(_requests(["500 once"]), 0)
    assert reply.error is None
    assert len(server.times) == 2


def test_what_fails_for_one_request_is_its_error_alone(server: Server, writers: list[OpenAIWriter]) -> None:
    captions = ["rain", "400", "garbage", "shape", "300 kB", "wind"]
    replies = _writer(server, writers).ask(_requests(captions), 0)
    errors = [reply.error for reply in replies]
    assert errors[0] is errors[4] is errors[5] is None
    assert errors[1] == "BadRequestError 400"
    assert str(errors[2]).startswith("unreadable")
    assert str(errors[3]).startswith("unreadable")
    assert len(replies[4].text) <= 20_000
    replies[4].text.encode()


def test_silence_ends_as_an_error(server: Server, writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_writer, "_RETRIES", 0)
    begin = time.monotonic()
    (reply,) = _writer(server, writers, timeout_s=0.3).ask(_requests(["hang"]), 0)
    assert reply.error == "APITimeoutError"
    assert time.monotonic() - begin < 1.4


def test_a_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_writer, "_RETRIES", 0)
    writer = open_writer("http://127.0.0.1:9/v1")
    assert [reply.error for reply in writer.ask(_requests(["rain", "wind"]), 0)] == ["APIConnectionError"] * 2
    writer.close()


def test_a_dead_endpoint_is_given_a_rest_and_then_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "_DOWN_AFTER_S", 0.3)
    monkeypatch.setattr(circuit_breaker, "_REST_S", 0.5)
    writer = open_writer("http://127.0.0.1:9/v1", 4)
    begin = time.monotonic()
    errors = [reply.error for reply in writer.ask(_requests([f"rain {n}" for n in range(40)]), 0)]
    # Six tries of each would take half a minute and more.
    assert time.monotonic() - begin < 5
    assert set(errors) == {"APIConnectionError", "endpoint down"}
    assert errors.count("endpoint down") >= 30
    time.sleep(0.6)
    # One of these finds out, the others do not wait for it.
    later = [reply.error for reply in writer.ask(_requests(["rain", "wind", "snow"]), 1)]
    assert sorted(map(str, later)) == ["APIConnectionError", "endpoint down", "endpoint down"]
    writer.close()


def test_an_endpoint_that_comes_back_is_asked_again(
    server: Server, writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "_DOWN_AFTER", 1)
    monkeypatch.setattr(circuit_breaker, "_DOWN_AFTER_S", 0.0)
    monkeypatch.setattr(circuit_breaker, "_REST_S", 0.2)
    writer = _writer(server, writers, timeout_s=0.3)
    assert writer.ask(_requests(["hang"]), 0)[0].error == "APITimeoutError"
    assert writer.ask(_requests(["rain"]), 0)[0].error == "endpoint down"
    time.sleep(0.3)
    assert writer.ask(_requests(["rain"]), 0)[0].error is None
    assert [reply.error for reply in writer.ask(_requests(["rain", "wind"]), 0)] == [None, None]


def test_replies_are_handed_in_as_they_come_and_a_spent_budget_asks_nothing(
    server: Server, writers: list[OpenAIWriter]
) -> None:
    seen: list[tuple[int, str]] = []
    writer = _writer(server, writers)
    writer.ask(_requests(["slow rain", "wind"]), 0, lambda at, reply: seen.append((at, reply.text[:4])))
    assert seen == [(1, "echo"), (0, "echo")]
    ledger = Ledger(None, max_requests=1)
    errors = [reply.error for reply in writer.ask(_requests(["rain", "wind"]), 0, None, Budget(ledger))]
    assert errors == [None, "budget"]
    assert len(server.bodies) == 3
    with pytest.raises(OSError, match="full"):
        writer.ask(_requests(["rain"]), 0, _full)


def _full(at: int, reply: Reply) -> None:
    raise OSError("disk full")


def test_the_key_is_sent_and_in_no_attribute_pickle_or_error(
    server: Server, writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SENTINEL)
    writer = _writer(server, writers)
    replies = writer.ask(_requests(["rain", "400"]), 0)
    assert set(server.keys) == {f"Bearer {SENTINEL}"}
    assert SENTINEL not in repr(replies) + repr(vars(writer)) + repr(writer)
    pickled = pickle.dumps(writer)
    assert SENTINEL.encode() not in pickled
    again = pickle.loads(pickled)
    writers.append(again)
    assert again.ask(_requests(["rain"]), 0)[0].error is None


def test_closing_ends_what_is_being_asked(server: Server, writers: list[OpenAIWriter]) -> None:
    writer = _writer(server, writers)
    replies: list[str | None] = []
    asking = threading.Thread(target=lambda: replies.extend(r.error for r in writer.ask(_requests(["hang"] * 2), 0)))
    asking.start()
    while not server.bodies:
        time.sleep(0.01)
    writer.close()
    asking.join(timeout=5)
    assert replies == ["closed", "closed"]


def test_a_closed_writer_starts_again(server: Server, writers: list[OpenAIWriter]) -> None:
    writer = _writer(server, writers)
    for _ in range(2):
        assert writer.ask(_requests(["rain"]), 0)[0].error is None
        writer.close()
    assert server.keys == ["Bearer none"] * 2


def test_without_a_key_it_says_so_and_names_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    writer = open_writer(None)
    with pytest.raises(WriterUnavailable, match=r"OPENAI_API_KEY.*local.*template") as caught:
        writer.ask(_requests(["rain"]), 0)
    assert "\n" not in str(caught.value)
    assert writer_unavailable_reason("openai") == str(caught.value)
    assert writer_unavailable_reason("openai", UserAddress("http://127.0.0.1:1/v1")) is None
    assert writer_unavailable_reason("template") is None
    assert "openai, local, template" in str(writer_unavailable_reason("nonsense"))


def test_parameters_that_a_server_refuses_are_left_out_of_all_requests(
    server: Server, writers: list[OpenAIWriter]
) -> None:
    writer = _writer(server, writers, concurrency=1)
    replies = writer.ask(_requests(["odd server one", "odd server two"]), 0)
    assert [reply.error for reply in replies] == [None, None]
    assert "max_completion_tokens" in server.bodies[-1]
    assert not {"max_tokens", "seed", "temperature"} & set(server.bodies[-1])
    # Three refusals, once for the process, and one request for each caption.
    assert len(server.bodies) == 5


@pytest.mark.parametrize("asked", ["page", "stream", "null", "shape", "garbage"])
def test_an_answer_that_is_no_completion_is_a_failure_of_the_endpoint(
    asked: str, server: Server, writers: list[OpenAIWriter]
) -> None:
    (reply,) = _writer(server, writers).ask(_requests([asked]), 0)
    assert reply.kind is ReplyKind.UNREADABLE
    assert reply.is_failure
    _, problem = _writer(server, writers).probe(_requests([asked])[0])
    assert problem is not None
    assert "not a chat completion" in problem


def test_a_text_in_parts_is_joined(server: Server, writers: list[OpenAIWriter]) -> None:
    (reply,) = _writer(server, writers).ask(_requests(["in parts"]), 0)
    assert reply.text == "A dog barks."


def test_a_redirect_is_not_followed(server: Server, writers: list[OpenAIWriter]) -> None:
    reply, problem = _writer(server, writers).probe(_requests(["moved"])[0])
    assert reply.is_failure
    assert problem is not None
    assert "redirects to http://127.0.0.1:9/v1/chat/completions" in problem


def test_a_probe_finds_out_at_once_that_nobody_is_there(
    server: Server, writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.captions.endpoint.errors.FIRST_WAIT_S", 0.01)
    writers.append(open_writer("http://127.0.0.1:1/v1"))
    reply, problem = writers[-1].probe(_requests(["anything"])[0])
    assert reply.is_failure
    assert problem is not None
    assert "cannot be reached" in problem
    reply, problem = _writer(server, writers).probe(_requests(["a dog"])[0])
    assert (reply.is_answer, problem) == (True, None)


@pytest.mark.parametrize("key", ["sk-ключ", "sk-one\nsk-two", "sk with spaces"])
def test_a_key_that_no_header_takes_is_named_before_anything_starts(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    reason = writer_unavailable_reason("openai", UserAddress("http://127.0.0.1:9/v1"))
    assert reason is not None
    assert key not in reason
    assert reason.isprintable()


def test_an_endpoint_that_has_lost_its_key_is_given_a_rest(
    writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million captions would each be refused by an endpoint that refuses everybody."""
    monkeypatch.setattr(circuit_breaker, "_DOWN_AFTER_S", 0.0)
    with chat_server(lambda message, number: Raw(b'{"error": "no key"}', 401)) as server:
        writers.append(open_writer(server.base_url, concurrency=1))
        errors = [reply.error for reply in writers[-1].ask(_requests([f"rain {n}" for n in range(40)]), 0)]
        assert len(server.requests) == 5
    assert errors.count("endpoint down") == 35


def test_a_filter_in_front_of_the_model_refuses_as_a_model_does(
    writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With caption.on_failure=stop a caption that is always filtered would keep a release from its end."""
    filtered = Raw(b'{"error": {"code": "content_filter", "message": "filtered"}}', 400)
    with chat_server(lambda message, number: filtered) as server:
        writers.append(open_writer(server.base_url))
        (reply,) = writers[-1].ask(_requests(["rain"]), 0)
        _, problem = writers[-1].probe(_requests(["rain"])[0])
    assert (reply.kind, problem) == (ReplyKind.REFUSAL, None)


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("http://127.0.0.1:1/v1", "Connection refused"),
        ("http://no.such.host.invalid/v1", "Name or service not known|Temporary failure in name resolution"),
    ],
)
def test_a_connection_that_breaks_is_said_in_the_words_of_the_system(
    base_url: str, why: str, writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.captions.endpoint.errors.FIRST_WAIT_S", 0.01)
    writers.append(open_writer(base_url))
    _, problem = writers[-1].probe(_requests(["rain"])[0])
    assert problem is not None
    assert re.search(f"cannot be reached: ({why})$", problem)


def test_a_server_that_speaks_no_tls_is_said_to(
    server: Server, writers: list[OpenAIWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.captions.endpoint.errors.FIRST_WAIT_S", 0.01)
    writers.append(open_writer(server.url.replace("http:", "https:")))
    _, problem = writers[-1].probe(_requests(["rain"])[0])
    assert problem is not None
    assert "no TLS" in problem


def test_a_writer_that_nobody_closed_is_closed_before_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    # "terminate called without an active exception": a thread was still in a library.
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    monkeypatch.setattr(atexit, "unregister", at_exit.remove)
    address = UserAddress("http://127.0.0.1:9/v1")
    writer = OpenAIWriter(address, "small", {PROMPT.id: PROMPT}, concurrency=1, timeout_s=5.0)
    writer._running_loop()
    thread = writer._thread
    (close,) = at_exit
    close()
    assert thread is not None
    assert not thread.is_alive()
    assert at_exit == []
