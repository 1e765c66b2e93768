"""The budget of a model: prices, limits, and a ledger that all workers of a machine share and that outlives a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from transforms.records import Reply
from transforms.storage import folder_files
from transforms.storage.folder_files import FileIn

__all__ = ["ADMITTED", "SPENT", "WAIT", "Budget", "Ledger", "Price", "Spending"]

#: What `Ledger.admit` returns: ask now; try again in a moment, when requests in flight are paid; ask no more.
ADMITTED, WAIT, SPENT = "admitted", "wait", "spent"

_RECORD_BYTES = 256


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    prompt: float
    completion: float

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True)
class Spending:
    """What has been spent: requests, US dollars, and the most that requests in flight may cost in US dollars."""

    requests: int = 0
    usd: float = 0.0
    reserved_usd: float = 0.0


class Ledger:
    """Counts requests and their cost up to a limit. With a file, all processes of a machine share it.

    A request is admitted at the most that it can cost, and settled at what it did cost. A request that a kill leaves
    unsettled stays counted at its most, so a budget is never overdrawn.
    """

    def __init__(self, file: FileIn | None, max_requests: int | None = None, max_cost_usd: float | None = None) -> None:
        self.file = file
        self.max_requests = max_requests
        self.max_cost_usd = max_cost_usd
        self._own = Spending()

    def admit(self, most_usd: float) -> str:
        """Counts one more request of at most this cost, or says that it has to wait or may not be sent."""
        with self._opened() as (spending, write):
            if self.max_requests is not None and spending.requests >= self.max_requests:
                return SPENT
            if self.max_cost_usd is not None:
                if spending.usd + most_usd > self.max_cost_usd:
                    return SPENT
                if spending.usd + spending.reserved_usd + most_usd > self.max_cost_usd:
                    return WAIT
            write(Spending(spending.requests + 1, spending.usd, spending.reserved_usd + most_usd))
            return ADMITTED

    def settle(self, most_usd: float, usd: float) -> None:
        """Counts what an admitted request did cost."""
        with self._opened() as (spending, write):
            write(Spending(spending.requests, spending.usd + usd, spending.reserved_usd - most_usd))

    def begin(self, spent: Spending) -> None:
        """Starts a build: counts requests in flight as spent, or takes `spent` where there is no ledger yet."""
        with self._opened() as (spending, write):
            known = spending if spending.requests else spent
            write(Spending(known.requests, known.usd + known.reserved_usd))

    def read(self) -> Spending:
        """What is spent so far."""
        with self._opened() as (spending, _):
            return spending

    @contextmanager
    def _opened(self) -> Iterator[tuple[Spending, Callable[[Spending], None]]]:
        """The spending and a function that replaces it, while no other process can touch it."""
        if self.file is None:
            yield self._own, self._replace
            return
        import fcntl

        file = folder_files.open_for_writing(self.file.folder, self.file.name, os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield _parse(os.pread(file, _RECORD_BYTES, 0)), _Write(file)
        finally:
            os.close(file)

    def _replace(self, spending: Spending) -> None:
        self._own = spending


class _Write:
    """Writes a record of fixed length in one call, so a kill leaves the old one or the new one."""

    def __init__(self, file: int) -> None:
        self.file = file

    def __call__(self, spending: Spending) -> None:
        text = json.dumps([spending.requests, round(spending.usd, 12), round(spending.reserved_usd, 12)])
        os.pwrite(self.file, text.encode().ljust(_RECORD_BYTES), 0)


def _parse(data: bytes) -> Spending:
    try:
        requests, usd, reserved_usd = json.loads(data)
        return Spending(int(requests), float(usd), float(reserved_usd))
    except (ValueError, TypeError):
        return Spending()


@dataclass(frozen=True)
class Budget:
    """A ledger with the price of the model; without a price only requests are counted."""

    ledger: Ledger
    price: Price | None = None

    def most_usd(self, prompt_bytes: int, max_tokens: int) -> float:
        """The most that a request can cost, as no token is shorter than a byte."""
        return self.price.usd(prompt_bytes, max_tokens) if self.price is not None else 0.0

    def usd(self, reply: Reply, most_usd: float) -> float:
        """What a reply has cost: the most where the server counts no tokens, nothing for an error."""
        if self.price is None or reply.ends_question:
            return 0.0
        if reply.prompt_tokens is None or reply.completion_tokens is None:
            return most_usd
        return self.price.usd(reply.prompt_tokens, reply.completion_tokens)
