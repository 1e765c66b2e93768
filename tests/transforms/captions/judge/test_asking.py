"""The judge is asked about doubted answers only, blind, once for each question, and pays from the same budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.build.probe_endpoint import probe_endpoints
from pipeline.recipe import load_recipe
from prompts import load_judge_prompt, load_prompt
from tests.chat_server import Raw, chat_server, obedient
from tests.transforms.captions.judge.readings import careful, doubtful, writer_and_judge
from transforms.captions.answer_budget import Ledger
from transforms.captions.check import check_caption
from transforms.captions.endpoint.address import UserAddress
from transforms.captions.job import CaptionJob
from transforms.captions.judge import parse_reading
from transforms.captions.questions import Questions
from transforms.captions.rewrite_captions import SharedWriter
from transforms.captions.rewriting import OpenQuestion, open_question, rewrite
from transforms.captions.unanswered import find_unanswered
from transforms.records import Answer, Caption, CaptionRequest, Reply
from transforms.storage.folder_files import FileIn
from transforms.words import SpatialWords

PROMPT, JUDGE = load_prompt("place"), load_judge_prompt()
WORDS = SpatialWords(direction="left", distance="far")
KEY = "sk-sentinel-of-a-judge"


def questions_of(tries: int = 2) -> Questions:
    judge = Questions("judge-1", {JUDGE.id: JUDGE}, 1, 1)
    return Questions("writer-1", {PROMPT.id: PROMPT}, 1, tries, judge)


def request_of(caption: str = "A dog barks", row_id: str = "row") -> CaptionRequest:
    return CaptionRequest(row_id, 0, caption, WORDS, 1, PROMPT.id)


def message_of(request: CaptionRequest) -> str:
    prompt = JUDGE if request.prompt == JUDGE.id else PROMPT
    return prompt.messages(request.caption, request.words.present())[-1]["content"]


class Asked:
    """Answers questions with a function of a request's last message, and keeps them."""

    name, model = "puppet", "writer-1"

    def __init__(self, says: Callable[[str], str | Reply]) -> None:
        self.says = says
        self.questions: list[CaptionRequest] = []

    def __call__(self, questions: Sequence[tuple[str, CaptionRequest]], attempt: int) -> list[Reply]:
        self.questions += [request for _, request in questions]
        said = [self.says(message_of(request)) for _, request in questions]
        return [one if isinstance(one, Reply) else Reply(one, None, 10, 5) for one in said]

    def ask(self, *_: object) -> list[Reply]:
        raise AssertionError("only through ask")

    def close(self) -> None:
        """Nothing to close."""


def rewritten(
    writer: Asked, judge: Asked, *requests: CaptionRequest, tries: int = 2
) -> list[tuple[Caption, list[Answer]]]:
    return rewrite(requests or (request_of(),), writer, questions_of(tries), writer, judge)


def test_a_doubted_answer_is_kept_where_the_judge_reads_what_the_row_says() -> None:
    writer, judge = Asked(lambda message: doubtful(message, 0)), Asked(lambda message: careful(message, 0))
    ((caption, (answer, decision)),) = rewritten(writer, judge)
    assert caption.status == "rewritten"
    assert check_caption(caption.text, "A dog barks", WORDS) == "content_added"
    assert (answer.asked, answer.kept, answer.reason, answer.model) == ("writer", True, None, "writer-1")
    assert (decision.asked, decision.kept, decision.reason, decision.model) == ("judge", True, None, "judge-1")
    assert (decision.row_id, decision.attempt, decision.prompt) == (answer.row_id, answer.attempt, JUDGE.id)
    assert decision.request_sha256 != answer.request_sha256
    (question,) = judge.questions
    assert question.words == SpatialWords()
    assert question.caption == caption.text


def test_an_answer_that_the_judge_does_not_keep_is_asked_for_again() -> None:
    writer, judge = Asked(lambda message: doubtful(message, 0)), Asked(lambda message: "It is on the left.")
    ((caption, answers),) = rewritten(writer, judge)
    assert caption.status == "template"
    assert [(one.asked, one.attempt, one.reason) for one in answers] == [
        ("writer", 0, "content_added"),
        ("judge", 0, "judge_unreadable"),
        ("writer", 1, "content_added"),
        ("judge", 1, "judge_unreadable"),
    ]


