"""Two-layer MLPs on frozen embeddings: the readout of a direction, and the classifier of its word.

ELSA reads a place with a "two-layer MLP of 32,768 parameters" and a word with one of 33 k. From 512 numbers to 64 is
512 · 64 = 32,768 weights, and that layer's 64 biases and an output of three or four make it 33 k in both, so that is
what these are. How the paper trains them is not said.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.draws import derive_seed, keyed_generator

#: Width of the hidden layer.
HIDDEN = 64
_BATCH = 256
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1e-2

_Loss = Callable[[Tensor, Tensor], Tensor]


class Probe(nn.Module):
    """(n, E) unit vectors → (n, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, HIDDEN)
        self.second = nn.Linear(HIDDEN, outputs)
        # A unit vector of 512 numbers has entries of 0.04; scaled up, a fresh layer sees entries near one.
        self.scale = math.sqrt(inputs)

    def forward(self, embedding: Tensor) -> Tensor:
        """(n, E) → (n, outputs)."""
        out: Tensor = self.second(functional.gelu(self.first(embedding * self.scale)))
        return out


@dataclass(frozen=True)
class Readout:
    """A trained probe, and what it is: ``parameters`` in all, ``rows`` that it learnt from."""

    probe: Probe
    rows: int

    @property
    def parameters(self) -> int:
        """Weights and biases of both layers."""
        return sum(parameter.numel() for parameter in self.probe.parameters())

    @torch.inference_mode()
    def __call__(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, E) → (n, outputs)."""
        found: NDArray[np.float64] = self.probe(torch.from_numpy(embeddings).float()).double().numpy()
        return found


def train_direction_readout(
    embeddings: NDArray[np.floating], directions: NDArray[np.floating], *, steps: int, seed: int
) -> Readout:
    """From embeddings (n, E) to unit vectors (n, 3), by one minus the cosine of the angle."""
    true = torch.from_numpy(directions).float()

    def loss(out: Tensor, rows: Tensor) -> Tensor:
        return (1 - functional.cosine_similarity(out, true[rows], dim=1)).mean()

    return _train(embeddings, 3, loss, steps=steps, seed=seed)


def train_classifier(
    embeddings: NDArray[np.floating], classes: NDArray[np.integer], count: int, *, steps: int, seed: int
) -> Readout:
    """From embeddings (n, E) to scores of ``count`` classes, by cross-entropy."""
    true = torch.from_numpy(classes.astype(np.int64))

    def loss(out: Tensor, rows: Tensor) -> Tensor:
        return functional.cross_entropy(out, true[rows])

    return _train(embeddings, count, loss, steps=steps, seed=seed)


def _train(embeddings: NDArray[np.floating], outputs: int, loss: _Loss, *, steps: int, seed: int) -> Readout:
    inputs = torch.from_numpy(embeddings).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "probe", outputs))
        probe = Probe(inputs.shape[1], outputs)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = keyed_generator(seed, "probe rows", len(inputs))
    with torch.enable_grad():
        for _ in range(steps):
            rows = torch.from_numpy(generator.integers(len(inputs), size=min(_BATCH, len(inputs))))
            optimizer.zero_grad()
            loss(probe(inputs[rows]), rows).backward()
            optimizer.step()
            schedule.step()
    return Readout(probe.eval(), len(inputs))
