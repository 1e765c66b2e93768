"""What an endpoint's error means: which part of a request it refuses, and the line that a user reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from transforms.captions.endpoint.errors import (
    is_filtered,
    refused_parameter,
    refuses_everybody,
    server_sentence,
    shown,
    wait_s,
    why_unusable,
    without_parts,
)

BODY = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A dog barks"}],
    "temperature": 0.7,
    "max_tokens": 50,
    "seed": 1,
}
KEY = "sk-secret-4711-abcdef"


def error(status: int, body: Any, headers: dict[str, str] | None = None) -> Exception:
    """An error as the client raises it."""
    import openai

    class Response:
        status_code = status
        text = body if isinstance(body, str) else ""

        def __init__(self) -> None:
            self.headers = headers or {}
            self.request = None

    failure = openai.APIStatusError.__new__(openai.APIStatusError)
    Exception.__init__(failure, f"Error code: {status}")
    failure.message = f"Error code: {status}"
    failure.status_code, failure.response, failure.body = status, Response(), None if isinstance(body, str) else body  # type: ignore[assignment]
    return failure


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens"),
        ("`seed` is not supported", "seed"),
        ("Unrecognized request argument supplied: seed", "seed"),
        ("Unsupported value: 'temperature' does not support 0.7 with this model", "temperature"),
        ("System role not supported", "system"),
        ("Conversation roles must alternate user/assistant", "system"),
        ("the model is overloaded", None),
        ("your seedling died", None),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("shape", [lambda text: {"error": {"message": text}}, lambda text: {"detail": text}, str])
def test_a_part_that_the_server_refuses_is_found_in_its_message(
    message: str, refused: str | None, status: int, shape: Any
) -> None:
    assert refused_parameter(error(status, shape(message)), BODY) == refused


def test_a_chat_template_without_a_system_role_refuses_it_with_the_status_of_the_server() -> None:
    message = {"error": {"message": "Jinja: raise_exception: System role not supported"}}
    assert refused_parameter(error(500, message), BODY) == "system"
    assert refused_parameter(error(500, {"error": {"message": "the system is overloaded"}}), BODY) is None


def test_a_field_that_is_named_beside_the_message_is_found() -> None:
    detail = {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 7}]}
    assert refused_parameter(error(422, detail), BODY) == "seed"
    assert server_sentence(error(422, detail), None) == "seed: Extra inputs are not permitted"


def test_a_request_that_is_too_long_keeps_its_limit() -> None:
    message = "max_tokens is too large: 50. This model's maximum context length is 40 tokens"
    assert refused_parameter(error(400, {"error": {"message": message}}), BODY) is None


def test_a_limit_on_which_a_budget_relies_is_renamed_and_not_left_out() -> None:
    refusal = error(400, {"error": {"message": "unknown: max_tokens, max_completion_tokens"}})
    assert refused_parameter(refusal, BODY, may_drop_limit=False) == "max_tokens"
    renamed = without_parts(BODY, {"max_tokens"})
    assert refused_parameter(refusal, renamed, may_drop_limit=False) is None
    assert refused_parameter(refusal, renamed) == "max_completion_tokens"


def test_a_filter_that_declines_a_question_is_no_trouble_of_the_endpoint() -> None:
    filtered = error(400, json.dumps({"error": {"code": "content_filter", "message": "filtered"}}))
    assert is_filtered(filtered)
    assert why_unusable(filtered, "http://h/v1", None, 30) is None
    assert not is_filtered(error(400, '{"error": "bad request"}'))
    assert not is_filtered(error(500, "content_filter"))


def test_a_rate_limit_that_lasts_until_somebody_pays_is_not_waited_for() -> None:
    unpaid = error(429, {"message": "You exceeded your current quota", "code": "insufficient_quota"})
    unpaid.code = "insufficient_quota"  # type: ignore[attr-defined]
    assert wait_s(unpaid, 0) is None
    assert "exceeded your current quota" in str(why_unusable(unpaid, "http://h/v1", None, 30))
    assert wait_s(error(429, {}), 0) is not None


@pytest.mark.parametrize(("status", "everybody"), [(401, True), (403, True), (404, True), (503, True), (400, False)])
def test_what_the_next_request_would_be_told_too(status: int, everybody: bool) -> None:
    assert refuses_everybody(error(status, "")) is everybody


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (KEY, f"Incorrect API key provided: {KEY}."),
        ("my-own-secret-99", "Incorrect API key provided: my-own******-99."),
        ("my-own-secret-99", "key my-o...t-99 is unknown"),
        ("my-own-secret-99", "header was Bearer my-own-secret-99"),
        ("abc", "the key abc is unknown"),
    ],
)
def test_neither_the_key_nor_a_part_of_it_is_shown(key: str, text: str) -> None:
    line = shown(text, key)
    assert key not in line
    assert "my-o" not in line
    assert line


def test_a_short_key_is_left_out_as_a_word_and_not_within_words() -> None:
    assert shown("an extra x is bad", "x") == "an extra … is bad"


def test_a_page_of_html_is_shown_by_its_title() -> None:
    page = error(502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
    assert server_sentence(page, None) == "502 Bad Gateway"


def test_other_errors_refuse_no_part() -> None:
    assert refused_parameter(error(401, {"error": {"message": "seed"}}), BODY) is None
    assert refused_parameter(error(500, {"error": {"message": "seed"}}), BODY) is None


def test_max_tokens_is_renamed_before_it_is_left_out() -> None:
    renamed = without_parts(BODY, {"max_tokens"})
    assert (renamed["max_completion_tokens"], "max_tokens" in renamed) == (50, False)
    left_out = without_parts(BODY, {"max_tokens", "max_completion_tokens"})
    assert not {"max_tokens", "max_completion_tokens"} & set(left_out)
    assert "seed" not in without_parts(BODY, {"seed", "temperature"})
    assert BODY["max_tokens"] == 50


def test_a_system_message_becomes_the_beginning_of_the_users() -> None:
    assert without_parts(BODY, {"system"})["messages"] == [{"role": "user", "content": "Be brief.\n\nA dog barks"}]


@pytest.mark.parametrize(
    ("status", "body", "base_url", "named"),
    [
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, "http://h/v1", "OPENAI_API_KEY"),
        (403, {"error": "forbidden"}, "http://h/v1", "403: forbidden"),
        (404, "<html>Not Found</html>", "http://h:1", "most servers want http://h:1/v1"),
        (404, {"error": {"message": "no such path"}}, "http://h/v1/chat/completions", "ends before /chat/completions"),
        (404, {"error": {"message": "model x not found"}}, "http://h/v1", "is caption.model right"),
        (422, {"detail": [{"msg": "odd"}]}, "http://h/v1", "422"),
    ],
)
def test_what_holds_for_all_requests_is_one_line(status: int, body: Any, base_url: str, named: str) -> None:
    line = why_unusable(error(status, body), base_url, KEY, 30)
    assert line is not None
    assert named in line
    assert str(status) in line
    assert KEY not in line
    assert line.isprintable()
    assert "<html" not in line


def test_a_redirect_names_where_it_leads_and_no_secret() -> None:
    line = why_unusable(error(307, "", {"location": "https://u:p@else.where/v1?token=x"}), "http://h/v1", None, 30)
    assert line is not None
    assert "redirects to https://else.where/v1" in line
    assert "token" not in line


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_what_may_pass_does_not_make_an_endpoint_unusable(status: int) -> None:
    assert why_unusable(error(status, {"error": {"message": "busy"}}), "http://h/v1", None, 30) is None


def test_a_sentence_of_the_server_is_short_and_printable() -> None:
    text = server_sentence(error(400, {"error": {"message": "a\x1b[2J\n" + "b" * 5000 + " sk-proj-abcdefgh"}}), None)
    assert len(text) <= 300
    assert text.isprintable()
    assert "sk-proj" not in server_sentence(error(401, {"error": {"message": "bad sk-proj-abc***xyz9"}}), None)
