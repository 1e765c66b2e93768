"""The writer that asks an endpoint which speaks OpenAI's chat protocol."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prompts import Prompt
from transforms.captions.answer_budget import SPENT, WAIT, Purse
from transforms.captions.endpoint_errors import (
    is_away,
    refused_parameter,
    retry_after_s,
    short_error,
    wait_s,
    why_unusable,
    without_parts,
)
from transforms.captions.writers import KEY_VARIABLE, Arrived, WriterUnavailable, writer_unavailable_reason
from transforms.records import CaptionRequest, Reply, ReplyKind
from transforms.seeds import derive_seed

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_RETRIES = 5

# An endpoint is down after so many broken connections in a row, the first of them so long ago; then nothing is asked
# for a while, twice as long each time that it is still down.
_DOWN_AFTER, _DOWN_AFTER_S, _REST_S, _LONGEST_REST_S = 5, 5.0, 15.0, 120.0

# An answer is one sentence; what is longer than this is cut here, so that no release carries it, and then refused.
_LONGEST_REPLY_CHARS = 20_000


@dataclass(frozen=True)
class _Tried:
    """What a request came to: its reply, how many of its tries ended in a timeout, and the last error."""

    reply: Reply
    timeouts: int
    error: Exception | None = None


class OpenAIWriter:
    """Asks anything that speaks OpenAI's chat protocol, `concurrency` requests at once for all threads of the process.

    The key is read from OPENAI_API_KEY when a connection is made and is no attribute; a pickle holds the settings only.
    408, 409, 429, 5xx, timeouts and broken connections are tried again with backoff and jitter; a Retry-After holds all
    requests back. While the endpoint is down, requests fail at once instead of each waiting for itself.
    """

    name = "openai"
    _loop: asyncio.AbstractEventLoop | None
    _thread: threading.Thread | None
    _client: AsyncOpenAI | None
    _slots: asyncio.Semaphore | None

    def __init__(
        self,
        base_url: str | None,
        model: str,
        prompt: Prompt,
        temperature: float,
        max_tokens: int,
        concurrency: int = 16,
        timeout_s: float = 60.0,
    ):
        self.base_url = base_url
        self.model = model
        self.prompt = prompt
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self._start_empty()

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        purse: Purse | None = None,
    ) -> list[Reply]:
        """One reply a request; raises `WriterUnavailable` when there is no key and no `base_url`."""
        loop = self._running_loop()

        async def one(at: int) -> Reply:
            reply = await self._ask_one(requests[at], attempt, purse)
            if arrived is not None:
                arrived(at, reply)
            return reply

        futures = [asyncio.run_coroutine_threadsafe(one(at), loop) for at in range(len(requests))]
        return [_result(future) for future in futures]

    def probe(self, request: CaptionRequest, attempt: int = 0) -> tuple[Reply, str | None]:
        """Asks one question before all others, and says in one line why no request can succeed.

        Returns:
            The reply, and None where the endpoint works or its trouble may pass.

        Raises:
            WriterUnavailable: when there is no key and no `base_url`.
        """
        return asyncio.run_coroutine_threadsafe(self._probe(request, attempt), self._running_loop()).result()

    async def _probe(self, request: CaptionRequest, attempt: int) -> tuple[Reply, str | None]:
        assert self._client is not None
        body = chat_body(self.model, self.prompt, request, attempt, self.temperature, self.max_tokens)
        tried = await self._try(self._client, body, retries=1)
        if tried.error is not None:
            return tried.reply, why_unusable(tried.error, self.base_url, os.environ.get(KEY_VARIABLE), self.timeout_s)
        if tried.reply.kind is ReplyKind.UNREADABLE:
            address = self.base_url or "the provider's own address"
            return tried.reply, f"{address} answers with something that is not a chat completion ({tried.reply.error})"
        return tried.reply, None

    def close(self) -> None:
        with self._lock:
            loop, thread, client = self._loop, self._thread, self._client
            self._loop, self._thread, self._client = None, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_finish(client), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start_empty()

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._loop = None
        self._thread = None
        self._client = None
        self._slots = None
        self._breaker = _Breaker()
        self._hold_until = 0.0
        self._refused_parts: set[str] = set()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._client = self._connect()
                self._slots = asyncio.Semaphore(self.concurrency)
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="caption-writer", daemon=True)
                self._thread.start()
            return self._loop

    def _connect(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        reason = writer_unavailable_reason("openai", self.base_url)
        if reason:
            raise WriterUnavailable(reason)
        return AsyncOpenAI(
            # A server of one's own asks for no key, and the package insists on one.
            api_key=os.environ.get(KEY_VARIABLE) or "none",
            base_url=self.base_url,
            timeout=self.timeout_s,
            # Tries are counted here, as all requests share what one of them learns of the endpoint.
            max_retries=0,
            # A redirect is an address that the user did not name.
            http_client=DefaultAsyncHttpxClient(follow_redirects=False, timeout=self.timeout_s),
        )

    async def _ask_one(self, request: CaptionRequest, attempt: int, purse: Purse | None) -> Reply:
        client, slots = self._client, self._slots
        if client is None or slots is None:
            return Reply(error="closed")
        body = chat_body(self.model, self.prompt, request, attempt, self.temperature, self.max_tokens)
        async with slots:
            if self._breaker.blocks():
                return Reply(error=ReplyKind.ENDPOINT_DOWN.value)
            if purse is None:
                return (await self._try(client, body)).reply
            most_usd = purse.most_usd(len(json.dumps(body["messages"]).encode()), self.max_tokens)
            if not await self._admitted(purse, most_usd):
                return Reply(error=ReplyKind.OVER_BUDGET.value)
            # Until its cost is known a request counts with the most that it can cost, also where it is cut off.
            cost_usd = most_usd
            try:
                tried = await self._try(client, body)
                cost_usd = purse.usd(tried.reply, most_usd) + tried.timeouts * most_usd
            finally:
                purse.ledger.settle(most_usd, cost_usd)
            return tried.reply

    async def _admitted(self, purse: Purse, most_usd: float) -> bool:
        """Waits while requests in flight may leave something over, but not for ever: another worker may have died."""
        deadline = time.monotonic() + 2 * self.timeout_s
        while (said := purse.ledger.admit(most_usd)) == WAIT:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return said != SPENT

    async def _try(self, client: AsyncOpenAI, body: dict[str, Any], retries: int | None = None) -> _Tried:
        """Sends a request as often as it takes; None is as many retries as every request has."""
        from openai import APITimeoutError, OpenAIError

        probing, retries = retries is not None, _RETRIES if retries is None else retries
        timeouts = number = 0
        while True:
            await self._held()
            sent = without_parts(body, self._refused_parts)
            try:
                # Not chat.completions.create: its walk over the body's types is half of what a request takes here.
                completion = await client.post("/chat/completions", cast_to=object, body=sent)
                self._breaker.heard()
                return _Tried(reply_of(completion), timeouts)
            except OpenAIError as failure:
                error = failure
                refused = refused_parameter(error, sent)
                if refused is not None:
                    # Known for all requests from now on; each part is refused once, so this ends.
                    self._refused_parts.add(refused)
                    self._breaker.heard()
                    continue
                timeouts += isinstance(error, APITimeoutError)
                self._breaker.failed() if is_away(error) else self._breaker.heard()
                seconds = wait_s(error, number)
                hopeless = probing and isinstance(error, APITimeoutError)
                if number == retries or seconds is None or self._breaker.is_open or hopeless:
                    return _Tried(Reply(error=short_error(error)), timeouts, error)
            # A server that answers with something else than a completion ends up here: garbage, or half a line.
            except Exception as unreadable:
                self._breaker.heard()
                return _Tried(Reply(error=f"{ReplyKind.UNREADABLE.value}: {type(unreadable).__name__}"), timeouts)
            number += 1
            if retry_after_s(error) is not None:
                self._hold_until = max(self._hold_until, time.monotonic() + seconds)
            else:
                await asyncio.sleep(seconds)

    async def _held(self) -> None:
        """Waits as long as the server has asked for, and a little longer, so that not all come back at once."""
        while (left_s := self._hold_until - time.monotonic()) > 0:
            await asyncio.sleep(left_s + 0.2 * random.random())


class _Breaker:
    """Whether an endpoint is worth asking: open, and so closed to requests, after broken connections in a row."""

    def __init__(self) -> None:
        self._failures = 0
        self._first_failure = 0.0
        self._rest_s = _REST_S
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def blocks(self) -> bool:
        """True while the endpoint rests; after that one request may find out, the others rest on."""
        if self._open_until is None:
            return False
        now = time.monotonic()
        if now < self._open_until:
            return True
        # Another may try where this one is never heard of again.
        self._open_until, self._probing = now + self._rest_s, True
        return False

    def heard(self) -> None:
        """The endpoint has answered, whatever it said."""
        self._failures, self._open_until = 0, None
        self._rest_s, self._probing = _REST_S, False

    def failed(self) -> None:
        """A connection was refused or broke, or nothing came."""
        now = time.monotonic()
        self._failures += 1
        if self._failures == 1:
            self._first_failure = now
        if self._open_until is None:
            if self._failures >= _DOWN_AFTER and now - self._first_failure >= _DOWN_AFTER_S:
                self._open_until = now + self._rest_s
        elif self._probing:
            self._rest_s, self._probing = min(2 * self._rest_s, _LONGEST_REST_S), False
            self._open_until = now + self._rest_s


def chat_body(
    model: str, prompt: Prompt, request: CaptionRequest, attempt: int, temperature: float, max_tokens: int
) -> dict[str, Any]:
    """What /v1/chat/completions is sent for a request, at once or in a batch."""
    return {
        "model": model,
        "messages": prompt.messages(request.caption, request.words.present()),
        "temperature": temperature,
        "max_tokens": max_tokens,
        # Servers take a signed 32-bit seed at least.
        "seed": derive_seed(request.question_seed, attempt) % 2**31,
    }


async def _finish(client: AsyncOpenAI | None) -> None:
    """Ends what is still being asked, so that nobody waits for it for ever."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if client is not None:
        await client.close()


