"""Answers without what models put around them: reasoning, tags, end tokens, quotes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.check.clean import clean_answer, without_reasoning

ANSWER = "On the left, a dog barks."


@pytest.mark.parametrize(
    "wrapped",
    [
        f"<think>left?</think>{ANSWER}",
        f"<THINK>left?</THINK>\n{ANSWER}",
        f"<think time='3'>left?</think>{ANSWER}",
        f"left?</think>{ANSWER}",
        f"<seed:think>left?</seed:think>{ANSWER}",
        f"<thought>left?</thought><answer>{ANSWER}</answer>",
        f"<|begin_of_thought|>left?<|end_of_thought|>{ANSWER}",
        f"[THINK]left?[/THINK]{ANSWER}",
        f"◁think▷left?◁/think▷{ANSWER}",
        f"<|channel|>analysis<|message|>left?<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
        f"analysisWe need the left.assistantfinal{ANSWER}",
        f"{ANSWER}<|im_end|>",
        f"{ANSWER}</s>",
        f"<think>a</think><think>b</think>“{ANSWER}”",
        f"<answer>\n{ANSWER}\n</answer>",
    ],
)
def test_what_stands_around_an_answer_is_taken_off(wrapped: str) -> None:
    assert clean_answer(wrapped) == ANSWER


@pytest.mark.parametrize(
    "cut_off",
    ["<think>the user", "<thinking>\nHm", "[THINK]hm", "◁think▷hm", "<|channel|>analysis<|message|>hm", " <think>", ""],
)
def test_an_answer_that_was_cut_off_while_the_model_reasoned_is_empty(cut_off: str) -> None:
    assert clean_answer(cut_off) == ""


@pytest.mark.parametrize("text", ["I think a dog barks", "An analysis of barks", "A dog barks at a thinking man"])
def test_words_that_are_no_tags_stay(text: str) -> None:
    assert clean_answer(text) == text


@pytest.mark.slow
@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "<|channel|>", "final", "<|message|>", "a ", "\n"])))
def test_a_second_cleaning_finds_nothing_of_reasoning_left_at_the_head(pieces: list[str]) -> None:
    text = without_reasoning("".join(pieces))
    assert without_reasoning(text) == text


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<answer>", "assistantfinal", "<|channel|>analysis"])
def test_cleaning_takes_time_in_proportion_to_the_text(piece: str) -> None:
    begin = time.process_time()
    clean_answer(piece * 40_000)
    assert time.process_time() - begin < 1
