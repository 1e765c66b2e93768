"""The writer that asks an endpoint which speaks OpenAI's chat protocol."""

from __future__ import annotations

import asyncio
import concurrent.futures
import email.utils
import json
import math
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prompts import Prompt
from transforms.captions.answer_budget import SPENT, WAIT, Purse
from transforms.records import CaptionRequest, Reply
from transforms.seeds import derive_seed

if TYPE_CHECKING:
    from openai import AsyncOpenAI

from transforms.captions.writers import (
    KEY_VARIABLE,
    NOT_ASKED,
    Arrived,
    WriterUnavailable,
    writer_unavailable_reason,
)

_RETRIES = 5

# Waits between tries in seconds: the first, the longest of our own, and the longest that a server may ask for.
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LONGEST_RETRY_AFTER_S = 0.5, 8.0, 120.0

# An endpoint is down after so many broken connections in a row, the first of them so long ago; then nothing is asked
# for a while, twice as long each time that it is still down.
_DOWN_AFTER, _DOWN_AFTER_S, _REST_S, _LONGEST_REST_S = 5, 5.0, 15.0, 120.0

# An answer is one sentence; what is longer than this is cut here, so that no release carries it, and then refused.
_LONGEST_REPLY_CHARS = 20_000


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
        from openai import AsyncOpenAI

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
        )

    async def _ask_one(self, request: CaptionRequest, attempt: int, purse: Purse | None) -> Reply:
        client, slots = self._client, self._slots
        if client is None or slots is None:
            return Reply(error="closed")
        body = chat_body(self.model, self.prompt, request, attempt, self.temperature, self.max_tokens)
        async with slots:
            if self._breaker.blocks():
                return Reply(error=NOT_ASKED[1])
            if purse is None:
                return (await self._try(client, body))[0]
            most_usd = purse.most_usd(len(json.dumps(body["messages"]).encode()), self.max_tokens)
            if not await self._admitted(purse, most_usd):
                return Reply(error=NOT_ASKED[0])
            # Until its cost is known a request counts with the most that it can cost, also where it is cut off.
            cost_usd = most_usd
            try:
                reply, timeouts = await self._try(client, body)
                cost_usd = purse.usd(reply, most_usd) + timeouts * most_usd
            finally:
                purse.ledger.settle(most_usd, cost_usd)
            return reply

    async def _admitted(self, purse: Purse, most_usd: float) -> bool:
        """Waits while requests in flight may leave something over, but not for ever: another worker may have died."""
        deadline = time.monotonic() + 2 * self.timeout_s
        while (said := purse.ledger.admit(most_usd)) == WAIT:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return said != SPENT

    async def _try(self, client: AsyncOpenAI, body: dict[str, Any]) -> tuple[Reply, int]:
        """The reply to a request after as many tries as it takes, and how many of them ended in a timeout."""
        from openai import APITimeoutError, OpenAIError

        timeouts = 0
        for number in range(_RETRIES + 1):
            await self._held()
            try:
                # Not chat.completions.create: its walk over the body's types is half of what a request takes here.
                completion = await client.post("/chat/completions", cast_to=object, body=body)
                self._breaker.heard()
                return reply_of(completion), timeouts
            except OpenAIError as failure:
                error = failure
                timeouts += isinstance(error, APITimeoutError)
                self._breaker.failed() if _is_away(error) else self._breaker.heard()
                wait_s = _wait_s(error, number)
                if number == _RETRIES or wait_s is None or self._breaker.is_open:
                    return Reply(error=_short_error(error)), timeouts
            # A server that answers with what is no completion ends up here: garbage, another shape, a half line.
            except Exception as unreadable:
                self._breaker.heard()
                return Reply(error=f"unreadable: {type(unreadable).__name__}"), timeouts
            if _retry_after_s(error) is not None:
                self._hold_until = max(self._hold_until, time.monotonic() + wait_s)
            else:
                await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns")

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
    choices, usage = _field(completion, "choices"), _field(completion, "usage")
    if not isinstance(choices, Sequence) or not choices:
        return Reply(error="unreadable: no choices")
    message = _field(choices[0], "message")
    text = _field(message, "content")
    if not isinstance(text, str):
        if not _field(message, "refusal"):
            return Reply(error="unreadable: no text")
        return Reply("", "refusal", _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    return Reply(
        text=text[:_LONGEST_REPLY_CHARS].encode("utf-8", "replace").decode(),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _count(usage: Any, name: str) -> int | None:
    value = _field(usage, name)
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _is_away(error: Exception) -> bool:
    """True where nobody answered: a broken connection, a timeout, or a gateway that says the same."""
    from openai import APIConnectionError

    return isinstance(error, APIConnectionError) or getattr(error, "status_code", None) in (502, 503, 504)


def _wait_s(error: Exception, number: int) -> float | None:
    """Seconds to wait after the failed try `number`; None where trying again does not help."""
    from openai import APIConnectionError

    status = getattr(error, "status_code", None)
    if not isinstance(error, APIConnectionError) and not (status in (408, 409, 429) or (status or 0) >= 500):
        return None
    asked_for = _retry_after_s(error)
    if asked_for is not None:
        return asked_for if asked_for <= _LONGEST_RETRY_AFTER_S else None
    return min(_FIRST_WAIT_S * 2**number, _LONGEST_WAIT_S) * (1 - 0.25 * random.random())


def _retry_after_s(error: Exception) -> float | None:
    """Seconds that the server asks to be left alone, from either form of Retry-After; None where it asks nothing."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    return None


def _short_error(error: Exception) -> str:
    """The kind of error and its status; not its message, in which a server may repeat the request or the key."""
    status = getattr(error, "status_code", None)
    return type(error).__name__ + (f" {status}" if status is not None else "")
