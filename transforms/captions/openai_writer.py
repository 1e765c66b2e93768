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
from transforms.captions.answer_budget import SPENT, WAIT, Budget
from transforms.captions.endpoint.address import UserAddress
from transforms.captions.endpoint.chat import chat_body, reply_of_body
from transforms.captions.endpoint.circuit_breaker import CircuitBreaker
from transforms.captions.endpoint.client import KEY_VARIABLE, connect
from transforms.captions.endpoint.errors import (
    is_filtered,
    refused_parameter,
    refuses_everybody,
    retry_after_s,
    short_error,
    wait_s,
    why_unusable,
    without_parts,
)
from transforms.captions.writers import Arrived, WriterUnavailable, writer_unavailable_reason
from transforms.records import CaptionRequest, Reply, ReplyKind

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_RETRIES = 5


@dataclass(frozen=True)
class _Tried:
    """The outcome of a request: its reply, how many of its tries ended in a timeout, and the last error."""

    reply: Reply
    timeouts: int
    error: Exception | None = None


class OpenAIWriter:
    """Asks anything that speaks OpenAI's chat protocol, `concurrency` requests at once for all threads of the process.

    The key is read from OPENAI_API_KEY when a connection is made and is no attribute; a pickle holds the settings only.
    408, 409, 429, 5xx, timeouts and broken connections are retried with backoff and jitter, and a Retry-After holds
    back all requests. A parameter that the endpoint refuses is left out from then on. While the endpoint is down,
    requests fail at once.
    """

    name = "openai"
    _loop: asyncio.AbstractEventLoop | None
    _thread: threading.Thread | None
    _client: AsyncOpenAI | None
    _slots: asyncio.Semaphore | None

    def __init__(
        self,
        address: UserAddress,
        model: str,
        prompts: Mapping[str, Prompt],
        *,
        concurrency: int,
        timeout_s: float,
    ):
        self.address = address
        self.model = model
        self.prompts = dict(prompts)
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self._start_empty()

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        budget: Budget | None = None,
    ) -> list[Reply]:
        loop = self._running_loop()

        async def ask_one(index: int) -> Reply:
            reply = await self._ask_one(requests[index], attempt, budget)
            if arrived is not None:
                arrived(index, reply)
            return reply

        futures = [asyncio.run_coroutine_threadsafe(ask_one(index), loop) for index in range(len(requests))]
        return [_result(future) for future in futures]

    def body(self, request: CaptionRequest, attempt: int) -> dict[str, Any]:
        """What the endpoint is sent for a request."""
        return chat_body(self.model, self.prompts[request.prompt], request, attempt)

    def probe(self, request: CaptionRequest, attempt: int = 0) -> tuple[Reply, str | None]:
        """Asks one question before all others, and says in one line why no request can succeed.

        Returns:
            The reply, and None where the endpoint works or its trouble may pass.

        Raises:
            WriterUnavailable: when there is no key and no address.
        """
        return asyncio.run_coroutine_threadsafe(self._probe(request, attempt), self._running_loop()).result()

    async def _probe(self, request: CaptionRequest, attempt: int) -> tuple[Reply, str | None]:
        assert self._client is not None
        tried = await self._try(self._client, self.body(request, attempt), retries=1)
        if tried.error is not None:
            key = os.environ.get(KEY_VARIABLE)
            return tried.reply, why_unusable(tried.error, self.address.url, key, self.timeout_s)
        if tried.reply.kind is ReplyKind.UNREADABLE:
            what = f"something that is not a chat completion ({tried.reply.error})"
            return tried.reply, f"{self.address} answers with {what}"
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
        self._breaker = CircuitBreaker()
        self._hold_until = 0.0
        self._refused_parts: set[str] = set()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                reason = writer_unavailable_reason("openai", self.address)
                if reason:
                    raise WriterUnavailable(reason)
                self._client = connect(self.address, self.timeout_s)
                self._slots = asyncio.Semaphore(self.concurrency)
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="caption-writer", daemon=True)
                self._thread.start()
            return self._loop

    async def _ask_one(self, request: CaptionRequest, attempt: int, budget: Budget | None) -> Reply:
        client, slots = self._client, self._slots
        if client is None or slots is None:
            return Reply(error="closed")
        body = self.body(request, attempt)
        async with slots:
            if self._breaker.blocks():
                return Reply(error=ReplyKind.ENDPOINT_DOWN.value)
            if budget is None:
                return (await self._try(client, body)).reply
            most_usd = most_cost_usd(body, budget)
            if not await self._admitted(budget, most_usd):
                return Reply(error=ReplyKind.OVER_BUDGET.value)
            # Until its cost is known a request counts with the most that it can cost, also where it is cut off.
            cost_usd = most_usd
            try:
                tried = await self._try(client, body, may_drop_limit=budget.price is None)
                cost_usd = budget.usd(tried.reply, most_usd) + tried.timeouts * most_usd
            finally:
                budget.ledger.settle(most_usd, cost_usd)
            return tried.reply

    async def _admitted(self, budget: Budget, most_usd: float) -> bool:
        """Waits while requests in flight may leave something over, but not for ever: another worker may have died."""
        deadline = time.monotonic() + 2 * self.timeout_s
        while (admission := budget.ledger.admit(most_usd)) == WAIT:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return admission != SPENT

    async def _try(
        self, client: AsyncOpenAI, body: dict[str, Any], *, retries: int | None = None, may_drop_limit: bool = True
    ) -> _Tried:
        """Sends a request as often as it takes; None is as many retries as every request has."""
        from openai import APITimeoutError, OpenAIError

        probing, retries = retries is not None, _RETRIES if retries is None else retries
        timeouts = number = 0
        while True:
            await self._wait_for_retry_after()
            sent = without_parts(body, self._refused_parts)
            try:
                data = await self._post(client, sent)
                self._breaker.succeeded()
                return _Tried(reply_of_body(data), timeouts)
            except OpenAIError as failure:
                error = failure
                refused = refused_parameter(error, sent, may_drop_limit=may_drop_limit)
                if refused is not None:
                    # Known for all requests from now on; each part is refused once, so this ends.
                    self._refused_parts.add(refused)
                    self._breaker.succeeded()
                    continue
                timeouts += isinstance(error, APITimeoutError)
                self._breaker.failed() if refuses_everybody(error) else self._breaker.succeeded()
                seconds = wait_s(error, number)
                hopeless = probing and isinstance(error, APITimeoutError)
                if number == retries or seconds is None or self._breaker.is_open or hopeless:
                    declined = ReplyKind.REFUSAL.value if is_filtered(error) else short_error(error)
                    return _Tried(Reply(error=declined), timeouts, error)
            # A server that answers with something else than HTTP ends up here: garbage, half a line, an endless body.
            except Exception as unreadable:
                self._breaker.succeeded()
                return _Tried(Reply(error=f"{ReplyKind.UNREADABLE.value}: {type(unreadable).__name__}"), timeouts)
            number += 1
            if retry_after_s(error) is not None:
                self._hold_until = max(self._hold_until, time.monotonic() + seconds)
            else:
                await asyncio.sleep(seconds)

    async def _post(self, client: AsyncOpenAI, body: dict[str, Any]) -> bytes:
        """The body of the answer. There is one deadline for all of it: the client's own counts from read to read."""
        import httpx2
        from openai import APITimeoutError

        try:
            async with asyncio.timeout(self.timeout_s):
                # Not chat.completions.create: its walk over the body's types is half of what a request takes here.
                response = await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
        except TimeoutError as error:
            raise APITimeoutError(httpx2.Request("POST", client.base_url)) from error
        return response.content

    async def _wait_for_retry_after(self) -> None:
        """Waits as long as the server has asked for, and a little longer, so that not all come back at once."""
        while (left_s := self._hold_until - time.monotonic()) > 0:
            await asyncio.sleep(left_s + 0.2 * random.random())


def most_cost_usd(body: Mapping[str, Any], budget: Budget) -> float:
    """The most that a request can cost, in US dollars."""
    return budget.most_usd(len(json.dumps(body["messages"]).encode()), body["max_tokens"])


async def _finish(client: AsyncOpenAI | None) -> None:
    """Cancels what is still being asked, so that nobody waits for it for ever."""
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
