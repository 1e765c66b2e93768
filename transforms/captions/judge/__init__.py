"""The judge: a model reads an answer that the check doubts, and rules compare what it read with the row."""

from __future__ import annotations

from transforms.captions.judge.comparison import REASONS, compare_place, compare_reading, reason_of_verdict
from transforms.captions.judge.question import judge_request
from transforms.captions.judge.reading import Placed, Reading, Sound, parse_reading
from transforms.captions.judge.verdict import verdict

__all__ = [
    "REASONS",
    "Placed",
    "Reading",
    "Sound",
    "compare_place",
    "compare_reading",
    "judge_request",
    "parse_reading",
    "reason_of_verdict",
    "verdict",
]
