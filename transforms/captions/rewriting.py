"""Captions from requests: ask, check the answer, ask again if it is refused, and let the template write at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

from transforms.captions.check import check_caption, clean_answer
from transforms.captions.template import template_caption
from transforms.captions.writers import CaptionWriter
from transforms.records import Answer, Caption, CaptionRequest, Reply, ReplyKind, reason_of_reply

__all__ = [
    "TEMPLATE",
    "AskQuestions",
    "caption_text",
    "decimal_text",
    "judge",
    "open_question",
    "request_sha256",
    "rewrite",
]

#: Takes questions, each the hash of a request and the request, and an attempt; returns their replies in order. It may
#: know answers already, share them between shards and keep them.
AskQuestions = Callable[[Sequence[tuple[str, CaptionRequest]], int], Sequence[Reply]]

#: The model's name on captions that no language model wrote.
TEMPLATE = "template"


def request_sha256(
    request: CaptionRequest, model: str, prompt_id: str, parameters: Mapping[str, int | str], attempt: int = 0
) -> str:
    """A SHA-256 over all that shapes an answer: model, prompt, sampling parameters, caption, words, seed, attempt.

    Parameters are integers and strings, a temperature its decimal text (`decimal_text`), because the text of a float
    is not the same everywhere. The row's id is left out, so that two rows with the same question ask it once.
    """
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise TypeError(f"the parameter {name} has to be an integer or a string, not {type(value).__name__}")
    shaped = {
        "attempt": attempt,
        "caption": request.caption,
        "model": model,
        "parameters": dict(parameters),
        "prompt": prompt_id,
        "seed": request.question_seed,
        "words": request.words.present(),
    }
    # ASCII escapes carry any text, lone surrogates too.
    return hashlib.sha256(json.dumps(shaped, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def decimal_text(value: float) -> str:
    """A parameter as the shortest decimal text with at most six decimals: 0.9 → "0.9", 1.0 → "1"."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def rewrite(
    requests: Sequence[CaptionRequest],
    writer: CaptionWriter | None,
    *,
    prompt_id: str,
    tries: int,
    parameters: Mapping[str, int | str] | None = None,
    ask: AskQuestions | None = None,
) -> list[tuple[Caption, list[Answer]]]:
    """The caption of each request, in order, with every answer that it had.

    Args:
        writer: None for the template.
        tries: how often a caption is asked for before the template writes it.
        ask: stands between this function and the writer, and may know answers, which are checked like new ones. None
            asks the writer. A question that several requests have is asked once.
    """
    captions: list[Caption | None] = [None] * len(requests)
    given_up: set[int] = set()
    answers: list[list[Answer]] = [[] for _ in requests]
    for attempt in range(tries if writer is not None else 0):
        assert writer is not None
        pending = [index for index, caption in enumerate(captions) if caption is None and index not in given_up]
        hashes = {
            index: request_sha256(requests[index], writer.model, prompt_id, parameters or {}, attempt)
            for index in pending
        }
        questions = [(hashes[index], requests[index]) for index in pending]
        replies = (ask or _ask_each_question_once(writer))(questions, attempt) if questions else ()
        for index, reply in zip(pending, replies, strict=True):
            answer = judge(requests[index], reply, hashes[index], attempt, writer.model, prompt_id)
            answers[index].append(answer)
            if reply.ends_question:
                given_up.add(index)
            if answer.kept:
                captions[index] = Caption(caption_text(answer.text), requests[index].caption, "rewritten")
    return [
        (caption or _from_template(request), given)
        for request, caption, given in zip(requests, captions, answers, strict=True)
    ]


def open_question(
    request: CaptionRequest,
    known: Callable[[str, CaptionRequest], Reply | None],
    *,
    model: str,
    prompt_id: str,
    tries: int,
    parameters: Mapping[str, int | str],
) -> tuple[str, int] | None:
    """What `rewrite` would ask next for a request, as (hash, attempt); None where nothing is left to ask."""
    for attempt in range(tries):
        digest = request_sha256(request, model, prompt_id, parameters, attempt)
        reply = known(digest, request)
        if reply is None:
            return digest, attempt
        if reply.ends_question or judge(request, reply, digest, attempt, model, prompt_id).kept:
            return None
    return None


def _ask_each_question_once(writer: CaptionWriter) -> AskQuestions:
    """Asks the writer, once for each hash."""

    def ask(questions: Sequence[tuple[str, CaptionRequest]], attempt: int) -> Sequence[Reply]:
        once: dict[str, CaptionRequest] = {}
        for digest, request in questions:
            once.setdefault(digest, request)
        replies = dict(zip(once, writer.ask(list(once.values()), attempt), strict=True))
        return [replies[digest] for digest, _ in questions]

    return ask


def judge(request: CaptionRequest, reply: Reply, digest: str, attempt: int, model: str, prompt_id: str) -> Answer:
    """A reply as an answer: kept, or refused with its reason."""
    reason = reason_of_reply(reply)
    if reply.kind is ReplyKind.TEXT:
        reason = check_caption(clean_answer(reply.text), request.caption, request.words)
    return Answer(
        request_sha256=digest,
        row_id=request.row_id,
        caption_index=request.caption_index,
        attempt=attempt,
        text=reply.text,
        kept=reason is None,
        reason=reason,
        model=model,
        prompt=prompt_id,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )


def _from_template(request: CaptionRequest) -> Caption:
    return Caption(template_caption(request.caption, request.words, request.seed), request.caption, TEMPLATE)


def caption_text(answer: str) -> str:
    """The caption that a kept answer gives: cleaned, with a capital at its start and a mark at its end."""
    text = clean_answer(answer)
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
