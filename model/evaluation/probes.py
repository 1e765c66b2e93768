"""Two-layer MLPs on frozen embeddings: the readout of a direction, and the classifier of its word.

ELSA reads a place with a "two-layer MLP of 32,768 parameters" and a word with one of 33 k. From 512 numbers to 64 is
512 · 64 = 32,768 weights, and that layer's 64 biases and an output of three or four make it 33 k in both, so that is
what these are. How the paper trains them is not said; weight decay is chosen here on a tenth of the clips, which is
held out: with little of it a few thousand rows are learnt by heart from numbers that say nothing of the place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
#: Of AdamW; the first where there are too few clips to hold any out.
_WEIGHT_DECAYS = (1.0, 0.01, 3.0, 10.0)
#: Share of the clips that are held out.
HELD_OUT = 0.1

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
    embeddings: NDArray[np.floating], directions: NDArray[np.floating], clips: Sequence[str], *, steps: int, seed: int
) -> Readout:
    """From embeddings (n, E) of ``clips`` to unit vectors (n, 3), by one minus the cosine of the angle."""
    true = torch.from_numpy(directions).float()

    def loss(out: Tensor, rows: Tensor) -> Tensor:
        return (1 - functional.cosine_similarity(out, true[rows], dim=1)).mean()

    return _train(embeddings, 3, loss, clips, steps=steps, seed=seed)


def train_classifier(
    embeddings: NDArray[np.floating],
    classes: NDArray[np.integer],
    count: int,
    clips: Sequence[str],
    *,
    steps: int,
    seed: int,
) -> Readout:
    """From embeddings (n, E) of ``clips`` to scores of ``count`` classes, by cross-entropy."""
    true = torch.from_numpy(classes.astype(np.int64))

    def loss(out: Tensor, rows: Tensor) -> Tensor:
        return functional.cross_entropy(out, true[rows])

    return _train(embeddings, count, loss, clips, steps=steps, seed=seed)


def _train(
    embeddings: NDArray[np.floating], outputs: int, loss: _Loss, clips: Sequence[str], *, steps: int, seed: int
) -> Readout:
    inputs = torch.from_numpy(embeddings).float()
    learnt, held = (torch.from_numpy(rows) for rows in _parted(clips, seed))

    def fitted(weight_decay: float) -> Probe:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "probe", outputs))
            probe = Probe(inputs.shape[1], outputs)
        optimizer = torch.optim.AdamW(probe.parameters(), lr=_LEARNING_RATE, weight_decay=weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        generator = keyed_generator(seed, "probe rows", len(learnt))
        with torch.enable_grad():
            for _ in range(steps):
                rows = learnt[torch.from_numpy(generator.integers(len(learnt), size=min(_BATCH, len(learnt))))]
                optimizer.zero_grad()
                loss(probe(inputs[rows]), rows).backward()
                optimizer.step()
                schedule.step()
        return probe.eval()

    def on_held(probe: Probe) -> float:
        with torch.inference_mode():
            return loss(probe(inputs[held]), held).item()

    probes = [fitted(weight_decay) for weight_decay in (_WEIGHT_DECAYS if len(held) else _WEIGHT_DECAYS[:1])]
    return Readout(min(probes, key=on_held) if len(held) else probes[0], len(inputs))


def _parted(clips: Sequence[str], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to learn from and those held out, whole clips; of a few clips none is."""
    names = sorted(set(clips))
    keyed_generator(seed, "held out", len(names)).shuffle(names)
    apart = set(names[: int(HELD_OUT * len(names))])
    out = np.array([clip in apart for clip in clips])
    return np.flatnonzero(~out), np.flatnonzero(out)
