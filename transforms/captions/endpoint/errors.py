"""What an endpoint's error means: whether a retry helps, which parameter it refuses, and the server's own sentence."""

from __future__ import annotations

import email.utils
import math
import os
import random
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# Waits between tries in seconds: the first, the longest of our own, and the longest that a server may ask for.
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_RETRY_AFTER_S = 0.5, 8.0, 120.0
#: The longest sentence of a server that is shown, in characters.
_LONGEST_SENTENCE_CHARS = 300
#: Codes of errors that last until somebody pays, though their status is that of a rate limit.
_UNPAID = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
#: Codes with which providers' filters decline a question.
_FILTERED = re.compile(r"content_filter|content_policy|ResponsibleAIPolicy|DataInspectionFailed", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]{0,200}>([^<]{1,400})</\1", re.IGNORECASE)
#: Words that look like a key of one provider or another.
_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|key)[-_][\w*.…-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
#: How servers refuse a request that is too long.
_TOO_LONG = re.compile(r"context (?:length|window|size)|too (?:long|large)|maximum length", re.IGNORECASE)
#: How a refused system message is named, with a status of the client's fault and with one of the server's.
_NAMES_ROLE = re.compile(r"\bsystem\b|\broles?\b", re.IGNORECASE)
_NAMES_SYSTEM = re.compile(r"\bsystem\b.{0,20}\brole|\brole.{0,40}\bsystem\b|\broles must alternate", re.IGNORECASE)
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


def refuses_everybody(error: Exception) -> bool:
    """Whether the endpoint would give any request this error: nobody answers, or there is no key, money or address."""
    return is_away(error) or status_of(error) in (401, 402, 403, 404, 405, 407, 410)


def is_filtered(error: Exception) -> bool:
    """Whether a filter in front of the model has declined this one question, as a model may that refuses."""
    return (status_of(error) or 0) in range(400, 500) and bool(_FILTERED.search(_response_text(error)))


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed later: 408, 409, 429, 5xx, timeouts and broken connections."""
    from openai import APIConnectionError

    status = status_of(error) or 0
    if getattr(error, "code", None) in _UNPAID:
        return False
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


def refused_parameter(error: Exception, body: Mapping[str, Any], *, may_drop_limit: bool = True) -> str | None:
    """The part of a request that a server refuses by name: a parameter, or `system` for the system message.

    Args:
        error: the server's error.
        body: the request that was refused.
        may_drop_limit: False to keep a token limit under one of its names, as a budget in dollars relies on it.

    Returns:
        None unless the server's message names a part that the request has. The status is 400 or 422, or 500 for a
        system message, which some servers refuse only while they fill in the model's chat template.
    """
    status, message = status_of(error), _message(error)
    if status in (400, 422):
        for name in _OPTIONAL_PARAMETERS:
            is_limit = name in ("max_tokens", "max_completion_tokens")
            # A request that is too long would be too long without a limit, too.
            kept = is_limit and (_TOO_LONG.search(message) or (name == "max_completion_tokens" and not may_drop_limit))
            if name in body and not kept and re.search(rf"\b{name}\b", message):
                return name
    has_system = any(entry.get("role") == "system" for entry in body.get("messages", ()))
    named = _NAMES_SYSTEM if status == 500 else _NAMES_ROLE
    return "system" if status in (400, 422, 500) and has_system and named.search(message) else None


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
        system = "\n\n".join(entry["content"] for entry in messages if entry["role"] == "system")
        others = [entry for entry in messages if entry["role"] != "system"]
        if system and others:
            others[0] = {**others[0], "content": f"{system}\n\n{others[0]['content']}"}
        changed["messages"] = others
    return changed


def server_sentence(error: Exception, key: str | None) -> str:
    """The server's own message on one short printable line, the key left out of it; empty where there is none."""
    return shown(_message(error), key)


def shown(text: str, key: str | None) -> str:
    """Text that somebody else wrote as it may be shown: printable, on one line, short, and without the key."""
    text = text[:20_000]
    if key:
        # A short key such as "x" is left out only as a word of its own.
        text = re.sub(re.escape(key) if len(key) >= 8 else rf"(?<!\w){re.escape(key)}(?!\w)", "…", text)
    if key and len(key) >= 6:
        # Providers repeat a key that they do not know with stars in it.
        text = re.sub(rf"{re.escape(key[:3])}[\w-]*(?:\*{{2,}}|\.\.\.|…)[\w*.…-]*", "…", text)
    text = _LIKE_A_KEY.sub("…", text)
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= _LONGEST_SENTENCE_CHARS else text[: _LONGEST_SENTENCE_CHARS - 1] + "…"


def why_unusable(error: Exception, base_url: str | None, key: str | None, timeout_s: float) -> str | None:
    """Why no request to this endpoint can succeed, on one line; None for an error that may pass."""
    from openai import APIConnectionError, APITimeoutError

    address = base_url or "the provider's own address"
    if isinstance(error, APITimeoutError):
        return f"{address} gave no answer within {timeout_s:g} s (caption.timeout_s)"
    if isinstance(error, APIConnectionError):
        return f"{address} cannot be reached: {_root_cause(error)}"
    if is_transient(error) or is_filtered(error):
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
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.hostname else parts.path


def _message(error: Exception) -> str:
    """The message in the body of an error, in the shapes that servers use, else its text or the title of its page."""
    found = _message_in(getattr(error, "body", None))
    if found:
        return found
    text = _response_text(error)
    if "<" not in text[:20]:
        return text or str(getattr(error, "message", "") or "")
    title = _TITLE.search(text)
    return title[2] if title else ""


def _message_in(body: Any, depth: int = 0) -> str:
    """The message in a JSON body: of OpenAI, FastAPI, Ollama, Google and their like."""
    if isinstance(body, str) and depth:
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, (_message_in(entry, depth + 1) for entry in body[:3])))
    if not isinstance(body, Mapping) or depth > 4:
        return ""
    if isinstance(body.get("msg"), str):
        # FastAPI names the field beside the message.
        where = body.get("loc")
        field = f"{where[-1]}: " if isinstance(where, list) and where else ""
        return f"{field}{body['msg']}"
    for name in ("error", "message", "Message", "detail", "errors", "error_description"):
        found = _message_in(body.get(name), depth + 1)
        if found:
            return found
    return ""


def _response_text(error: Exception) -> str:
    text: str = getattr(getattr(error, "response", None), "text", "") or ""
    return text[:20_000]


def _root_cause(error: BaseException) -> str:
    """What broke a connection, in the words of the system where it has some: `Connection refused`."""
    causes = list(_causes(error))
    for cause in reversed(causes):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return shown(f"its certificate does not hold: {cause.verify_message}", None)
        if isinstance(cause, ssl.SSLError):
            return shown(f"no TLS: {cause.reason or cause}", None)
        if isinstance(cause, OSError) and cause.errno is not None:
            # asyncio puts "Connect call failed" in the place of the system's own words.
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return next((shown(str(cause), None) for cause in reversed(causes) if str(cause).strip()), type(error).__name__)


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and all that it comes from, the nearest first."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or one in found or len(found) > 20:
            continue
        found.append(one)
        waiting += [one.__cause__ or one.__context__, *(getattr(one, "exceptions", ()))]
    return found
