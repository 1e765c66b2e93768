"""Captions from requests: ask, check, ask again what was refused, then the template; no answer is asked for twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from transforms.caption_template import template_caption
from transforms.caption_writers import CaptionWriter
from transforms.check_caption import check_caption, clean_answer
from transforms.records import Answer, Caption, CaptionRequest, Reply

__all__ = ["TEMPLATE", "decimal_text", "request_sha256", "rewrite"]

#: The model's name on captions that no language model wrote.
TEMPLATE = "template"


def request_sha256(
    request: CaptionRequest, model: str, prompt_id: str, parameters: Mapping[str, int | str], attempt: int = 0
) -> str:
    """A SHA-256 over all that shapes an answer: model, prompt, sampling parameters, caption, words, seed, attempt.

    Integers and strings only, a temperature as its decimal text (`decimal_text`): a float's text is not everywhere the
    same. The row's id is not in it, so that the same question of two rows is one question.
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
    """A parameter as the shortest decimal text with at most six places: 0.9 → "0.9", 1.0 → "1"."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def rewrite(
    requests: Sequence[CaptionRequest],
    writer: CaptionWriter | None,
    *,
    prompt_id: str,
    tries: int,
    parameters: Mapping[str, int | str] | None = None,
    kept: Mapping[str, str] | None = None,
) -> list[tuple[Caption, list[Answer]]]:
    """The caption of each request, in order, with every answer that was had for it.

    A writer of None means the template for all. `kept` holds answers from before (request's hash → text), which are
    checked like new ones. An answer is refused with a reason of `check_caption`, or with `error: …` of the writer.
    """
    captions: list[Caption | None] = [None] * len(requests)
    out_of_reach: set[int] = set()
    answers: list[list[Answer]] = [[] for _ in requests]
    for attempt in range(tries if writer is not None else 0):
        assert writer is not None
        pending = [at for at, caption in enumerate(captions) if caption is None and at not in out_of_reach]
        hashes = {
            at: request_sha256(requests[at], writer.model, prompt_id, parameters or {}, attempt) for at in pending
        }
        replies = _replies(pending, hashes, requests, writer, attempt, kept or {})
        for at in pending:
            answer = _judge(requests[at], replies[at], hashes[at], attempt, writer.model, prompt_id)
            answers[at].append(answer)
            if _is_final(replies[at]):
                out_of_reach.add(at)
            if answer.kept:
                captions[at] = Caption(_as_sentence(clean_answer(answer.text)), requests[at].caption, "rewritten")
    return [
        (caption or _from_template(request), had)
        for request, caption, had in zip(requests, captions, answers, strict=True)
    ]


def _replies(
    pending: Sequence[int],
    hashes: Mapping[int, str],
    requests: Sequence[CaptionRequest],
    writer: CaptionWriter,
    attempt: int,
    kept: Mapping[str, str],
) -> dict[int, Reply]:
    """A reply for each pending request: the kept one, else a new one; one question is asked once."""
    replies = {digest: Reply(text=kept[digest]) for digest in hashes.values() if digest in kept}
    unasked = {hashes[at]: at for at in reversed(pending) if hashes[at] not in replies}
    ordered = sorted(unasked.items(), key=lambda item: item[1])
    if ordered:
        new = writer.ask([requests[at] for _, at in ordered], attempt)
        replies.update((digest, reply) for (digest, _), reply in zip(ordered, new, strict=True))
    return {at: replies[hashes[at]] for at in pending}


def _is_final(reply: Reply) -> bool:
    """True for an error that asking again does not mend: the client has already tried again where that could help."""
    return reply.error is not None and not reply.error.startswith(("unreadable", "refusal"))


def _judge(request: CaptionRequest, reply: Reply, digest: str, attempt: int, model: str, prompt_id: str) -> Answer:
    if reply.error is not None:
        reason: str | None = f"error: {reply.error}"
    else:
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


def _as_sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
