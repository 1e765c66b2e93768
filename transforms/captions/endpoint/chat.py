"""Chat requests and completions: what an endpoint is sent, and what its answer says in any shape."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prompts import Prompt
from transforms.captions.check.clean import without_reasoning
from transforms.captions.scenes.scene_text import chat_of
from transforms.records import CaptionRequest, Reply, ReplyKind
from transforms.seeds import derive_seed

# An answer is one sentence. A longer text is cut here, so that no release carries it, and is then refused.
_LONGEST_REPLY_CHARS = 20_000

#: Types of the parts of a message that are no text for the reader.
_SILENT_PARTS = ("reasoning", "thinking", "refusal")


def chat_body(model: str, prompt: Prompt, request: CaptionRequest, attempt: int) -> dict[str, Any]:
    """What /v1/chat/completions is sent for a request, at once or in a batch."""
    return {
        "model": model,
        "messages": chat_of(prompt, request),
        "temperature": prompt.temperature,
        "max_tokens": prompt.max_tokens,
        # Servers take a signed 32-bit seed at least.
        "seed": derive_seed(request.question_seed, attempt) % 2**31,
    }


def reply_of_body(data: bytes) -> Reply:
    """The reply in the body of a response with status 200."""
    text = data.decode("utf-8", "replace")
    try:
        return reply_of(json.loads(text))
    except (ValueError, RecursionError):
        start = text.lstrip()[:20].lower()
        kind = "not JSON"
        if start.startswith(("data:", "event:")):
            kind = "an event stream"
        elif start.startswith("<"):
            kind = "a page of HTML"
        return _unreadable(kind)


def reply_of(completion: Any) -> Reply:
    """The text and the tokens of a completion."""
    choices, usage = _field(completion, "choices"), _field(completion, "usage")
    tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if not isinstance(choices, list) or not choices:
        return _unreadable("no choices", *tokens)
    message, end = _field(choices[0], "message"), _field(choices[0], "finish_reason")
    text = _text_of(_field(message, "content"))
    if not text and (_field(message, "refusal") or end == "content_filter"):
        return Reply("", ReplyKind.REFUSAL.value, *tokens)
    if end == "length" and not without_reasoning(text or "").strip():
        return _unreadable("no text within caption.max_tokens", *tokens)
    if text is None:
        return _unreadable("no text", *tokens)
    if len(text) > _LONGEST_REPLY_CHARS:
        text = without_reasoning(text)[:_LONGEST_REPLY_CHARS]
    return Reply(text.encode("utf-8", "replace").decode(), None, *tokens)


def _unreadable(kind: str, prompt_tokens: int | None = None, completion_tokens: int | None = None) -> Reply:
    return Reply("", f"{ReplyKind.UNREADABLE.value}: {kind}", prompt_tokens, completion_tokens)


def _text_of(content: Any) -> str | None:
    """The text of a message: a string, or a list of parts, which are joined; None where it has none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return None
    parts = [
        part if isinstance(part, str) else _field(part, "text")
        for part in content
        if isinstance(part, str) or _field(part, "type") not in _SILENT_PARTS
    ]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if texts else None


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _count(usage: Any, name: str) -> int | None:
    value = _field(usage, name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None
