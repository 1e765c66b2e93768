"""What a model is after an epoch: the loss on the validation split, and mAP@10 on its spatial captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.data import Batch, ReleaseDataset, load_batches
from model.ranking import MAP_RANK, average_precision, first_hits
from model.training.processes import Processes

#: Queries ranked at a time, so that what is relevant is never held for all pairs.
_QUERIES = 1024


def mean_average_precision(audio: Tensor, text: Tensor, captions: Sequence[str]) -> float:
    """mAP@10 on spatial captions, by which ELSA, section 5.1, picks its checkpoint: the mean of both directions.

    Args:
        audio, text: (n, embedding_size), unit vectors, row i of both of one pair.
        captions: of the n pairs; equal ones are right for each other, and a tie counts against the model.
    """
    words = {caption: place for place, caption in enumerate(dict.fromkeys(captions))}
    own = np.array([words[caption] for caption in captions])
    sound, sentences = (part.detach().cpu().double().numpy() for part in (audio, text))
    counts = np.bincount(own)[own]
    precisions = []
    for queries, items in ((sound, sentences), (sentences, sound)):
        for first in range(0, len(own), _QUERIES):
            some = slice(first, first + _QUERIES)
            hits = first_hits(queries[some], items, own[some, None] == own)
            precisions.append(average_precision(hits, counts[some], MAP_RANK))
    return float(np.concatenate(precisions).mean())


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
