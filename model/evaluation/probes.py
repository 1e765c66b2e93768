"""Two-layer MLPs on frozen embeddings: the readout of a direction, and the classifier of its word.

ELSA estimates a direction with a "two-layer MLP of 32,768 parameters" and a word with one of 33 k. From 512 numbers to
64, there are 512 · 64 = 32,768 weights; with 64 biases and an output of three or four, both have 33 k. The paper does
not say how it trains them. Here the weight decay is chosen on a tenth of the clips, which is held out. With little
weight decay, a few thousand rows are memorised from numbers that carry no direction.
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

from model.devices import one_thread
from model.draws import derive_seed, keyed_generator

#: Width of the hidden layer.
HIDDEN = 64
_BATCH = 256
_LEARNING_RATE = 2e-3
#: Weight decays of AdamW to choose from; the first one if there are too few clips to hold any out.
_WEIGHT_DECAYS = (1.0, 0.01, 3.0, 10.0)
#: Share of the clips that is held out.
HELD_OUT = 0.1

_Loss = Callable[[Tensor, Tensor], Tensor]


class Probe(nn.Module):
    """A two-layer MLP on unit vectors."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, HIDDEN)
        self.second = nn.Linear(HIDDEN, outputs)
        # A unit vector of 512 numbers has entries of about 0.04. Scaled, they are near 1, as a new layer expects.
        self.scale = math.sqrt(inputs)

    def forward(self, embedding: Tensor) -> Tensor:
        """Maps embeddings (n, E) to (n, outputs)."""
        out: Tensor = self.second(functional.gelu(self.first(embedding * self.scale)))
        return out


@dataclass(frozen=True)
class Readout:
    """A trained probe, and the number of rows that it has learnt from."""

    probe: Probe
    rows: int

    @property
    def parameters(self) -> int:
        """Number of weights and biases of both layers."""
        return sum(parameter.numel() for parameter in self.probe.parameters())

    @torch.inference_mode()
    def __call__(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """Maps embeddings (n, E) to (n, outputs)."""
        found: NDArray[np.float64] = self.probe(torch.from_numpy(embeddings).float()).double().numpy()
        return found


def train_direction_readout(
    embeddings: NDArray[np.floating], directions: NDArray[np.floating], clips: Sequence[str], *, steps: int, seed: int
) -> Readout:
    """Trains a readout from embeddings to directions. The loss is one minus the cosine of the angle.

    Args:
        embeddings: (n, E), unit vectors.
        directions: (n, 3), unit vectors x, y, z.
        clips: name of the clip of each row.
        steps: gradient steps.
        seed: of all draws.
    """
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
    """Trains a classifier of embeddings. The loss is the cross entropy.

    Args:
        embeddings: (n, E), unit vectors.
        classes: (n,), the class of each row.
        count: number of classes.
        clips: name of the clip of each row.
        steps: gradient steps.
        seed: of all draws.
    """
    true = torch.from_numpy(classes.astype(np.int64))

    def loss(out: Tensor, rows: Tensor) -> Tensor:
        return functional.cross_entropy(out, true[rows])

    return _train(embeddings, count, loss, clips, steps=steps, seed=seed)


def _train(
    embeddings: NDArray[np.floating], outputs: int, loss: _Loss, clips: Sequence[str], *, steps: int, seed: int
) -> Readout:
    inputs = torch.from_numpy(embeddings).float()
    learnt, held_out = (torch.from_numpy(rows) for rows in hold_out(clips, seed))

    def fit(weight_decay: float) -> Probe:
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

    def held_out_loss(probe: Probe) -> float:
        with torch.inference_mode():
            return loss(probe(inputs[held_out]), held_out).item()

    with one_thread():
        if not len(held_out):
            return Readout(fit(_WEIGHT_DECAYS[0]), len(inputs))
        return Readout(min(map(fit, _WEIGHT_DECAYS), key=held_out_loss), len(inputs))


def hold_out(clips: Sequence[str], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to learn from, and the rows of the clips that are held out: none of fewer than ten clips."""
    names = sorted(set(clips))
    keyed_generator(seed, "held out", len(names)).shuffle(names)
    chosen = set(names[: int(HELD_OUT * len(names))])
    held_out = np.array([clip in chosen for clip in clips])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
