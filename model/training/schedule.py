"""The learning rate by step: a rise from zero, then half a cosine back to it."""

from __future__ import annotations

import math


def learning_rate_at(step: int, steps: int, warmup_steps: int) -> float:
    """The share of the learning rate at a step: a rise from 0 over the warm-up, then half a cosine to 0."""
    warmup_steps = min(warmup_steps, steps // 2)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))
