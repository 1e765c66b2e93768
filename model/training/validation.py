"""What a model is after an epoch: the loss on the validation split, and mAP@10 on its spatial captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.data import Batch, ReleaseDataset, load_batches
from model.training.processes import Processes

RANK = 10
#: Queries ranked at one time.
_QUERIES = 512


def mean_average_precision(audio: Tensor, text: Tensor, captions: Sequence[str]) -> float:
    """mAP@10 on spatial captions, by which ELSA, section 5.1, picks its checkpoint: the mean of both directions.

    Args:
        audio, text: (n, embedding_size), unit vectors, row i of both of one pair.
        captions: of the n pairs; equal ones are right for each other, and a tie counts against the model.
    """
    words = {caption: place for place, caption in enumerate(dict.fromkeys(captions))}
    own = np.array([words[caption] for caption in captions])
    sound, sentences = (part.detach().cpu().double().numpy() for part in (audio, text))
    ways = ((sound, sentences), (sentences, sound))
    return float(np.mean([_average_precision(queries, items, own) for queries, items in ways]))


def _average_precision(queries: NDArray[np.float64], items: NDArray[np.float64], own: NDArray[np.int_]) -> float:
    found = []
    for first in range(0, len(queries), _QUERIES):
        likeness = queries[first : first + _QUERIES] @ items.T
        relevant = own[first : first + _QUERIES, None] == own[None, :]
        order = np.lexsort((relevant, -likeness), axis=1)[:, :RANK]
        hits = np.take_along_axis(relevant, order, axis=1)
        precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
        found.append((precision * hits).sum(1) / np.minimum(relevant.sum(1), RANK))
    return float(np.concatenate(found).mean())


def outputs_on(
    dataset: ReleaseDataset,
    forward: Callable[[Batch, int], Sequence[Tensor]],
    *,
    batch_size: int,
    workers: int,
    processes: Processes,
) -> list[Tensor]:
    """What ``forward`` makes of the batches of a split, in the order of its rows, in every process.

    ``forward`` takes a batch and its place among this process's.
    """
    rows = list(range(len(dataset)))
    # The processes' parts are of one size; the last row fills up.
    padded = rows + rows[-1:] * (-len(rows) % processes.count)
    parts: list[Sequence[Tensor]] = []
    with torch.no_grad():
        batches = load_batches(dataset, list(processes.share(padded)), batch_size=batch_size, workers=workers)
        for place, batch in enumerate(batches):
            parts.append(forward(batch, place))
        return [processes.gather(torch.cat(list(part)))[: len(rows)] for part in zip(*parts, strict=True)]


class Means:
    """Means of a loss's terms, weighted by the clips of each batch."""

    def __init__(self, sums: dict[str, float] | None = None, count: int = 0) -> None:
        self.sums = dict(sums or {})
        self.count = count

    def add(self, terms: dict[str, float], clips: int) -> None:
        """The terms of a batch of so many clips."""
        self.count += clips
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * clips

    def means(self) -> dict[str, float]:
        """The mean of each term."""
        return {name: value / max(1, self.count) for name, value in self.sums.items()}


def as_numbers(terms: dict[str, Tensor]) -> dict[str, float]:
    """Scalar tensors to numbers, in one transfer."""
    values: list[Any] = torch.stack([value.detach().float() for value in terms.values()]).tolist()
    return dict(zip(terms, values, strict=True))
