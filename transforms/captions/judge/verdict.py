"""A verdict: the judge's reply as an answer of its own."""

from __future__ import annotations

from transforms.captions.judge.comparison import reason_of_verdict
from transforms.records import Answer, CaptionRequest, Reply, ReplyKind, answer_of_reply


def verdict(
    request: CaptionRequest, question: CaptionRequest, reply: Reply, digest: str, attempt: int, model: str
) -> Answer:
    """The judge's reply as an answer, which is kept if by it the caption in the question is.

    Args:
        request: the writer's question.
        question: the judge's.
        attempt: the attempt of the answer that the judge was asked about.
    """
    reason = None
    if reply.kind is ReplyKind.TEXT:
        reason = reason_of_verdict(reply.text, question.caption, request.caption, request.words)
    return answer_of_reply(
        request, reply, reason, digest=digest, attempt=attempt, model=model, prompt=question.prompt, asked="judge"
    )
