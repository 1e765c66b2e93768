"""Chat completions in every shape that servers give them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.endpoint.chat import reply_of, reply_of_body
from transforms.records import Reply, ReplyKind


def completion(content: Any, **choice: Any) -> dict[str, Any]:
    return {
        "choices": [{"message": {"content": content}, **choice}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


@pytest.mark.parametrize(
    "content",
    [
        "A dog barks.",
        [{"type": "text", "text": "A dog "}, {"type": "text", "text": "barks."}],
        ["A dog ", "barks."],
        [{"type": "thinking", "thinking": [{"text": "left?"}]}, {"type": "output_text", "text": "A dog barks."}],
        [{"type": "reasoning", "text": "left?"}, {"type": "text", "text": "A dog barks."}],
    ],
)
def test_a_text_in_one_piece_or_in_parts_is_the_text(content: Any) -> None:
    assert reply_of(completion(content)) == Reply("A dog barks.", None, 7, 3)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (completion(None), "unreadable: no text"),
        (completion([]), "unreadable: no text"),
        (completion({"text": "x"}), "unreadable: no text"),
        (completion(7), "unreadable: no text"),
        ({"choices": []}, "unreadable: no choices"),
        ({"choices": "A dog barks"}, "unreadable: no choices"),
        ({"choices": {"0": {}}}, "unreadable: no choices"),
        ({"error": {"message": "busy"}}, "unreadable: no choices"),
        ([], "unreadable: no choices"),
        (None, "unreadable: no choices"),
        (completion("", finish_reason="length"), "unreadable: no text within caption.max_tokens"),
        (completion(None, finish_reason="length"), "unreadable: no text within caption.max_tokens"),
        (completion("<think>the user wants", finish_reason="length"), "unreadable: no text within caption.max_tokens"),
        (completion(None, finish_reason="content_filter"), "refusal"),
        ({"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}, "refusal"),
        (completion("", finish_reason="stop"), None),
        (completion("A dog barks", finish_reason="length"), None),
    ],
)
def test_a_completion_without_a_text_is_a_failure_that_says_why(values: Any, error: str | None) -> None:
    assert reply_of(values).error == error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<!DOCTYPE html><html><title>Welcome</title></html>", "unreadable: a page of HTML"),
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "unreadable: an event stream"),
        (b"event: message\ndata: {}\n\n", "unreadable: an event stream"),
        (b"Internal error", "unreadable: not JSON"),
        (b"", "unreadable: not JSON"),
        (b"\xff\xfe", "unreadable: not JSON"),
        (b"[" * 100_000, "unreadable: not JSON"),
        (b"1" * 10_000, "unreadable: not JSON"),
    ],
)
def test_a_body_that_is_no_json_is_named(body: bytes, error: str) -> None:
    assert reply_of_body(body).error == error


def test_a_completion_is_read_whatever_its_content_type_says() -> None:
    # The client would hand out the text of a body that is called text/plain.
    assert reply_of_body(json.dumps(completion("A dog barks.")).encode()).text == "A dog barks."


def test_a_long_reasoning_does_not_push_the_answer_out() -> None:
    reply = reply_of(completion(f"<think>{'left? ' * 10_000}</think>On the left, a dog barks."))
    assert reply.text == "On the left, a dog barks."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "text", "type", "usage", "refusal", "prompt_tokens"]),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_no_shape_of_a_completion_breaks_the_reader(values: Any) -> None:
    reply = reply_of(values)
    assert reply.kind in (ReplyKind.TEXT, ReplyKind.UNREADABLE, ReplyKind.REFUSAL)
    reply.text.encode()


@given(st.binary())
def test_no_body_breaks_the_reader(body: bytes) -> None:
    reply_of_body(body).text.encode()
