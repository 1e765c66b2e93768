"""Captions from requests: ask, check the answer, ask again if it is refused, and let the template write at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from transforms.captions.check import check_caption, clean_answer
from transforms.captions.questions import Questions
from transforms.captions.template import template_caption
from transforms.captions.writers import CaptionWriter
from transforms.records import Answer, Caption, CaptionRequest, Reply, ReplyKind, reason_of_reply
from transforms.seeds import derive_seed
from transforms.words import SpatialWords

__all__ = [
    "TEMPLATE",
    "AskQuestions",
    "caption_text",
    "judge",
    "open_question",
    "rewrite",
    "template_version",
]

#: Takes questions, each the hash of a request and the request, and an attempt; returns their replies in order. It may
#: know answers already, share them between shards and keep them.
AskQuestions = Callable[[Sequence[tuple[str, CaptionRequest]], int], Sequence[Reply]]

#: The model's name on captions that no language model wrote.
TEMPLATE = "template"

#: How often the template draws again for a version that equals an earlier one.
_MOST_REDRAWS = 5


def rewrite(
    requests: Sequence[CaptionRequest],
    writer: CaptionWriter | None,
    questions: Questions,
    ask: AskQuestions | None = None,
) -> list[tuple[Caption, list[Answer]]]:
    """The caption of each request, in order, with every answer that it had.

    Args:
        writer: None for the template.
        questions: the job's questions, from which the requests come. A refused answer is asked for again with the same
            prompt.
        ask: stands between this function and the writer, and may know answers, which are checked like new ones. None
            asks the writer. A question that several requests have is asked once.
    """
    captions: list[Caption | None] = [None] * len(requests)
    given_up: set[int] = set()
    answers: list[list[Answer]] = [[] for _ in requests]
    for attempt in range(questions.tries if writer is not None else 0):
        assert writer is not None
        pending = [index for index, caption in enumerate(captions) if caption is None and index not in given_up]
        hashes = {index: questions.sha256(requests[index], attempt) for index in pending}
        hashed = [(hashes[index], requests[index]) for index in pending]
        replies = (ask or _ask_each_question_once(writer))(hashed, attempt) if hashed else ()
        for index, reply in zip(pending, replies, strict=True):
            answer = judge(requests[index], reply, hashes[index], attempt, questions.model)
            answers[index].append(answer)
            if reply.ends_question:
                given_up.add(index)
            if answer.kept:
                captions[index] = Caption(
                    caption_text(answer.text), requests[index].caption, "rewritten", requests[index].prompt
                )
    return [
        (caption or _from_template(request), given)
        for request, caption, given in zip(requests, captions, answers, strict=True)
    ]


def open_question(
    request: CaptionRequest, known: Callable[[str, CaptionRequest], Reply | None], questions: Questions
) -> tuple[str, int] | None:
    """What `rewrite` would ask next for a request, as (hash, attempt); None where nothing is left to ask."""
    for attempt in range(questions.tries):
        digest = questions.sha256(request, attempt)
        reply = known(digest, request)
        if reply is None:
            return digest, attempt
        if reply.ends_question or judge(request, reply, digest, attempt, questions.model).kept:
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


def judge(request: CaptionRequest, reply: Reply, digest: str, attempt: int, model: str) -> Answer:
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
        prompt=request.prompt,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )


def _from_template(request: CaptionRequest) -> Caption:
    text = template_version(request.caption, request.words, (*request.earlier_seeds, request.seed))
    return Caption(text, request.caption, TEMPLATE, request.prompt or None)


def template_version(original: str, words: SpatialWords, seeds: Sequence[int]) -> str:
    """The template's caption for the last seed; the others are those of earlier versions of the same original.

    A caption that equals an earlier one is drawn again, a few times. It depends on the seeds alone, not on which of the
    versions a language model has written, so that asking again leaves the others as they are.
    """
    texts: list[str] = []
    for seed in seeds:
        text = template_caption(original, words, seed)
        for draw in range(_MOST_REDRAWS):
            if text not in texts:
                break
            text = template_caption(original, words, derive_seed(seed, "again", draw))
        texts.append(text)
    return texts[-1]


def caption_text(answer: str) -> str:
    """The caption that a kept answer gives: cleaned, with a capital at its start and a mark at its end."""
    text = clean_answer(answer)
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
