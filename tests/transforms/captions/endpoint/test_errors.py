"""What an endpoint's error means: which part of a request it refuses, and the line that a user reads."""

from __future__ import annotations

from typing import Any

import pytest

from transforms.captions.endpoint.errors import refused_parameter, server_sentence, why_unusable, without_parts

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
