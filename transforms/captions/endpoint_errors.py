"""What an endpoint's error means: whether a retry helps, which parameter it refuses, and the server's own sentence."""

from __future__ import annotations

import email.utils
import math
import random
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# Waits between tries in seconds: the first, the longest of our own, and the longest that a server may ask for.
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_RETRY_AFTER_S = 0.5, 8.0, 120.0
#: The longest sentence of a server that is shown, in characters.
_LONGEST_SENTENCE_CHARS = 300
#: Parameters that some servers refuse, and that a request can do without. The order matters: a server that wants
#: max_completion_tokens names both of these.
_OPTIONAL_PARAMETERS = ("max_tokens", "max_completion_tokens", "seed", "temperature")


def is_away(error: Exception) -> bool:
    """Whether nobody answered: a broken connection, a timeout, or a gateway that reports one."""
    from openai import APIConnectionError

    return isinstance(error, APIConnectionError) or status_of(error) in (502, 503, 504)


def status_of(error: Exception) -> int | None:
    """The HTTP status of an error, or None for one without a response."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed later: 408, 409, 429, 5xx, timeouts and broken connections."""
    from openai import APIConnectionError

    status = status_of(error) or 0
    return isinstance(error, APIConnectionError) or status in (408, 409, 429) or status >= 500


def wait_s(error: Exception, number: int) -> float | None:
    """Seconds to wait after the failed try `number`, counted from 0; None where another try does not help."""
    if not is_transient(error):
        return None
    asked_for = retry_after_s(error)
    if asked_for is not None:
        return asked_for if asked_for <= LONGEST_RETRY_AFTER_S else None
    return min(FIRST_WAIT_S * 2**number, LONGEST_WAIT_S) * (1 - 0.25 * random.random())


def retry_after_s(error: Exception) -> float | None:
    """Seconds that the server asks to wait, from either form of Retry-After; None where it does not ask."""
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


def short_error(error: Exception) -> str:
    """The kind of an error and its status, without its message, in which a server may repeat the request or the key."""
    status = status_of(error)
    return type(error).__name__ + (f" {status}" if status is not None else "")


def refused_parameter(error: Exception, body: Mapping[str, Any]) -> str | None:
    """The part of a request that a server refuses by name: a parameter, or `system` for the system message.

    Args:
        error: the server's error.
        body: the request that was refused.

    Returns:
        None unless the status is 400 or 422 and the server's message names a part that the request has.
    """
    if status_of(error) not in (400, 422):
        return None
    message = _message(error)
    for name in _OPTIONAL_PARAMETERS:
        if name in body and re.search(rf"\b{name}\b", message):
            return name
    has_system = any(entry.get("role") == "system" for entry in body.get("messages", ()))
    return "system" if has_system and re.search(r"\bsystem\b|\broles?\b", message, re.IGNORECASE) else None


def without_parts(body: Mapping[str, Any], refused: set[str]) -> dict[str, Any]:
    """A request without the parts that a server refuses.

    `max_tokens` becomes `max_completion_tokens` until that is refused too; a system message becomes the beginning of
    the user's.
    """
    changed = dict(body)
    if "max_tokens" in refused and "max_tokens" in changed:
        changed["max_completion_tokens"] = changed.pop("max_tokens")
    for name in refused - {"max_tokens", "system"}:
        changed.pop(name, None)
    if "system" in refused:
        messages = list(changed["messages"])
        told = "\n\n".join(entry["content"] for entry in messages if entry["role"] == "system")
        others = [entry for entry in messages if entry["role"] != "system"]
        if told and others:
            others[0] = {**others[0], "content": f"{told}\n\n{others[0]['content']}"}
        changed["messages"] = others
    return changed


def server_sentence(error: Exception, key: str | None) -> str:
    """The server's own message on one short printable line, the key left out of it; empty where there is none."""
    text = " ".join(_message(error).split())
    if key:
        text = text.replace(key, "…")
    # A provider repeats most of a key that it does not know.
    text = re.sub(r"\b(sk|key)-[\w*.…-]{6,}", "…", text)
    text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= _LONGEST_SENTENCE_CHARS else text[: _LONGEST_SENTENCE_CHARS - 1] + "…"


def why_unusable(error: Exception, base_url: str | None, key: str | None, timeout_s: float) -> str | None:
    """Why no request to this endpoint can succeed, on one line; None for an error that may pass."""
    from openai import APIConnectionError, APITimeoutError

    address = base_url or "the provider's own address"
    if isinstance(error, APITimeoutError):
        return f"{address} gave no answer within {timeout_s:g} s (caption.timeout_s)"
    if isinstance(error, APIConnectionError):
        return f"{address} cannot be reached: {_root_cause(error)}"
    if is_transient(error):
        return None
    status = status_of(error)
    sentence = server_sentence(error, key)
    target = _redirect_target(error)
    if target is not None:
        sentence = f"it redirects to {target}; name that address"
    said = f"{address} answers {status}" + (f": {sentence}" if sentence else "")
    return said + _hint(status, base_url)


def _hint(status: int | None, base_url: str | None) -> str:
    if status in (401, 403):
        return " (the key comes from OPENAI_API_KEY)"
    path = urlsplit(base_url).path.rstrip("/") if base_url else ""
    if status in (404, 405) and path.endswith("/completions"):
        return f" (caption.base_url ends before /chat/completions: {str(base_url).rstrip('/').rsplit('/chat', 1)[0]})"
    if status in (404, 405) and base_url and not path:
        return f" (most servers want {base_url.rstrip('/')}/v1)"
    return " (is caption.model right?)" if status == 404 else ""


def _redirect_target(error: Exception) -> str | None:
    if status_of(error) not in (301, 302, 303, 307, 308):
        return None
    location = getattr(getattr(error, "response", None), "headers", {}).get("location")
    if not location:
        return None
    parts = urlsplit(location)
    # A user, a password or a query may be a secret.
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path


def _message(error: Exception) -> str:
    """The message in the body of an error, in the shapes that servers use, else the text of the error."""
    body = getattr(error, "body", None)
    for path in (("error", "message"), ("message",), ("detail",), ("error",)):
        value: Any = body
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value:
            return value
    if body is not None and not isinstance(body, str):
        return str(body)
    text = getattr(getattr(error, "response", None), "text", "") or ""
    # A page of HTML says nothing that a line could hold.
    return "" if "<html" in text.lower() else text or str(getattr(error, "message", "") or "")


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
