"""The text of an answer without what chat models put around it."""

from __future__ import annotations

import re

#: How models mark what they think before they answer: tags in several spellings, and the channels of gpt-oss.
_OPENS_REASONING = re.compile(
    r"\s*(?:<\|?(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|begin_of_thought)"
    r"(?:\s[^<>]{0,40})?\|?>|\[think\]|◁think▷|(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary))",
    re.IGNORECASE,
)
_CLOSES_REASONING = re.compile(
    r"<\|?/(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad)\|?>|"
    r"<\|end_of_thought\|>|\[/think\]|◁/think▷|<\|channel\|>final(?:<\|constrain\|>\w{0,20})?<\|message\|>",
    re.IGNORECASE,
)
_ANSWER_TAG = re.compile(r"<(answer|output|response|final|final_answer)>(.*)</\1>", re.IGNORECASE | re.DOTALL)
_END_TOKENS = ("<|im_end|>", "<|return|>", "<|end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>", "</s>")


def without_reasoning(answer: str) -> str:
    """The answer without the reasoning before it; empty where the model was cut off while it reasoned."""
    end = 0
    for match in _CLOSES_REASONING.finditer(answer):
        end = match.end()
    text = answer[end:]
    if _OPENS_REASONING.match(text):
        return ""
    # gpt-oss behind a server that drops its tokens: "analysisWe need …assistantfinalNear, a dog barks."
    head, final, rest = text.rpartition("assistantfinal")
    return rest if final and head.lstrip().startswith("analysis") else text


def clean_answer(answer: str) -> str:
    """The answer without what chat models wrap it in: reasoning, end tokens, one pair of tags or quotes around all."""
    text = without_reasoning(answer).strip()
    for token in _END_TOKENS:
        text = text.removesuffix(token).strip()
    tagged = _ANSWER_TAG.fullmatch(text)
    text = tagged[2].strip() if tagged else text
    for opening, closing in ('""', "''", "“”", "‘’", "``"):
        inner = text[1:-1]
        if (
            len(text) > 2
            and text[0] == opening
            and text[-1] == closing
            and opening not in inner
            and closing not in inner
        ):
            text = inner.strip()
    # "Far far away" is one word said twice, by which a small model begins most of what is far.
    return re.sub(r"\b(far),? far\b", r"\1", text, flags=re.IGNORECASE)
