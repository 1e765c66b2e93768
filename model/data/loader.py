"""Loads batches of a data set in a given order, in this process or in worker processes. The batches are the same."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from model.data.dataset import ReleaseDataset
from model.data.order import Turn
from model.data.samples import Batch, Sample, collate
from model.errors import ReleaseUnreadable, WorkersLost, one_line

#: Modules that the fork server imports once for all workers; PyTorch comes with them.
_PRELOADED = ["model.data"]


def load_batches(
    dataset: ReleaseDataset,
    order: Sequence[int | Turn],
    *,
    batch_size: int,
    workers: int = 0,
) -> Iterator[Batch]:
    """Yields batches of rows in the order given; the last batch may be shorter.

    Args:
        dataset: the rows.
        order: row numbers, or turns from ``ReleaseDataset.turns``.
        batch_size: rows of a batch.
        workers: processes that decode; 0 decodes in this one. They are forked from a server that has no threads and no
            GPU, so a program's main module must be safe to import (``if __name__ == "__main__"``).

    Raises:
        SoundUnreadable: a file of a batch cannot be used, or a worker was killed.
    """
    batches = [list(order[first : first + batch_size]) for first in range(0, len(order), batch_size)]
    context = None
    if workers:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
    loader = DataLoader(
        _Forwarding(dataset),
        # To DataLoader, lists of indices are a batch sampler.
        batch_sampler=batches,
        num_workers=min(workers, len(batches)),
        collate_fn=_collate,
        worker_init_fn=_single_threaded,
        multiprocessing_context=context if batches else None,
        # Otherwise it would draw from the global generator.
        generator=torch.Generator().manual_seed(0),
    )
    try:
        for batch in loader:
            if isinstance(batch, ReleaseUnreadable):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        text = one_line(error)
        raise WorkersLost(f"a worker process was lost; fewer workers use less memory: {text}") from None


class _Forwarding(Dataset["Sample | ReleaseUnreadable"]):
    """A data set that returns its errors, because an error raised in a worker comes back as the text of a traceback."""

    def __init__(self, dataset: ReleaseDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, row: int | Turn) -> Sample | ReleaseUnreadable:
        try:
            return self.dataset[row]
        except ReleaseUnreadable as error:
            return error


def _collate(items: Sequence[Sample | ReleaseUnreadable]) -> Batch | ReleaseUnreadable:
    samples = []
    for item in items:
        if isinstance(item, ReleaseUnreadable):
            return item
        samples.append(item)
    return collate(samples)


def _single_threaded(_: int) -> None:
    torch.set_num_threads(1)