@pytest.mark.parametrize(
    "answer",
    ["Far off, on the left, a dog barks.", "Far off, on the right, a zorbly dog barks.", "{}", "", "A dog\nbarks."],
)
def test_nobody_is_asked_about_a_right_answer_or_a_wrong_one(answer: str) -> None:
    judge = Asked(lambda message: careful(message, 0))
    rewritten(Asked(lambda message: answer), judge)
    assert judge.questions == []


def test_a_judge_that_does_not_answer_leaves_the_caption_unanswered() -> None:
    for failure in ("APIConnectionError", "endpoint down"):
        writer, judge = Asked(lambda message: doubtful(message, 0)), Asked(lambda _: Reply(error=failure))  # noqa: B023
        ((caption, answers),) = rewritten(writer, judge)
        assert caption.status == "template"
        assert len(answers) == 2
        assert find_unanswered("train/00000-of-00001", [answers]) is not None
    ((_, answers),) = rewritten(Asked(lambda message: doubtful(message, 0)), Asked(lambda _: Reply(error="budget")))
    assert find_unanswered("train/00000-of-00001", [answers]) is None


def test_the_judge_is_asked_in_the_round_after_the_writer() -> None:
    request, questions, known = request_of(), questions_of(), dict[str, Reply]()

    def next_question() -> tuple[int, str] | None:
        found = open_question(request, lambda digest, _: known.get(digest), questions)
        if found is None:
            return None
        asked = found.to_judge or found.request
        known[found.sha256] = Reply(answers[len(known)](message_of(asked)))
        return found.attempt, "judge" if found.to_judge else "writer"

    answers: list[Callable[[str], str]] = [
        lambda message: doubtful(message, 0),
        lambda message: "null",
        lambda message: doubtful(message, 0).replace("dog", "dog,"),
        lambda message: careful(message, 0),
    ]
    assert [next_question() for _ in range(5)] == [(0, "writer"), (0, "judge"), (1, "writer"), (1, "judge"), None]


def job_of(server: str, *more: str, release: Path | None = None) -> CaptionJob:
    settings = ("caption.writer=openai", f"caption.base_url={server}", "caption.model=writer-1", "caption.judge=model")
    return replace(load_recipe("folder", [*settings, *more]).caption_job(), release=release and str(release))


def answered(job: CaptionJob, requests: Sequence[CaptionRequest]) -> list[tuple[Caption, list[Answer]]]:
    shared = SharedWriter(job)
    try:
        return shared.answer(requests, "shard")
    finally:
        shared.close()


def test_a_second_run_asks_neither_writer_nor_judge(tmp_path: Path) -> None:
    requests = [request_of(f"A dog barks {number} times", f"row-{number}") for number in range(3)]
    # Two rows with one question.
    requests.append(request_of("A dog barks 2 times", "row-3"))
    with chat_server(writer_and_judge) as server:
        first = answered(job_of(server.base_url, release=tmp_path / "o"), requests)
        assert len(server.requests) == 6
        assert {caption.status for caption, _ in first} == {"rewritten"}
        again = answered(job_of(server.base_url, release=tmp_path / "o"), requests)
        assert len(server.requests) == 6
    assert again == first


def test_the_judge_may_be_another_model_elsewhere_and_gets_its_own_questions_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with chat_server(doubtful) as writer, chat_server(careful) as judge:
        job = job_of(writer.base_url, f"caption.judge_base_url={judge.base_url}", "caption.judge_model=judge-2")
        ((caption, answers),) = answered(job, [request_of()])
    assert caption.status == "rewritten"
    assert [request["model"] for request in writer.requests] == ["writer-1"]
    assert [request["model"] for request in judge.requests] == ["judge-2"]
    assert judge.requests[0]["temperature"] == 0
    assert answers[1].model == "judge-2"
    assert all(header["authorization"] == f"Bearer {KEY}" for header in (*writer.headers, *judge.headers))
    asked = json.dumps(judge.requests[0]["messages"][-1])
    assert "Place" not in asked
    assert KEY not in repr(job)