def _result(future: concurrent.futures.Future[Reply]) -> Reply:
    try:
        return future.result()
    except concurrent.futures.CancelledError:
        return Reply(error="closed")


def reply_of(completion: Any) -> Reply:
    """The text and the tokens of a completion, object or plain values, of whatever shape a server gave it."""
    if isinstance(completion, str | bytes):
        return Reply(error=f"{ReplyKind.UNREADABLE.value}: not JSON")
    choices, usage = _field(completion, "choices"), _field(completion, "usage")
    if not isinstance(choices, Sequence) or not choices:
        return Reply(error=f"{ReplyKind.UNREADABLE.value}: no choices")
    message = _field(choices[0], "message")
    text = _text_of(_field(message, "content"))
    if text is None:
        if not _field(message, "refusal"):
            return Reply(error=f"{ReplyKind.UNREADABLE.value}: no text")
        refusal = ReplyKind.REFUSAL.value
        return Reply("", refusal, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    return Reply(
        text=text[:_LONGEST_REPLY_CHARS].encode("utf-8", "replace").decode(),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _text_of(content: Any) -> str | None:
    """The text of a message's content: a string, or a list of parts that are joined; None where there is no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part if isinstance(part, str) else _field(part, "text") for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if texts else None


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _count(usage: Any, name: str) -> int | None:
    value = _field(usage, name)
    return value if isinstance(value, int) and 0 <= value < 2**31 else None
