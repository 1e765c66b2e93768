"""Validation after an epoch: the loss on the validation split, and mAP@10 on its spatial captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.data import Batch, ReleaseDataset, load_batches
from model.ranking import MAP_RANK, average_precision, first_hits
from model.training.processes import Processes

#: Queries that are ranked at one time, so that relevance is never in memory for all pairs.
_QUERIES = 1024


def mean_average_precision(audio: Tensor, text: Tensor, captions: Sequence[str]) -> float:
    """mAP@10 on spatial captions, the mean of both directions. ELSA, section 5.1, selects its checkpoint by it.

    Args:
        audio, text: (n, embedding_size), unit vectors; row i of both is a pair.
        captions: of the n pairs. Equal captions are relevant to each other's clips. A tie counts against the model.
    """
    numbers = {caption: number for number, caption in enumerate(dict.fromkeys(captions))}
    own = np.array([numbers[caption] for caption in captions])
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
    forward: Callable[[Batch, int], Mapping[str, Tensor]],
    *,
    batch_size: int,
    workers: int,
    processes: Processes,
) -> dict[str, Tensor]:
    """Runs a model over a split.

    Args:
        dataset: the rows.
        forward: makes named tensors over the clips of a batch, from the batch and its index in this process.
        batch_size, workers: as in ``load_batches``.
        processes: share the rows.

    Returns:
        The tensors over all rows in their order, in every process.
    """
    rows = list(range(len(dataset)))
    # All processes get the same number of rows; the last row fills up.
    padded = rows + rows[-1:] * (-len(rows) % processes.count)
    parts: list[Mapping[str, Tensor]] = []
    with torch.no_grad():
        batches = load_batches(dataset, list(processes.share(padded)), batch_size=batch_size, workers=workers)
        for index, batch in enumerate(batches):
            parts.append(forward(batch, index))
        return {name: processes.gather(torch.cat([part[name] for part in parts]))[: len(rows)] for name in parts[0]}


class Means:
    """Means of the terms of a loss, weighted by the clips of each batch."""

    def __init__(self, sums: dict[str, float] | None = None, count: int = 0) -> None:
        self.sums = dict(sums or {})
        self.count = count

    def add(self, terms: dict[str, float], clips: int) -> None:
        """Adds the terms of a batch of ``clips`` clips."""
        self.count += clips
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * clips

    def means(self) -> dict[str, float]:
        """The mean of each term."""
        return {name: value / max(1, self.count) for name, value in self.sums.items()}


def as_numbers(terms: dict[str, Tensor]) -> dict[str, float]:
    """Converts scalar tensors to numbers, in one transfer from the device."""
    values: list[Any] = torch.stack([value.detach().float() for value in terms.values()]).tolist()
    return dict(zip(terms, values, strict=True))