def test_the_judge_is_the_writer_where_none_is_named() -> None:
    job = job_of("http://127.0.0.1:9/v1")
    address = UserAddress("http://127.0.0.1:9/v1")
    assert (job.judge_address, job.judge_name, job.judge_is_writer) == (address, "writer-1", True)
    shared = SharedWriter(job)
    assert shared.judge is shared.writer
    other = replace(job, judge_model="judge-2")
    assert (other.judge_address, other.judge_is_writer) == (address, False)
    assert replace(job, judge="none").open_judge() is None
    assert replace(job, writer="template").questions().judge is None


def test_a_judge_beside_a_local_writer_is_asked_about_an_example_before_anything_else() -> None:
    with chat_server(careful_or_example) as server:
        judge = (f"caption.judge_base_url={server.base_url}", "caption.judge_model=judge-2", "caption.judge=model")
        job = load_recipe("folder", ["caption.writer=local", *judge]).caption_job()
        assert (job.judge_address, job.judge_is_writer) == (UserAddress(server.base_url), False)
        question = OpenQuestion(job.questions().sha256(request_of()), 0, request_of())
        (reply,) = probe_endpoints(job, question).values()
        assert len(server.requests) == 1
    assert parse_reading(reply.text) is not None
    assert server.requests[0]["model"] == "judge-2"


def careful_or_example(message: str, number: int) -> str:
    """Answers a question about the first example of the judge's prompt."""
    example = JUDGE.examples[0]
    assert example.caption in message
    return example.answer


def test_writer_and_judge_spend_one_budget(tmp_path: Path) -> None:
    requests = [request_of(f"A dog barks {number} times", f"row-{number}") for number in range(4)]
    ledger = FileIn(str(tmp_path), "ledger")
    with chat_server(writer_and_judge) as server:
        job = replace(job_of(server.base_url, "caption.max_requests=6", "caption.tries=1"), ledger=ledger)
        outcomes = answered(job, requests)
        assert len(server.requests) == 6
    assert [caption.status for caption, _ in outcomes].count("rewritten") == 2
    assert [answers[-1].reason for _, answers in outcomes].count("error: budget") == 2
    assert Ledger(ledger).read().requests == 6


def test_each_model_costs_its_own_price(tmp_path: Path) -> None:
    ledger = FileIn(str(tmp_path), "ledger")
    prices = "caption.prices={writer-1: {prompt: 1, completion: 0}, judge-2: {prompt: 100, completion: 0}}"
    with chat_server(writer_and_judge) as server:
        job = job_of(server.base_url, "caption.judge_model=judge-2", "caption.max_cost_usd=1", prices)
        answered(replace(job, ledger=ledger), [request_of()])
    # The server counts 10 tokens for each prompt.
    assert Ledger(ledger).read().usd == pytest.approx((10 * 1 + 10 * 100) / 1e6)


def test_a_judge_that_answers_nonsense_keeps_nothing() -> None:
    nonsense = ("", "yes", "{}", '{"direction": "left"}', Raw(b"null"), Raw(b"oops", 500))

    def answer(message: str, number: int) -> str | Raw:
        return nonsense[number % len(nonsense)] if message.endswith("JSON:") else doubtful(message, number)

    requests = [request_of(f"A dog barks {number} times", f"row-{number}") for number in range(4)]
    with chat_server(answer) as server:
        outcomes = answered(job_of(server.base_url, "caption.tries=1"), requests)
    assert {caption.status for caption, _ in outcomes} == {"template"}


def test_an_honest_writer_needs_no_judge() -> None:
    with chat_server(obedient) as server:
        ((caption, _),) = answered(job_of(server.base_url), [request_of()])
        assert len(server.requests) == 1
    assert caption.status == "rewritten"
