"""Captions from requests: ask, check the answer, ask a judge if the check doubts it, ask again if it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from transforms.captions.check import SOFT_REASONS, check_caption, clean_answer
from transforms.captions.judge import judge_request, verdict
from transforms.captions.questions import Questions
from transforms.captions.scenes import check_scene_caption, scene_caption
from transforms.captions.template import template_caption
from transforms.captions.writers import CaptionWriter
from transforms.records import Answer, Caption, CaptionRequest, Reply, ReplyKind, answer_of_reply, reply_of_reason
from transforms.scene_words import SceneWords
from transforms.seeds import derive_seed
from transforms.words import SpatialWords

__all__ = [
    "TEMPLATE",
    "AskQuestions",
    "OpenQuestion",
    "ask_each_question_once",
    "caption_text",
    "check_reply",
    "open_question",
    "rewrite",
    "scene_version",
    "template_version",
]

#: Takes questions, each the hash of a request and the request, and an attempt; returns their replies in order. It may
#: know answers already, share them between shards and keep them.
AskQuestions = Callable[[Sequence[tuple[str, CaptionRequest]], int], Sequence[Reply]]

#: The model's name on captions that no language model wrote.
TEMPLATE = "template"

#: How often the template draws again for a version that equals an earlier one.
_MOST_REDRAWS = 5


@dataclass(frozen=True)
class OpenQuestion:
    """A question that has no answer yet."""

    sha256: str
    attempt: int
    """The attempt of the writer, also where the judge is asked about its answer."""
    request: CaptionRequest
    """The request of the caption, of which the judge sees nothing."""
    to_judge: CaptionRequest | None = None
    """What the judge is asked; None for a question to the writer."""


def rewrite(
    requests: Sequence[CaptionRequest],
    writer: CaptionWriter | None,
    questions: Questions,
    ask: AskQuestions | None = None,
    ask_judge: AskQuestions | None = None,
) -> list[tuple[Caption, list[Answer]]]:
    """The caption of each request, in order, with every answer that it had.

    Args:
        writer: None for the template.
        questions: the job's questions, from which the requests come. A refused answer is asked for again with the same
            prompt.
        ask: stands between this function and the writer, and may know answers, which are checked like new ones. None
            asks the writer. A question that several requests have is asked once.
        ask_judge: the same for the judge, which the questions have to name; None asks no judge.
    """
    captions: list[Caption | None] = [None] * len(requests)
    given_up: set[int] = set()
    answers: list[list[Answer]] = [[] for _ in requests]
    for attempt in range(questions.tries if writer is not None else 0):
        assert writer is not None
        pending = [index for index, caption in enumerate(captions) if caption is None and index not in given_up]
        hashes = {index: questions.sha256(requests[index], attempt) for index in pending}
        hashed = [(hashes[index], requests[index]) for index in pending]
        replies = (ask or ask_each_question_once(writer))(hashed, attempt) if hashed else ()
        checked = {
            index: check_reply(requests[index], reply, hashes[index], attempt, questions.model)
            for index, reply in zip(pending, replies, strict=True)
        }
        verdicts = _verdicts(requests, checked, questions.judge, ask_judge)
        for index, answer in checked.items():
            given = verdicts.get(index, [])
            if any(decision.kept for decision in given):
                answer = replace(answer, kept=True, reason=None)
            answers[index] += [answer, *given]
            if any(reply_of_reason(one.reason).ends_question for one in (answer, *given)):
                given_up.add(index)
            if answer.kept:
                captions[index] = Caption(
                    caption_text(answer.text), requests[index].caption, "rewritten", requests[index].prompt
                )
    return [
        (caption or _from_template(request), given)
        for request, caption, given in zip(requests, captions, answers, strict=True)
    ]


def _verdicts(
    requests: Sequence[CaptionRequest],
    answers: Mapping[int, Answer],
    judge: Questions | None,
    ask: AskQuestions | None,
) -> dict[int, list[Answer]]:
    """What the judge says of the answers that the check doubts, by the index of their requests."""
    if judge is None or ask is None:
        return {}
    found = ((index, _question_about(requests[index], answer, judge)) for index, answer in answers.items())
    asked = {index: question for index, question in found if question is not None}
    hashed = {index: (judge.sha256(question), question) for index, question in asked.items()}
    replies = ask(list(hashed.values()), 0) if hashed else ()
    return {
        index: [verdict(requests[index], question, reply, digest, answers[index].attempt, judge.model)]
        for (index, (digest, question)), reply in zip(hashed.items(), replies, strict=True)
    }


def _question_about(request: CaptionRequest, answer: Answer, judge: Questions | None) -> CaptionRequest | None:
    """What the judge is asked about an answer; None where there is no judge, or nothing that it may decide."""
    # The judge reads captions of one place.
    if judge is None or answer.reason not in SOFT_REASONS or request.scene is not None:
        return None
    (prompt,) = judge.prompts
    return judge_request(request, caption_text(answer.text), prompt)


def open_question(
    request: CaptionRequest, known: Callable[[str, CaptionRequest], Reply | None], questions: Questions
) -> OpenQuestion | None:
    """What `rewrite` would ask next for a request; None where nothing is left to ask."""
    for attempt in range(questions.tries):
        digest = questions.sha256(request, attempt)
        reply = known(digest, request)
        if reply is None:
            return OpenQuestion(digest, attempt, request)
        answer = check_reply(request, reply, digest, attempt, questions.model)
        if reply.ends_question or answer.kept:
            return None
        judge, question = questions.judge, _question_about(request, answer, questions.judge)
        if judge is None or question is None:
            continue
        digest = judge.sha256(question)
        reply = known(digest, question)
        if reply is None:
            return OpenQuestion(digest, attempt, request, question)
        if reply.ends_question or verdict(request, question, reply, digest, attempt, judge.model).kept:
            return None
    return None


def ask_each_question_once(writer: CaptionWriter) -> AskQuestions:
    """Asks the writer, once for each hash."""

    def ask(questions: Sequence[tuple[str, CaptionRequest]], attempt: int) -> Sequence[Reply]:
        once: dict[str, CaptionRequest] = {}
        for digest, request in questions:
            once.setdefault(digest, request)
        replies = dict(zip(once, writer.ask(list(once.values()), attempt), strict=True))
        return [replies[digest] for digest, _ in questions]

    return ask


def check_reply(request: CaptionRequest, reply: Reply, digest: str, attempt: int, model: str) -> Answer:
    """A reply as an answer: kept, or refused with its reason."""
    reason = None
    if reply.kind is ReplyKind.TEXT:
        reason = _check_text(clean_answer(reply.text), request)
    return answer_of_reply(request, reply, reason, digest=digest, attempt=attempt, model=model, prompt=request.prompt)


def _check_text(text: str, request: CaptionRequest) -> str | None:
    if request.scene is not None:
        return check_scene_caption(text, request.scene)
    return check_caption(text, request.caption, request.words)


def _from_template(request: CaptionRequest) -> Caption:
    seeds = (*request.earlier_seeds, request.seed)
    if request.scene is not None:
        text = scene_version(request.scene, seeds)
    else:
        text = template_version(request.caption, request.words, seeds)
    return Caption(text, request.caption, TEMPLATE, request.prompt or None)


def template_version(original: str, words: SpatialWords, seeds: Sequence[int]) -> str:
    """The template's caption for the last seed; the others are those of earlier versions of the same original.

    A caption that equals an earlier one is drawn again, a few times. It depends on the seeds alone, not on which of the
    versions a language model has written, so that asking again leaves the others as they are.
    """
    return _template_versions(original, words, tuple(seeds))[-1]


def scene_version(scene: SceneWords, seeds: Sequence[int]) -> str:
    """The template's caption of a scene for the last seed; the others are those of earlier versions of it."""
    return _scene_versions(scene, tuple(seeds))[-1]


# Versions of one original follow each other, and each looks at all earlier ones.
@lru_cache(maxsize=64)
def _template_versions(original: str, words: SpatialWords, seeds: tuple[int, ...]) -> tuple[str, ...]:
    if not seeds:
        return ()
    earlier = _template_versions(original, words, seeds[:-1])
    return (*earlier, _another(lambda seed: template_caption(original, words, seed), seeds[-1], earlier))


@lru_cache(maxsize=64)
def _scene_versions(scene: SceneWords, seeds: tuple[int, ...]) -> tuple[str, ...]:
    if not seeds:
        return ()
    earlier = _scene_versions(scene, seeds[:-1])
    return (*earlier, _another(lambda seed: scene_caption(scene, seed), seeds[-1], earlier))


def _another(write: Callable[[int], str], seed: int, earlier: Sequence[str]) -> str:
    """What the template writes with a seed, drawn again a few times where that is an earlier version."""
    text = write(seed)
    for draw in range(_MOST_REDRAWS):
        if text not in earlier:
            break
        text = write(derive_seed(seed, "again", draw))
    return text


def caption_text(answer: str) -> str:
    """The caption that a kept answer gives: cleaned, with a capital at its start and a mark at its end."""
    text = clean_answer(answer)
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
