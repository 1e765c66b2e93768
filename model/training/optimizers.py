"""Optimisers: PyTorch's Adam and AdamW, and LAMB for pre-training; and the schedule of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from model.configuration.training import PretrainingConfiguration, TrainingConfiguration


class Lamb(torch.optim.Optimizer):
    """LAMB: Adam, with the step of each tensor scaled to the norm of the tensor.

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", 2020, algorithm 2,
    with φ(x) = x. Weight decay is decoupled. A step is not scaled if it or its tensor has norm zero.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Does one step. ``closure`` is not called."""
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.tensor(0.0)
                    state["exp_avg"] = torch.zeros_like(parameter)
                    state["exp_avg_sq"] = torch.zeros_like(parameter)
                state["step"] += 1
                count = state["step"].item()
                state["exp_avg"].lerp_(parameter.grad, 1 - first)
                state["exp_avg_sq"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
                mean = state["exp_avg"] / (1 - first**count)
                spread = (state["exp_avg_sq"] / (1 - second**count)).sqrt_().add_(group["eps"])
                update = mean.div_(spread).add_(parameter, alpha=group["weight_decay"])
                ratio = parameter.norm() / update.norm()
                scale = torch.where(torch.isfinite(ratio) & (ratio > 0), ratio, torch.ones_like(ratio))
                parameter.sub_(update.mul_(scale * group["lr"]))


_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "lamb": Lamb,
}


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: PretrainingConfiguration | TrainingConfiguration
) -> torch.optim.Optimizer:
    """Makes the optimiser that a phase names, for the parameters that take gradients."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    # Biases, norms and the temperature do not decay.
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    make: Any = _OPTIMIZERS[settings.optimizer]
    optimizer: torch.optim.Optimizer = make(groups, lr=settings.learning_rate)
    return optimizer


def learning_rate_at(step: int, steps: int, warmup_steps: int) -> float:
    """The factor of the learning rate at a step: it rises from 0 in the warm-up, then follows half a cosine to 0."""
    warmup_steps = min(warmup_steps, steps // 2)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))
